"""The registry of poster sources: addresses, hosts, and what each must state."""

import pytest

from catalog.posters.sources.registry import POSTER_SOURCES, PageSource, PosterSource
from catalog.titles.formats.records import TitleRecord

PAGES = {name: source for name, source in POSTER_SOURCES.items() if isinstance(source, PageSource)}
TMDB, IMDB = PAGES["tmdb_page"], PAGES["imdb_page"]
FILM = TitleRecord("The Lighthouse Choir", imdb_id="tt0000007", tmdb_id=7)


def test_pages_are_addressed_by_each_sites_own_id() -> None:
    assert TMDB.page_url(FILM) == "https://www.themoviedb.org/movie/7"
    assert IMDB.page_url(FILM) == "https://www.imdb.com/title/tt0000007/"


def test_a_replica_takes_the_place_of_the_site() -> None:
    assert TMDB.page_url(FILM, "http://127.0.0.1:8900/") == "http://127.0.0.1:8900/movie/7"
    assert TMDB.hosts("http://127.0.0.1:8900/") == {"127.0.0.1:8900"}


@pytest.mark.parametrize(
    "imdb_id", [None, "tt1/../../admin", "tt0000007/", "nm0000007", "tt7", "tt0000007?x=", "tt０００００07"]
)
def test_without_a_valid_id_a_film_has_no_page(imdb_id: str | None) -> None:
    assert IMDB.page_url(TitleRecord("Evil", imdb_id=imdb_id)) is None
    assert TMDB.page_url(TitleRecord("Evil", imdb_id=imdb_id)) is None


@pytest.mark.parametrize("source", POSTER_SOURCES.values(), ids=POSTER_SOURCES)
def test_every_source_states_its_hosts_and_terms(source: PosterSource) -> None:
    assert source.base_url.startswith("https://")
    assert source.base_url.removeprefix("https://") in source.page_hosts
    assert source.image_base_url.removeprefix("https://") in source.image_hosts
    assert source.hosts() == source.page_hosts | source.image_hosts
    assert source.hosts(source.base_url) == source.hosts()
    assert source.attribution
    assert source.terms_url.startswith("https://")
