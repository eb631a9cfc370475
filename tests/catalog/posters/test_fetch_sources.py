"""Which source or imported address a poster comes from, and what happens to a movie's other posters."""

from __future__ import annotations

import re
from typing import Any

import pytest

from catalog.models import Movie, SourceLookup
from catalog.posters.fetch import NoPoster, Postponed
from catalog.posters.lookup import poster_url_error, user_agent
from catalog.posters.primary import make_primary, store_poster
from catalog.posters.source_settings import attribution
from catalog.posters.sources.registry import POSTER_SOURCES
from tests.catalog.posters.conftest import Serve, fetch_poster, fetch_several, refresh
from tests.catalog.posters.films import film
from tests.factories import MovieFactory, tiny_jpeg
from tests.replica.faults import Fault, FaultySite, giant, html_instead, not_found, status, too_many

pytestmark = pytest.mark.django_db


@pytest.fixture
def site(serve: Serve) -> FaultySite:
    return serve([film(1)], ["tmdb_page", "imdb_page"])


def test_the_first_source_is_enough(site: FaultySite, movie: Movie) -> None:
    assert fetch_poster(movie).source == "tmdb_page"
    assert site.paths("/title/") == []


@pytest.mark.parametrize("fault", [not_found(), status(403), html_instead()])
def test_the_second_source_is_used_if_the_first_fails(site: FaultySite, movie: Movie, fault: Fault) -> None:
    site.spoil("/movie/", fault)
    assert fetch_poster(movie).source == "imdb_page"


def test_the_second_source_is_used_for_a_movie_that_the_first_does_not_know(movie: Movie) -> None:
    movie.tmdb_id = None
    assert fetch_poster(movie).source == "imdb_page"


def test_a_movie_is_postponed_if_one_source_demands_to_wait_and_the_other_has_no_poster(
    site: FaultySite, movie: Movie
) -> None:
    site.spoil("/movie/", too_many("90"))
    movie.imdb_id = None
    with pytest.raises(Postponed) as caught:
        fetch_poster(movie)
    assert caught.value.seconds == pytest.approx(90, abs=1)


def test_when_no_source_has_a_poster_the_message_lists_the_reasons(site: FaultySite, movie: Movie) -> None:
    site.spoil("/movie/", not_found())
    movie.imdb_id = None
    with pytest.raises(NoPoster) as caught:
        fetch_poster(movie)
    reasons = rf"No poster for .*tmdb_page: {site.url}/movie/{movie.tmdb_id}: .*404.*imdb_page: .*IMDb id.*"
    assert re.fullmatch(reasons + rf"replica at {site.url}.*", str(caught.value))


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ([], "POSTERSITE_POSTER_SOURCES"),
        (["tmbd_page"], "tmbd_page: there is no such source; there are imdb_page, tmdb_api, tmdb_page"),
    ],
)
def test_without_a_known_source_the_message_says_so(settings: Any, sources: list[str], message: str) -> None:
    settings.POSTER_SOURCES = sources
    with pytest.raises(NoPoster, match=message):
        fetch_poster(MovieFactory())


def test_the_same_poster_again_is_one_row_whatever_its_source(site: FaultySite, movie: Movie) -> None:
    first = fetch_poster(movie)
    again = fetch_poster(movie)
    assert again.pk == first.pk and again.fetched_at > first.fetched_at
    site.spoil("/movie/", not_found())
    again = fetch_poster(movie)
    assert (again.pk, again.source) == (first.pk, "imdb_page")
    assert movie.posters.count() == 1


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


@pytest.fixture
def addressed(site: FaultySite, movie: Movie) -> Movie:
    """As in the second published recipe: a TMDB id, and the address of the image."""
    shown = fetch_poster(movie)
    movie.imdb_id, movie.poster_url = None, shown.source_url.replace("w780", "w300_and_h450_bestv2")
    movie.save()
    shown.delete()
    SourceLookup.objects.all().delete()
    site.log.clear()
    return movie


def test_an_imported_address_saves_the_page(site: FaultySite, addressed: Movie) -> None:
    poster = fetch_poster(addressed)
    assert site.paths("/movie/") == [] and len(site.paths("/t/p/")) == 1
    assert poster.source == "tmdb_page"
    assert poster.source_url.startswith(f"{site.url}/t/p/w780/")
    assert poster.attribution
    # The page was not read; a refresh reads it and finds the same image.
    assert not SourceLookup.objects.exists()
    refresh(addressed)
    assert addressed.posters.get().superseded is False
    assert len(site.paths("/movie/")) == 1


@pytest.mark.parametrize("fault", [not_found(), status(403), html_instead()])
def test_the_page_is_read_if_the_address_has_no_image(
    site: FaultySite, addressed: Movie, fault: Fault
) -> None:
    addressed.poster_url = f"{site.url}/t/p/w500/elsewhere.jpg"
    site.spoil("/elsewhere", fault)
    assert fetch_poster(addressed).source == "tmdb_page"
    assert len(site.paths("/movie/")) == 1


def test_the_message_lists_the_address_if_no_source_has_a_poster(site: FaultySite, addressed: Movie) -> None:
    site.spoil("/", not_found())
    with pytest.raises(NoPoster, match=r"imported address: .*404.*tmdb_page: .*404"):
        fetch_poster(addressed)


def test_a_429_at_an_imported_address_postpones_the_movie(site: FaultySite, addressed: Movie) -> None:
    site.spoil("/", too_many("90"))
    with pytest.raises(Postponed):
        fetch_poster(addressed)


def test_an_address_of_a_source_that_is_not_enabled_is_not_fetched(
    site: FaultySite, addressed: Movie, settings: Any
) -> None:
    settings.POSTER_SOURCES = ["imdb_page"]
    with pytest.raises(NoPoster, match="imported address: "):
        fetch_poster(addressed)
    assert site.paths() == []


def test_an_address_on_another_host_is_not_fetched(site: FaultySite, addressed: Movie) -> None:
    with FaultySite([film(2)]) as other:
        addressed.poster_url = f"{other.url}/t/p/w500/a.jpg"
        assert fetch_poster(addressed).source == "tmdb_page"
        assert other.paths() == []


def test_other_posters_come_from_the_sources(site: FaultySite, addressed: Movie) -> None:
    assert len(fetch_several(addressed, 3)) == 1
    assert len(site.paths("/movie/")) == 1


@pytest.mark.parametrize("sources", [["tmdb_api", "tmdb_page"], ["imdb_page", "tmdb_page", "tmdb_api"]])
def test_an_address_of_two_sources_belongs_to_the_first(
    site: FaultySite, addressed: Movie, settings: Any, sources: list[str]
) -> None:
    settings.POSTER_SOURCES = sources
    assert fetch_poster(addressed).source == next(name for name in sources if "tmdb" in name)


def test_an_address_of_a_source_that_is_not_enabled_is_valid(settings: Any) -> None:
    settings.POSTER_SOURCES = []
    assert poster_url_error("https://image.tmdb.org/t/p/w500/a.jpg") == ""
