"""Ids are recognised strictly; links to IMDb and TMDB lead nowhere else, whatever an import has stored."""

from __future__ import annotations

import pytest

from catalog.external_ids import external_link, external_url, normalized_imdb_id, numeric_id


def test_ids_lead_to_the_films_pages() -> None:
    assert external_url("imdb", "tt0133093") == "https://www.imdb.com/title/tt0133093/"
    assert external_url("tmdb", 603) == "https://www.themoviedb.org/movie/603"
    link = external_link("imdb", "tt0133093")
    assert 'href="https://www.imdb.com/title/tt0133093/"' in link and "noopener" in link


@pytest.mark.parametrize(
    ("site", "external_id"),
    [
        *(
            ("imdb", number)
            for number in ("tt1/../../name", "javascript:alert(1)", 'tt1"><script>', "tt1\n", "tt٣٣", None)
        ),
        *(("tmdb", number) for number in (0, -1, None, "603?x=1")),
        ("elsewhere", "tt0133093"),
    ],
)
def test_anything_else_is_text(site: str, external_id: object) -> None:
    assert external_url(site, external_id) == ""
    assert "<" not in external_link(site, external_id)


@pytest.mark.parametrize(
    ("text", "normalized"),
    [
        (" TT0114709 ", "tt0114709"),
        ("114709", "tt0114709"),
        *((text, "") for text in ("0", "tt٣٣٣٣٣٣٣", "tt11", "")),
    ],
)
def test_imdb_ids_are_normalized(text: str, normalized: str) -> None:
    assert normalized_imdb_id(text) == normalized


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (" 862.0 ", 862),
        ("2147483647", 2**31 - 1),
        *((text, None) for text in ("2147483648", "0", "-1", "")),
    ],
)
def test_numeric_ids_fit_the_database(text: str, number: int | None) -> None:
    assert numeric_id(text) == number
