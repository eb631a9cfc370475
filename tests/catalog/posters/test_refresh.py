"""Refreshing unchanged, changed and vanished posters."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from catalog.models import Movie, Poster, Run, SourceLookup
from catalog.posters.fetch import Postponed
from catalog.posters.primary import make_primary, store_poster
from catalog.posters.refresh import CannotRefresh, refresh_items
from catalog.posters.selection import stale
from catalog.runs import leases, lifecycle
from tests.catalog.posters.conftest import Serve, fetch_poster, fetch_several, refresh
from tests.catalog.posters.films import film, known
from tests.factories import MovieFactory, tiny_jpeg
from tests.replica.faults import FaultySite, html_instead, not_found, status, too_many

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["tmdb_page", "tmdb_api", "imdb_page"])
def site(request: Any, serve: Serve) -> FaultySite:
    return serve([film(1)], [request.param])


@pytest.fixture
def movie(site: FaultySite, movie: Movie) -> Movie:
    SourceLookup.objects.create(pk=movie.pk, movie=MovieFactory(), source="other", checked_at=timezone.now())
    fetch_poster(movie)
    # Ids that coincide would hide a comparison of the wrong ones.
    assert movie.pk not in movie.lookups.values_list("pk", flat=True)
    site.log.clear()
    return movie


def statuses(site: FaultySite) -> list[int]:
    return [code for _, path, code in site.log if path not in ("/robots.txt", "/3/configuration")]


def another(site: FaultySite, seed: int = 77) -> bytes:
    """The site shows another poster from now on, as sites do: at another address."""
    data = tiny_jpeg(seed, (60, 90))
    site.change(replace(site.movies[0], poster=data, revision=str(seed)))
    return data


def test_an_unchanged_poster_costs_one_304(site: FaultySite, movie: Movie) -> None:
    before = list(movie.posters.values("pk", "sha256", "fetched_at"))
    done = refresh(movie)
    assert statuses(site) == [304]
    assert (done.changed, done.note) == (False, "unchanged")
    assert list(movie.posters.values("pk", "sha256", "fetched_at")) == before


def test_a_changed_poster_is_shown_and_the_former_one_stays(site: FaultySite, movie: Movie) -> None:
    former = movie.posters.get()
    another(site)
    done = refresh(movie)
    assert done.changed and done.note.startswith("changed: 60×90 from ")
    former.refresh_from_db()
    shown = movie.posters.get(is_primary=True)
    assert shown.pk != former.pk
    assert former.superseded and not shown.superseded
    site.log.clear()
    assert not refresh(movie).changed
    assert statuses(site) == [304]


def test_a_poster_that_a_person_locked_is_never_replaced(site: FaultySite, movie: Movie) -> None:
    chosen = movie.posters.get()
    make_primary(chosen)
    another(site)
    assert not refresh(movie).changed
    assert movie.posters.get(is_primary=True) == chosen
    assert movie.posters.count() == 2


def test_a_poster_that_vanished_keeps_its_stored_copy(site: FaultySite, movie: Movie) -> None:
    poster = movie.posters.get()
    site.spoil("/", not_found())
    done = refresh(movie)
    poster.refresh_from_db()
    assert not done.changed
    assert poster.is_primary and poster.gone_at is not None
    site.mend()
    note = refresh(movie).note
    poster.refresh_from_db()
    assert poster.gone_at is None, note


def test_a_damaged_image_changes_nothing(site: FaultySite, movie: Movie) -> None:
    poster = movie.posters.get()
    another(site)
    site.spoil("/t/p/", html_instead())
    site.spoil("/images/", html_instead())
    done = refresh(movie)
    poster.refresh_from_db()
    assert not done.changed and poster.is_primary and poster.gone_at is None


def test_an_error_of_the_site_changes_nothing(site: FaultySite, movie: Movie) -> None:
    before = list(SourceLookup.objects.values())
    site.spoil("/", status(403))
    with pytest.raises(CannotRefresh):
        refresh(movie)
    assert list(SourceLookup.objects.values()) == before


def test_a_429_postpones_the_movie(site: FaultySite, movie: Movie) -> None:
    site.spoil("/", too_many("90"))
    with pytest.raises(Postponed) as caught:
        refresh(movie)
    assert caught.value.seconds == pytest.approx(90, abs=1)


@pytest.mark.parametrize("stored", ["at another address", "nowhere"])
def test_without_validators_of_its_address_the_page_is_read_whole(
    site: FaultySite, movie: Movie, stored: str
) -> None:
    SourceLookup.objects.update(url=f"{site.url}/elsewhere")
    if stored == "nowhere":
        SourceLookup.objects.all().delete()
    assert refresh(movie).note == "unchanged"
    assert statuses(site) == [200, 304]


def test_only_posters_that_were_not_checked_recently_are_stale(
    site: FaultySite, movie: Movie, settings: Any
) -> None:
    settings.REFRESH_AFTER_DAYS = 10.0
    assert not stale().exists()
    SourceLookup.objects.update(checked_at=timezone.now() - timedelta(days=11))
    assert list(stale()) == [movie]
    settings.REFRESH_AFTER_DAYS_OF = {settings.POSTER_SOURCES[0]: 12.0}
    assert not stale().exists()


def test_a_run_refreshes_stale_posters_and_a_second_finds_none(site: FaultySite, movie: Movie) -> None:
    SourceLookup.objects.update(checked_at=timezone.now() - timedelta(days=400))
    run = lifecycle.start("refresh", queue=False)
    assert run.total == 1 and not stale().exists()  # a second run would not take it as well
    leases.process_batch(run.pk, refresh_items)
    lifecycle.settle(run.pk)
    run.refresh_from_db()
    assert (run.state, run.items.get().note) == (Run.State.DONE, "unchanged")
    assert lifecycle.start("refresh", queue=False).message.startswith("Nothing to do")


def test_the_command_refreshes_everything_on_request(site: FaultySite, movie: Movie, capsys: Any) -> None:
    call_command("refresh_posters")
    assert "Nothing to do" in capsys.readouterr().out
    call_command("refresh_posters", "--all")
    assert statuses(site) == [304]


def test_an_upload_is_not_checked(site: FaultySite) -> None:
    movie = MovieFactory()
    store_poster(movie, tiny_jpeg(5), source="upload", locked=True)
    assert refresh(movie).changed is False
    assert statuses(site) == []


def test_alternatives_are_refreshed_with_the_poster(serve: Serve) -> None:
    others = (("de", tiny_jpeg(31, (60, 90))), ("fr", tiny_jpeg(32, (60, 90))))
    site = serve([replace(film(1), others=others)], ["tmdb_api"])
    movie = known(site.movies[0])
    fetch_several(movie, 8)
    site.change(replace(site.movies[0], others=others[:1]))
    refresh(movie)
    gone = Poster.objects.get(movie=movie, superseded=True)
    assert gone.language == "fr"
    assert movie.posters.filter(superseded=False).count() == 2
