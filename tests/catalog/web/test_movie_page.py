"""A film's page: poster and source, genres and where they came from, suggestions, look-alikes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from django.test import Client

from catalog.embeddings.index_files import build_stale
from catalog.models import DuplicateGroup, DuplicateMember, Extractor, Movie
from tests.catalog.pages import one, soup, texts
from tests.factories import EmbeddingFactory, ExtractorFactory, MovieFactory, PosterFactory, SuggestionFactory

pytestmark = pytest.mark.django_db


def embedded(title: str, extractor: Extractor, values: Sequence[float], movie: Movie | None = None) -> Movie:
    film = movie or MovieFactory(title=title, genres=["Drama"], poster=True)
    EmbeddingFactory(poster=film.primary_poster, extractor=extractor, values=values)
    return film


def test_facts_poster_and_source(client: Client) -> None:
    film = MovieFactory(
        title="Lighthouse",
        original_title="Fyren",
        year=1987,
        overview="A keeper & his lamp.",
        franchise="Lamps",
    )
    poster = PosterFactory(movie=film, attribution="Poster from The Movie Database")
    page = soup(client.get(film.get_absolute_url()))
    assert texts(page, "h1") == ["Lighthouse"]
    about = one(page, ".about").get_text()
    assert all(word in about for word in ("Fyren", "1987", "A keeper & his lamp.", "Lamps", film.imdb_id))
    assert one(page, ".portrait img")["alt"] == "Poster of Lighthouse (1987)"
    caption = one(page, "figcaption")
    assert "Poster from The Movie Database" in caption.get_text()
    assert one(caption, "a")["href"] == poster.page_url
    assert "noopener" in one(caption, "a")["rel"]


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "data:text/html,x", "//evil.example", "http://[", "x"]
)
def test_a_source_that_is_no_web_address_is_never_a_link(client: Client, address: str) -> None:
    film = MovieFactory()
    PosterFactory(movie=film, page_url=address, source_url=address)
    assert one(soup(client.get(film.get_absolute_url())), "figcaption").select("a") == []


def test_each_genre_says_where_it_came_from(client: Client) -> None:
    film = MovieFactory(genres=["Drama"])
    MovieFactory(genres=["Horror"])
    film.movie_genres.create(genre=MovieFactory(genres=["Comedy"]).genres.get(), origin="accepted")
    chips = texts(soup(client.get(film.get_absolute_url())), ".about .chip")
    assert chips == ["Comedy accepted suggestion", "Drama imported"]


def test_visitors_see_that_a_suggestion_waits_but_not_its_score(client: Client) -> None:
    suggestion = SuggestionFactory(movie=MovieFactory(poster=True), genre__name="Western", score=0.83)
    SuggestionFactory(movie=suggestion.movie, genre__name="War", state="rejected")
    suggested = one(soup(client.get(suggestion.movie.get_absolute_url())), ".suggested")
    assert "Western" in suggested.get_text()
    assert "83" not in suggested.get_text() and "War" not in suggested.get_text()
    assert suggested.select("a.button") == []


def test_reviewers_see_the_score_called_a_score_and_a_way_to_review(reviewer_client: Client) -> None:
    suggestion = SuggestionFactory(movie=MovieFactory(title="Dust & Sun", poster=True), score=0.83)
    suggested = one(soup(reviewer_client.get(suggestion.movie.get_absolute_url())), ".suggested")
    assert "score .83, suggested from .60" in suggested.get_text()
    link = str(one(suggested, "a.button")["href"])
    assert link.startswith("/admin/catalog/reviewqueue/") and "Dust%20%26%20Sun" in link


def test_look_alikes_are_nearest_first_with_distances(client: Client) -> None:
    extractor = ExtractorFactory(spec="histograms", dims=2)
    film = embedded("Here", extractor, [1, 0])
    embedded("Far", extractor, [0, 1])
    embedded("Near", extractor, [1, 0.1])
    build_stale()
    page = soup(client.get(film.get_absolute_url()))
    assert texts(page, "#lookalikes .title") == ["Near", "Far"]
    near, far = (text.rpartition(" ") for text in texts(page, "#lookalikes .distance"))
    assert near[0] == far[0] == "corrected cosine distance"
    assert 0 < float(near[2]) < float(far[2])


def test_the_strip_follows_the_chosen_extractor_and_method(client: Client) -> None:
    first = ExtractorFactory(spec="histograms", dims=2)
    second = ExtractorFactory(spec="pixels", dims=2)
    film = embedded("Here", first, [1, 0])
    near = embedded("Near by the first", first, [1, 0.1])
    far = embedded("Near by the second", first, [0, 1])
    for movie, values in ((film, [0, 0]), (near, [9, 9]), (far, [1, 0])):
        embedded("", second, values, movie)
    build_stale()
    address = film.get_absolute_url()
    assert texts(soup(client.get(address)), "#lookalikes .title")[0] == "Near by the first"
    page = soup(client.get(address, {"extractor": second.pk}))
    assert texts(page, "#lookalikes .title")[0] == "Near by the second"
    assert texts(page, "#lookalikes .distance")[0] == "Euclidean distance 1.000"
    assert [link["id"] for link in page.select("#lookalikes [aria-current]")] == [
        f"extractor-{second.pk}",
        "method-exact",
    ]
    tree = soup(client.get(address, {"extractor": first.pk, "method": "ball_tree"}))
    assert texts(tree, "#lookalikes .distance")[0] == "Euclidean distance 0.100"


def test_unknown_choices_mean_the_default(client: Client) -> None:
    extractor = ExtractorFactory(spec="histograms", dims=2)
    film = embedded("Here", extractor, [1, 0])
    embedded("There", extractor, [0, 1])
    build_stale()
    for query in (
        {"extractor": "999"},
        {"extractor": "x"},
        {"method": "magic"},
        {"extractor": "", "method": ""},
    ):
        assert texts(soup(client.get(film.get_absolute_url(), query)), "#lookalikes .title") == ["There"]


def test_htmx_gets_the_strip_alone(client: Client) -> None:
    film = embedded("Here", ExtractorFactory(spec="histograms", dims=2), [1, 0])
    headers = {"HX-Request": "true", "HX-Target": "lookalikes"}
    response = client.get(film.get_absolute_url(), headers=headers)
    assert soup(response).select("#lookalikes") and not soup(response).select("header.site")
    assert {"HX-Request", "HX-Target"} <= {name.strip() for name in response["Vary"].split(",")}


@pytest.mark.parametrize(
    ("poster", "others", "sentence"),
    [
        (False, True, "once this film has a poster"),
        (True, False, "No poster is embedded yet"),
        (True, True, "has not embedded this poster yet"),
    ],
)
def test_no_look_alikes_is_explained(client: Client, poster: bool, others: bool, sentence: str) -> None:
    film = MovieFactory(poster=poster)
    if others:
        embedded("Other", ExtractorFactory(spec="histograms", dims=2), [1, 0])
    assert sentence in one(soup(client.get(film.get_absolute_url())), "#lookalikes").get_text()


@pytest.mark.parametrize("pk", ["999", "0", "99999999999999999999999"])
def test_a_film_that_is_not_there_is_a_404(client: Client, pk: str) -> None:
    assert client.get(f"/movie/{pk}/").status_code == 404


def test_ids_lead_to_the_sites_that_gave_them(client: Client) -> None:
    film = MovieFactory(imdb_id="tt0133093", tmdb_id=603)
    links = soup(client.get(film.get_absolute_url())).select(".ids a")
    assert [link["href"] for link in links] == [
        "https://www.imdb.com/title/tt0133093/",
        "https://www.themoviedb.org/movie/603",
    ]
    assert all("noopener" in link["rel"] for link in links)


def test_films_with_the_same_picture_are_named(client: Client) -> None:
    film, other, stranger = (MovieFactory(title=title, poster=True) for title in ("One", "Other", "Stranger"))
    group = DuplicateGroup.objects.create()
    for each in (film, other):
        DuplicateMember.objects.create(group=group, movie=each, poster=each.primary_poster, reason="first")
    named = one(soup(client.get(film.get_absolute_url())), ".same-picture")
    assert [link["href"] for link in named.select("a")] == [other.get_absolute_url()]
    assert soup(client.get(stranger.get_absolute_url())).select(".same-picture") == []


@pytest.mark.parametrize(
    ("fields", "heading", "lines"),
    [
        ({}, "Suggested from the poster, not reviewed", []),
        ({"evidence": "poster,title"}, "Suggested, not reviewed", ["“Ash”"]),
        (
            {"evidence": "poster,title", "poster_sha256": ""},
            "Suggested without a poster, not reviewed",
            ["without a poster · “Ash”"],
        ),
    ],
)
def test_what_genres_are_suggested_from(
    client: Client, fields: dict[str, str], heading: str, lines: list[str]
) -> None:
    explanation = {"parts": {"title": 0.5}, "words": ["Ash"]}
    suggestion = SuggestionFactory(movie__poster=True, explanation=explanation, **fields)
    page = soup(client.get(suggestion.movie.get_absolute_url()))
    assert texts(page, ".suggested h3") == [heading]
    assert texts(page, ".suggested .evidence") == lines
    assert bool(page.select("[data-heat]")) == (fields.get("poster_sha256") != "")
