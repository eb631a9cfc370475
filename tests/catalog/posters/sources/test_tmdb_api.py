"""Requests to TMDB's API, and what is read from its responses, whatever they are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.posters.sources.links import NoPosterFound
from catalog.posters.sources.protocol import Found, SourceResponse
from catalog.posters.sources.tmdb_api import (
    CONFIGURATION_TTL,
    LARGEST_RESPONSE,
    MOST_POSTERS,
    collection,
    find,
    posters,
    sizes,
)
from catalog.titles.formats.records import TitleRecord

ALIEN = TitleRecord("Alien", imdb_id="tt0078748", tmdb_id=348)
CONFIGURATION = {
    "images": {
        "secure_base_url": "https://image.tmdb.org/t/p/",
        "poster_sizes": ["w92", "w154", "w342", "w500", "w780", "original"],
    }
}
FILM = {
    "id": 348,
    "poster_path": "/own.jpg",
    "belongs_to_collection": {"id": 8091, "name": "Alien Collection"},
    "images": {
        "posters": [
            {"file_path": "/fr.jpg", "iso_639_1": "fr", "vote_average": 9.0, "width": 2000},
            {"file_path": "/own.jpg", "iso_639_1": "en", "vote_average": 5.0, "width": 1000},
            {"file_path": "/de.jpg", "iso_639_1": "de", "vote_average": 4.0, "width": 2000},
            {"file_path": "/bare.jpg", "iso_639_1": None, "vote_average": 8.0, "width": 2000},
        ]
    },
}
FOUND = {"movie_results": [{"id": 348, "poster_path": "/own.jpg"}]}


def requested(
    responses: Sequence[Any], film: TitleRecord = ALIEN, languages: Sequence[str] = ()
) -> tuple[Found, list[str]]:
    """What was found, and the requested paths, when the API gives these responses in turn."""
    given = iter(responses)
    paths = []

    def get(path: str, *, ttl: int = 0, is_validator: bool = False) -> SourceResponse:
        paths.append(path)
        # Only the film's own page validates, and only the configuration is the same for all.
        assert is_validator == path.startswith("/3/movie/")
        assert (ttl == CONFIGURATION_TTL) == (path == "/3/configuration")
        response = next(given)
        body = response if isinstance(response, bytes) else json.dumps(response).encode()
        return SourceResponse(f"https://api.themoviedb.org{path}", body)

    return find(film, get, languages), paths


def test_a_film_with_a_tmdb_id_takes_two_requests() -> None:
    found, paths = requested([FILM, CONFIGURATION])
    assert paths == ["/3/movie/348?append_to_response=images", "/3/configuration"]
    assert found.links[0].url == "https://image.tmdb.org/t/p/w780/own.jpg"
    assert found.links[0].alternatives[0] == "https://image.tmdb.org/t/p/w500/own.jpg"
    shown = [(link.url.rpartition("/")[2], link.language) for link in found.links]
    assert shown == [("own.jpg", "en"), ("bare.jpg", "zxx"), ("fr.jpg", "fr"), ("de.jpg", "de")]
    assert (found.page_url, found.tmdb_id) == ("https://www.themoviedb.org/movie/348", 348)
    assert found.franchise == "Alien Collection"


def test_a_film_with_an_imdb_id_alone_is_found_first() -> None:
    found, paths = requested([FOUND, FILM, CONFIGURATION], TitleRecord("Alien", imdb_id="tt0078748"))
    assert paths[0] == "/3/find/tt0078748?external_source=imdb_id"
    assert paths[1].startswith("/3/movie/348?")
    assert found.tmdb_id == 348


def test_preferred_languages_are_requested_and_come_first() -> None:
    found, paths = requested([FILM, CONFIGURATION], languages=["de", "pt-BR", "../x"])
    assert paths[0].endswith("&language=de&include_image_language=de,pt,null")
    assert found.links[0].url.endswith("/de.jpg")


@pytest.mark.parametrize(
    ("languages", "order"),
    [
        (["de"], ["/de.jpg", "/own.jpg", "/bare.jpg", "/fr.jpg"]),
        (["fr", "de"], ["/fr.jpg", "/de.jpg", "/own.jpg", "/bare.jpg"]),
        (["en"], ["/own.jpg", "/bare.jpg", "/fr.jpg", "/de.jpg"]),
    ],
)
def test_posters_are_ordered_by_language_then_by_tmdbs_choice_then_without_words(
    languages: list[str], order: list[str]
) -> None:
    assert list(posters(FILM, languages)) == order


def test_a_poster_that_only_the_film_itself_names_is_taken() -> None:
    assert posters({"poster_path": "/own.jpg", "images": {"posters": []}}, ["de"]) == {"/own.jpg": ""}
    assert posters({"poster_path": "/own.jpg"}) == {"/own.jpg": ""}


def test_only_so_many_posters_are_taken() -> None:
    listed = [{"file_path": f"/{number}.jpg", "iso_639_1": "en"} for number in range(40)]
    assert len(posters({"images": {"posters": listed}})) == MOST_POSTERS


@pytest.mark.parametrize(
    "path",
    [
        *("/../etc.jpg", "own.jpg", "/a/b.jpg", "/own.svg", "//h/x.jpg", 7, None, "/\u0660.jpg"),
        "/x.jpg?redirect=https://evil.example",
    ],
)
def test_an_invalid_path_is_no_poster(path: object) -> None:
    with pytest.raises(NoPosterFound):
        requested([{"poster_path": path}, CONFIGURATION])


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        (["w92", "w342"], ("w342", "w92")),
        (["w1280", "w780"], ("w780",)),
        (["original"], ("original",)),
        (["h632", "wide", 5, "w780/../x"], ()),
    ],
)
def test_widths_are_those_of_the_configuration(listed: list[Any], expected: tuple[str, ...]) -> None:
    value = {"images": {"secure_base_url": "https://image.tmdb.org/t/p/", "poster_sizes": listed}}
    assert sizes(value, "/x.jpg") == tuple(f"https://image.tmdb.org/t/p/{size}/x.jpg" for size in expected)


@pytest.mark.parametrize("film", [TitleRecord("Untitled"), TitleRecord("Evil", imdb_id="tt1/../../admin")])
def test_without_an_id_nothing_is_requested(film: TitleRecord) -> None:
    with pytest.raises(NoPosterFound, match="needs a TMDB or an IMDb id"):
        requested([], film)


BAD_RESPONSES = [
    *(b"", b"\xff\xfe", b"[]", b"null", b"[" * 100_000, b'{"id":' * 50_000, b"9" * 5000),
    b"<html>Sign in</html>",
    b"{}" + b" " * LARGEST_RESPONSE,
    b'{"poster_path": "/x.jpg", "images": {"posters": {"0": 1}}, "belongs_to_collection": 5',
    b'{"movie_results": "x", "images": {"secure_base_url": "file:///", "poster_sizes": ["w500"]}}',
]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_bad_response_gives_no_poster(place: int) -> None:
    for body in BAD_RESPONSES:
        responses: list[Any] = [FOUND, FILM, CONFIGURATION]
        responses[place] = body
        with pytest.raises(NoPosterFound):
            requested(responses, TitleRecord("Alien", imdb_id="tt0078748"))


@pytest.mark.parametrize("number", [0, -5, 2**40, "348", "7/../../account", True, None, 3.5])
def test_an_invalid_id_is_not_requested(number: object) -> None:
    with pytest.raises(NoPosterFound, match="knows no movie with the IMDb id tt0078748"):
        requested(
            [{"movie_results": [{"id": number}, 5]}, FILM, CONFIGURATION],
            TitleRecord("A", imdb_id="tt0078748"),
        )


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ({"name": "  Alien\u00a0 Collection "}, "Alien Collection"),
        *(({"name": name}, "") for name in ("x" * 201, "Al\x00ien", 5)),
        (None, ""),
        ("Alien", ""),
    ],
)
def test_a_collection_is_used_if_it_has_a_name(value: object, name: str) -> None:
    assert collection({"belongs_to_collection": value}) == name


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
film_like = st.fixed_dictionaries(
    {},
    optional={
        "poster_path": json_values | st.just("/x.jpg"),
        "images": json_values
        | st.fixed_dictionaries(
            {
                "posters": st.lists(
                    st.fixed_dictionaries(
                        {},
                        optional={
                            "file_path": json_values | st.sampled_from(["/a.jpg", "/b.png"]),
                            "iso_639_1": json_values,
                            "vote_average": json_values,
                            "width": json_values,
                        },
                    ),
                    max_size=5,
                )
            }
        ),
        "belongs_to_collection": json_values,
    },
)


@pytest.mark.slow
@given(json_values | film_like, json_values | film_like)
def test_any_responses_give_a_poster_or_no_poster_found(film: Any, places: Any) -> None:
    try:
        found, _ = requested([film, places if places else CONFIGURATION])
    except NoPosterFound as error:
        assert str(error)
    else:
        assert found.links[0].url.startswith("https://image.tmdb.org/t/p/w")
