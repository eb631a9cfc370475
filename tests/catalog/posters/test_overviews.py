"""Overviews from poster sources: stored with the lookup, where a movie has none; shown as text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from catalog.models import Movie, Poster, Run, SourceLookup
from catalog.posters import fetch
from catalog.posters.fetch import NoPoster
from catalog.posters.primary import store_poster
from catalog.runs import lifecycle
from catalog.runs.local_worker import process_run
from catalog.titles.formats.records import TitleRecord
from catalog.titles.importing import import_titles
from tests.catalog.genres.genre_heads import evidence_model
from tests.catalog.pages import one, soup
from tests.catalog.posters.conftest import Serve, fetch_poster, refresh
from tests.catalog.posters.films import film
from tests.factories import EmbeddingFactory, tiny_jpeg
from tests.replica.faults import FaultySite, not_found, status

pytestmark = pytest.mark.django_db

PLOT = "Somebody goes somewhere."
HOSTILE = 'A <script>alert(1)</script> & "keeper" &amp; </p><img src=x onerror=alert(2)> \x07his\n\nlamp'


@pytest.fixture(params=["tmdb_page", "tmdb_api", "imdb_page"])
def source(request: Any) -> str:
    return str(request.param)


@pytest.fixture
def site(source: str, serve: Serve) -> FaultySite:
    cache.clear()
    return serve([film(1)], [source])


def overview(movie: Movie) -> str:
    return Movie.objects.get(pk=movie.pk).overview


def requests(site: FaultySite) -> list[int]:
    return [code for _, path, code in site.log if path not in ("/robots.txt", "/3/configuration")]


def import_overview(movie: Movie, text: str) -> None:
    import_titles([TitleRecord(movie.title, tmdb_id=movie.tmdb_id, overview=text)], "test")


def test_the_overview_is_stored_with_the_poster_and_no_more_requests(site: FaultySite, movie: Movie) -> None:
    fetch_poster(movie)
    assert overview(movie) == PLOT
    assert requests(site) == [200, 200]
    # Suggestions made before it are outdated.
    assert Movie.objects.get(pk=movie.pk).text_version == 1


def test_an_overview_of_the_movie_stays(site: FaultySite, movie: Movie) -> None:
    Movie.objects.filter(pk=movie.pk).update(overview="A keeper.")
    fetch_poster(movie)
    assert overview(movie) == "A keeper."
    assert Movie.objects.get(pk=movie.pk).text_version == 0


def test_an_overview_that_is_stored_meanwhile_stays(
    site: FaultySite, movie: Movie, monkeypatch: pytest.MonkeyPatch
) -> None:
    def store_first(store: Callable[..., None], *args: Any, **kwargs: Any) -> None:
        Movie.objects.filter(pk=movie.pk).update(overview="A keeper.")
        store(*args, **kwargs)

    store = fetch._store_lookup
    monkeypatch.setattr(fetch, "_store_lookup", lambda *args: store_first(store, *args))
    fetch_poster(movie)
    assert overview(movie) == "A keeper."


def test_the_overview_and_the_lookup_are_stored_together(
    site: FaultySite, movie: Movie, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(SourceLookup.objects, "update_or_create", fail)
    with pytest.raises(RuntimeError):
        fetch_poster(movie)
    assert overview(movie) == ""


def test_a_page_without_a_poster_can_have_an_overview(site: FaultySite, movie: Movie) -> None:
    site.change(replace(site.movies[0], poster=None))
    with pytest.raises(NoPoster):
        fetch_poster(movie)
    assert overview(movie) == PLOT


def test_a_poster_that_cannot_be_fetched_does_not_matter(site: FaultySite, movie: Movie) -> None:
    for part in ("/t/p/", "/images/"):
        site.spoil(part, not_found())
    with pytest.raises(NoPoster):
        fetch_poster(movie)
    assert overview(movie) == PLOT


def test_a_page_that_is_not_there_has_none(site: FaultySite, movie: Movie) -> None:
    for part in ("/movie/", "/title/"):
        site.spoil(part, status(404))
    with pytest.raises(NoPoster):
        fetch_poster(movie)
    assert overview(movie) == ""


def test_a_movie_with_a_poster_gets_it_at_the_next_refresh(site: FaultySite, movie: Movie) -> None:
    fetch_poster(movie)
    Movie.objects.filter(pk=movie.pk).update(overview="")
    before = list(Poster.objects.values("pk", "sha256", "fetched_at"))
    lookup = movie.lookups.get()
    site.log.clear()
    done = refresh(Movie.objects.get())
    assert (done.changed, done.note) == (False, "unchanged")
    assert overview(movie) == PLOT
    # The whole page instead of a 304, and the picture is not requested.
    assert requests(site) == [200]
    assert list(Poster.objects.values("pk", "sha256", "fetched_at")) == before
    assert movie.lookups.get().checked_at > lookup.checked_at
    site.log.clear()
    refresh(Movie.objects.get())
    assert requests(site) == [304]


@pytest.mark.slow
def test_the_film_is_scored_again_after_the_refresh(site: FaultySite, movie: Movie) -> None:
    model, _ = evidence_model()
    Movie.objects.filter(pk=movie.pk).update(overview="Another.")
    EmbeddingFactory(poster=fetch_poster(movie), extractor=model.extractor)
    process_run(lifecycle.start("label", queue=False))
    # Untagged films are always scored.
    movie.movie_genres.create(genre=movie.suggestions.all()[0].genre, origin="accepted")
    Movie.objects.filter(pk=movie.pk).update(overview="")
    movie.lookups.update(checked_at=timezone.now() - timedelta(days=1000))
    process_run(lifecycle.start("refresh", followed_by=["label"], queue=False))
    assert Run.objects.get(kind="label", previous__kind="refresh").items.get().movie == movie


def test_a_changed_page_without_an_overview_still_brings_its_poster(site: FaultySite, movie: Movie) -> None:
    fetch_poster(movie)
    Movie.objects.filter(pk=movie.pk).update(overview="")
    shown = replace(site.movies[0], poster=tiny_jpeg(77, (60, 90)), revision="77", overview="")
    site.change(shown)
    assert refresh(Movie.objects.get()).changed
    assert overview(movie) == ""


@pytest.mark.slow
def test_markup_is_text_on_every_page(
    serve: Serve, source: str, client: Client, admin_client: Client
) -> None:
    cache.clear()
    site = serve([replace(film(1), overview=HOSTILE)], [source])
    movie = Movie.objects.create(
        title="Film 1", tmdb_id=site.movies[0].tmdb_id, imdb_id=site.movies[0].imdb_id
    )
    fetch_poster(movie)
    stored = overview(movie)
    assert stored.split() == ["A", "alert(1)", "&", '"keeper"', "&", *stored.split()[5:]]
    assert "<" not in stored and "\x07" not in stored
    # Text that looks like markup, as an import stores it, is escaped too.
    for text in (stored, HOSTILE.replace("\x07", "")):
        Movie.objects.filter(pk=movie.pk).update(overview=text)
        page = soup(client.get(movie.get_absolute_url()))
        assert one(page, ".about .overview").get_text() == text
        assert page.select("script:not([src]), [onerror]") == []
        assert str(one(page, "meta[name=description]")["content"]).startswith("A ")
        form = soup(admin_client.get(f"/admin/catalog/movie/{movie.pk}/change/"))
        assert one(form, "textarea[name=overview]").get_text().strip() == text
        assert client.get(f"/api/movies/{movie.pk}").json()["overview"] == text


def test_an_overview_from_a_page_survives_an_import_without_one(site: FaultySite, movie: Movie) -> None:
    fetch_poster(movie)
    import_overview(movie, "")
    assert overview(movie) == PLOT


def test_an_import_with_an_overview_has_precedence(site: FaultySite, movie: Movie) -> None:
    fetch_poster(movie)
    import_overview(movie, "A keeper.")
    assert overview(movie) == "A keeper."
    refresh(Movie.objects.get())
    assert overview(movie) == "A keeper."


def test_a_folder_poster_is_no_reason_for_a_request(site: FaultySite, movie: Movie) -> None:
    store_poster(movie, tiny_jpeg(3), source="folder")
    refresh(movie)
    assert requests(site) == [] and overview(movie) == ""
