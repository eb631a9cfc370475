"""Which source a poster comes from, and what happens to the posters a movie has already."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis

from catalog.models import Movie
from catalog.posters.clients import user_agent
from catalog.posters.fetch import NoPoster, attribution
from catalog.posters.primary import make_primary, store_poster
from catalog.posters.scraping import NotNow, scrape_movie
from catalog.posters.sources.registry import POSTER_SOURCES
from tests.catalog.titles.films import film, known
from tests.factories import MovieFactory, tiny_jpeg
from tests.replica.faults import Fault, FaultySite, giant, html_instead, not_found, status, too_many

pytestmark = pytest.mark.django_db


@pytest.fixture
def site(broker: Redis, settings: Any) -> Iterator[FaultySite]:
    with FaultySite([film(1)]) as site:
        settings.REPLICA_URL = site.url
        settings.POSTER_SOURCES = ["tmdb_page", "imdb_page"]
        settings.REQUESTS_PER_SECOND = 1000.0
        yield site


@pytest.fixture
def movie(site: FaultySite) -> Movie:
    return known(site.movies[0])


def test_the_first_source_is_enough(site: FaultySite, movie: Movie) -> None:
    assert scrape_movie(movie).source == "tmdb_page"
    assert site.paths("/title/") == []


@pytest.mark.parametrize("fault", [not_found(), status(403), html_instead()])
def test_the_second_source_helps_where_the_first_does_not(
    site: FaultySite, movie: Movie, fault: Fault
) -> None:
    site.spoil("/movie/", fault)
    poster = scrape_movie(movie)
    assert poster.source == "imdb_page"


def test_a_wait_that_one_source_asks_for_is_kept_when_the_other_has_nothing(
    site: FaultySite, movie: Movie
) -> None:
    site.spoil("/movie/", too_many("90"))
    movie.imdb_id = None
    with pytest.raises(NotNow) as caught:
        scrape_movie(movie)
    assert caught.value.seconds == pytest.approx(90, abs=1)


def test_the_second_source_helps_a_movie_that_the_first_does_not_know(site: FaultySite, movie: Movie) -> None:
    Movie.objects.filter(pk=movie.pk).update(tmdb_id=None)
    movie.refresh_from_db()
    assert scrape_movie(movie).source == "imdb_page"


def test_when_no_source_helps_each_says_why(site: FaultySite, movie: Movie) -> None:
    site.spoil("/movie/", not_found())
    movie.imdb_id = None
    with pytest.raises(NoPoster) as caught:
        scrape_movie(movie)
    assert str(caught.value) == (
        f"No poster for {movie}. tmdb_page: {site.url}/movie/{movie.tmdb_id}: the server has nothing there "
        "(status 404). imdb_page: this movie has no id that it knows, it needs an IMDb id. "
        f"Only the replica at {site.url} was asked; for the real sites, start without it."
    )


def test_without_a_source_switched_on_the_sentence_says_what_to_set(settings: Any) -> None:
    settings.POSTER_SOURCES = []
    with pytest.raises(NoPoster, match="POSTERSITE_POSTER_SOURCES"):
        scrape_movie(MovieFactory())


def test_a_misspelt_source_is_named(settings: Any) -> None:
    settings.POSTER_SOURCES = ["tmbd_page"]
    with pytest.raises(
        NoPoster, match="tmbd_page: there is no such source; there are imdb_page, tmdb_api, tmdb_page"
    ):
        scrape_movie(MovieFactory())


def test_the_same_poster_again_is_one_row(site: FaultySite, movie: Movie) -> None:
    first = scrape_movie(movie)
    again = scrape_movie(movie)
    assert first.pk == again.pk
    assert again.fetched_at > first.fetched_at
    assert movie.posters.count() == 1


def test_the_same_bytes_from_another_source_are_the_same_row(site: FaultySite, movie: Movie) -> None:
    first = scrape_movie(movie)
    site.spoil("/movie/", not_found())
    again = scrape_movie(movie)
    assert (again.pk, again.source) == (first.pk, "imdb_page")


def test_a_new_poster_is_shown_and_the_old_one_kept(site: FaultySite, movie: Movie) -> None:
    old = store_poster(movie, tiny_jpeg(50), source="upload")
    new = scrape_movie(movie)
    old.refresh_from_db()
    assert new.is_primary and not old.is_primary
    assert movie.posters.count() == 2


def test_a_poster_a_person_chose_is_not_replaced(site: FaultySite, movie: Movie) -> None:
    chosen = store_poster(movie, tiny_jpeg(50), source="upload", locked=True)
    fetched = scrape_movie(movie)
    chosen.refresh_from_db()
    assert chosen.is_primary and chosen.locked
    assert not fetched.is_primary


def test_a_person_can_choose_the_fetched_one(site: FaultySite, movie: Movie) -> None:
    before = store_poster(movie, tiny_jpeg(50), source="upload", locked=True)
    fetched = scrape_movie(movie)
    make_primary(fetched)
    before.refresh_from_db()
    assert fetched.is_primary and fetched.locked
    assert not before.is_primary and not before.locked


def test_fetching_the_chosen_poster_again_keeps_it_chosen(site: FaultySite, movie: Movie) -> None:
    make_primary(scrape_movie(movie))
    again = scrape_movie(movie)
    assert again.is_primary and again.locked


def test_two_movies_may_share_a_picture(site: FaultySite, movie: Movie) -> None:
    other = MovieFactory()
    poster = scrape_movie(movie)
    same = store_poster(other, tiny_jpeg(1, (60, 90)), source="upload")
    assert poster.pk != same.pk
    assert poster.sha256 == same.sha256


def test_requests_name_the_project_and_its_contact(settings: Any) -> None:
    settings.CONTACT = "films@example.org"
    assert user_agent().startswith("Postersite/")
    assert "films@example.org" in user_agent()


def test_a_poster_of_the_real_site_is_attributed_to_it(settings: Any) -> None:
    settings.REPLICA_URL = ""
    assert attribution(POSTER_SOURCES["tmdb_page"]) == POSTER_SOURCES["tmdb_page"].attribution


def test_a_failure_says_that_only_the_replica_was_asked(site: FaultySite, movie: Movie) -> None:
    site.spoil("/movie/", not_found())
    site.spoil("/title/", not_found())
    with pytest.raises(NoPoster, match=f"Only the replica at {site.url} was asked"):
        scrape_movie(movie)


@pytest.mark.parametrize("fault", [not_found(), status(403), giant(21 * 2**20)])
def test_a_smaller_size_helps_where_the_largest_cannot_be_had(
    site: FaultySite, movie: Movie, fault: Fault
) -> None:
    site.spoil("/t/p/", fault, times=1)
    poster = scrape_movie(movie)
    assert poster.source == "tmdb_page"
    first, second = site.paths("/t/p/")
    assert first != second and poster.source_url == f"{site.url}{second}"


def test_trouble_that_may_pass_is_no_reason_for_a_smaller_size(site: FaultySite, movie: Movie) -> None:
    site.spoil("/t/p/", status(500))
    assert scrape_movie(movie).source == "imdb_page"
    assert len(set(site.paths("/t/p/"))) == 1
