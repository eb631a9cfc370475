"""Links to IMDb and TMDB lead nowhere else, whatever an import has stored as an id."""

from __future__ import annotations

import pytest

from catalog.external_ids import external_link, external_url


def test_ids_lead_to_the_films_pages() -> None:
    assert external_url("imdb", "tt0133093") == "https://www.imdb.com/title/tt0133093/"
    assert external_url("tmdb", 603) == "https://www.themoviedb.org/movie/603"
    link = external_link("imdb", "tt0133093")
    assert 'href="https://www.imdb.com/title/tt0133093/"' in link and "noopener" in link


@pytest.mark.parametrize(
    ("site", "external_id"),
    [
        ("imdb", "tt1/../../name"),
        ("imdb", "javascript:alert(1)"),
        ("imdb", 'tt1"><script>'),
        ("imdb", "tt1\n"),
        ("imdb", "tt٣٣"),
        ("imdb", None),
        ("tmdb", 0),
        ("tmdb", -1),
        ("tmdb", None),
        ("tmdb", "603?x=1"),
        ("elsewhere", "tt0133093"),
    ],
)
def test_anything_else_is_text(site: str, external_id: object) -> None:
    assert external_url(site, external_id) == ""
    assert "<" not in external_link(site, external_id)
