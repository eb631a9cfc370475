"""An imported address of a poster is fetched before any page, from enabled sources only."""

from __future__ import annotations

from typing import Any

import pytest

from catalog.models import Movie, SourceLookup
from catalog.posters.fetch import NoPoster, Postponed
from catalog.posters.lookup import poster_url_error
from tests.catalog.posters.conftest import Serve
from tests.catalog.posters.fetches import fetch_poster, fetch_several, refresh
from tests.catalog.posters.films import film, known
from tests.replica.faults import Fault, FaultySite, html_instead, not_found, status, too_many

pytestmark = pytest.mark.django_db


@pytest.fixture
def site(serve: Serve) -> FaultySite:
    return serve([film(1)], ["tmdb_page", "imdb_page"])


@pytest.fixture
def movie(site: FaultySite) -> Movie:
    """As in the second published recipe: a TMDB id, and the address of the image."""
    movie = known(site.movies[0])
    shown = fetch_poster(movie)
    Movie.objects.filter(pk=movie.pk).update(
        imdb_id=None, poster_url=shown.source_url.replace("w780", "w300_and_h450_bestv2")
    )
    shown.delete()
    SourceLookup.objects.all().delete()
    site.log.clear()
    movie.refresh_from_db()
    return movie


def test_the_address_saves_the_page(site: FaultySite, movie: Movie) -> None:
    poster = fetch_poster(movie)
    assert site.paths("/movie/") == [] and len(site.paths("/t/p/")) == 1
    assert poster.source == "tmdb_page"
    assert poster.source_url.startswith(f"{site.url}/t/p/w780/")
    assert poster.attribution
    # The page was not read; a refresh reads it and finds the same image.
    assert not SourceLookup.objects.exists()
    refresh(movie)
    assert movie.posters.get().superseded is False
    assert len(site.paths("/movie/")) == 1


@pytest.mark.parametrize("fault", [not_found(), status(403), html_instead()])
def test_the_page_is_read_if_the_address_has_no_image(site: FaultySite, movie: Movie, fault: Fault) -> None:
    Movie.objects.filter(pk=movie.pk).update(poster_url=f"{site.url}/t/p/w500/elsewhere.jpg")
    site.spoil("/elsewhere", fault)
    movie.refresh_from_db()
    assert fetch_poster(movie).source == "tmdb_page"
    assert len(site.paths("/movie/")) == 1


def test_the_message_lists_the_address_if_no_source_has_a_poster(site: FaultySite, movie: Movie) -> None:
    site.spoil("/", not_found())
    with pytest.raises(NoPoster, match=r"imported address: .*404.*tmdb_page: .*404"):
        fetch_poster(movie)


def test_a_429_postpones_the_movie(site: FaultySite, movie: Movie) -> None:
    site.spoil("/", too_many("90"))
    with pytest.raises(Postponed):
        fetch_poster(movie)


def test_an_address_of_a_source_that_is_not_enabled_is_not_fetched(
    site: FaultySite, movie: Movie, settings: Any
) -> None:
    settings.POSTER_SOURCES = ["imdb_page"]
    with pytest.raises(NoPoster, match="imported address: "):
        fetch_poster(movie)
    assert site.paths() == []


def test_an_address_on_another_host_is_not_fetched(site: FaultySite, movie: Movie) -> None:
    with FaultySite([film(2)]) as other:
        Movie.objects.filter(pk=movie.pk).update(poster_url=f"{other.url}/t/p/w500/a.jpg")
        movie.refresh_from_db()
        assert fetch_poster(movie).source == "tmdb_page"
        assert other.paths() == []


def test_alternatives_come_from_the_sources_too(site: FaultySite, movie: Movie) -> None:
    assert len(fetch_several(movie, 3)) == 1
    assert len(site.paths("/movie/")) == 1


@pytest.mark.parametrize("sources", [["tmdb_api", "tmdb_page"], ["imdb_page", "tmdb_page", "tmdb_api"]])
def test_an_address_of_two_sources_belongs_to_the_first(
    site: FaultySite, movie: Movie, settings: Any, sources: list[str]
) -> None:
    settings.POSTER_SOURCES = sources
    assert fetch_poster(movie).source == next(name for name in sources if "tmdb" in name)


def test_an_address_of_a_source_that_is_not_enabled_is_valid(settings: Any) -> None:
    settings.POSTER_SOURCES = []
    assert poster_url_error("https://image.tmdb.org/t/p/w500/a.jpg") == ""
