"""Which source a poster comes from, and what happens to the posters that a movie already has."""

from __future__ import annotations

import re
from typing import Any

import pytest

from catalog.models import Movie
from catalog.posters.fetch import NoPoster, Postponed
from catalog.posters.lookup import user_agent
from catalog.posters.primary import make_primary, store_poster
from catalog.posters.source_settings import attribution
from catalog.posters.sources.registry import POSTER_SOURCES
from tests.catalog.posters.conftest import Serve
from tests.catalog.posters.fetches import fetch_poster
from tests.catalog.posters.films import film, known
from tests.factories import MovieFactory, tiny_jpeg
from tests.replica.faults import Fault, FaultySite, giant, html_instead, not_found, status, too_many

pytestmark = pytest.mark.django_db


@pytest.fixture
def site(serve: Serve) -> FaultySite:
    return serve([film(1)], ["tmdb_page", "imdb_page"])


@pytest.fixture
def movie(site: FaultySite) -> Movie:
    return known(site.movies[0])


def test_the_first_source_is_enough(site: FaultySite, movie: Movie) -> None:
    assert fetch_poster(movie).source == "tmdb_page"
    assert site.paths("/title/") == []


@pytest.mark.parametrize("fault", [not_found(), status(403), html_instead()])
def test_the_second_source_is_used_if_the_first_fails(site: FaultySite, movie: Movie, fault: Fault) -> None:
    site.spoil("/movie/", fault)
    poster = fetch_poster(movie)
    assert poster.source == "imdb_page"


def test_a_movie_is_postponed_if_one_source_demands_to_wait_and_the_other_has_no_poster(
    site: FaultySite, movie: Movie
) -> None:
    site.spoil("/movie/", too_many("90"))
    movie.imdb_id = None
    with pytest.raises(Postponed) as caught:
        fetch_poster(movie)
    assert caught.value.seconds == pytest.approx(90, abs=1)


def test_the_second_source_is_used_for_a_movie_that_the_first_does_not_know(
    site: FaultySite, movie: Movie
) -> None:
    Movie.objects.filter(pk=movie.pk).update(tmdb_id=None)
    movie.refresh_from_db()
    assert fetch_poster(movie).source == "imdb_page"


def test_when_no_source_has_a_poster_the_message_lists_the_reasons(site: FaultySite, movie: Movie) -> None:
    site.spoil("/movie/", not_found())
    movie.imdb_id = None
    with pytest.raises(NoPoster) as caught:
        fetch_poster(movie)
    reasons = rf"No poster for .*tmdb_page: {site.url}/movie/{movie.tmdb_id}: .*404.*imdb_page: .*IMDb id.*"
    assert re.fullmatch(reasons + rf"replica at {site.url}.*", str(caught.value))


def test_without_an_enabled_source_the_message_names_the_setting(settings: Any) -> None:
    settings.POSTER_SOURCES = []
    with pytest.raises(NoPoster, match="POSTERSITE_POSTER_SOURCES"):
        fetch_poster(MovieFactory())


def test_a_misspelt_source_is_named(settings: Any) -> None:
    settings.POSTER_SOURCES = ["tmbd_page"]
    with pytest.raises(
        NoPoster, match="tmbd_page: there is no such source; there are imdb_page, tmdb_api, tmdb_page"
    ):
        fetch_poster(MovieFactory())


def test_the_same_poster_again_is_one_row(site: FaultySite, movie: Movie) -> None:
    first = fetch_poster(movie)
    again = fetch_poster(movie)
    assert first.pk == again.pk
    assert again.fetched_at > first.fetched_at
    assert movie.posters.count() == 1


def test_the_same_bytes_from_another_source_are_the_same_row(site: FaultySite, movie: Movie) -> None:
    first = fetch_poster(movie)
    site.spoil("/movie/", not_found())
    again = fetch_poster(movie)
    assert (again.pk, again.source) == (first.pk, "imdb_page")


def test_a_new_poster_is_shown_and_the_old_one_stays(site: FaultySite, movie: Movie) -> None:
    old = store_poster(movie, tiny_jpeg(50), source="upload")
    new = fetch_poster(movie)
    old.refresh_from_db()
    assert new.is_primary and not old.is_primary
    assert movie.posters.count() == 2


def test_a_persons_choice_stays_until_they_choose_another(site: FaultySite, movie: Movie) -> None:
    before = store_poster(movie, tiny_jpeg(50), source="upload", locked=True)
    fetched = fetch_poster(movie)
    assert not fetched.is_primary
    make_primary(fetched)
    before.refresh_from_db()
    assert not before.is_primary and not before.locked
    again = fetch_poster(movie)
    assert again.is_primary and again.locked


def test_the_user_agent_names_the_project_and_its_contact(settings: Any) -> None:
    settings.CONTACT = "films@example.org"
    assert user_agent().startswith("Postersite/")
    assert "films@example.org" in user_agent()


def test_a_poster_of_the_real_site_is_attributed_to_it(settings: Any) -> None:
    settings.REPLICA_URL = ""
    assert attribution(POSTER_SOURCES["tmdb_page"]) == POSTER_SOURCES["tmdb_page"].attribution


@pytest.mark.parametrize("fault", [not_found(), status(403), giant(21 * 2**20)])
def test_a_smaller_size_is_fetched_if_the_largest_fails(site: FaultySite, movie: Movie, fault: Fault) -> None:
    site.spoil("/t/p/", fault, times=1)
    poster = fetch_poster(movie)
    assert poster.source == "tmdb_page"
    first, second = site.paths("/t/p/")
    assert first != second and poster.source_url == f"{site.url}{second}"


def test_a_temporary_error_is_no_reason_for_a_smaller_size(site: FaultySite, movie: Movie) -> None:
    site.spoil("/t/p/", status(500))
    assert fetch_poster(movie).source == "imdb_page"
    assert len(set(site.paths("/t/p/"))) == 1
