"""Fetching from an HTTP server that misbehaves: what happens to the item, and its message."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from catalog.models import Movie, Poster, RunItem
from catalog.posters import fetch, lookup
from catalog.runs import leases, lifecycle
from tests.catalog.posters.conftest import Serve
from tests.catalog.posters.films import film, known
from tests.factories import tiny_jpeg
from tests.replica.faults import (
    Fault,
    FaultySite,
    body,
    giant,
    html_instead,
    not_found,
    redirect,
    slow,
    status,
    too_many,
    truncated,
)

pytestmark = pytest.mark.django_db

PAGE, IMAGE = "/movie/", "/t/p/"


@pytest.fixture
def site(serve: Serve) -> FaultySite:
    return serve([film(1)], ["tmdb_page"])


def processed() -> list[RunItem]:
    """The items of a run over everything, after one batch."""
    run = lifecycle.start("scrape", queue=False)
    leases.process_batch(run.pk, fetch.fetch_items)
    return list(run.items.order_by("pk"))


def fetched() -> RunItem:
    [item] = processed()
    return item


def test_a_page_and_its_picture_make_a_poster(site: FaultySite, movie: Movie) -> None:
    item = fetched()
    assert (item.state, item.note, item.error) == ("done", "60×90 from tmdb_page", "")
    poster = movie.posters.get()
    assert poster.is_primary
    assert poster.page_url == f"{site.url}/movie/{movie.tmdb_id}"
    assert poster.source_url.startswith(f"{site.url}/t/p/")
    assert "replica" in poster.attribution and "Movie Database" not in poster.attribution
    assert poster.etag and poster.last_modified


@pytest.mark.parametrize(
    ("part", "fault", "says"),
    [
        (PAGE, not_found(), "the server has nothing there (status 404)"),
        (IMAGE, not_found(), "the server has nothing there (status 404)"),
        (PAGE, status(403), "the server denies access (status 403)"),
        (IMAGE, status(500), "(status 500)"),
        (IMAGE, html_instead(), "This is a web page, not an image"),
        (IMAGE, body(b"GIF89a nonsense", "image/gif"), "begins like a GIF but is not one"),
        (IMAGE, giant(lookup.LARGEST_IMAGE + 1), "bytes"),
        (PAGE, redirect("http://169.254.169.254/latest/meta-data"), "not one of the hosts of tmdb_page"),
        (PAGE, html_instead(), "shows no poster"),
        (PAGE, body(b"\x00\xff" * 500), "shows no poster"),
        (
            PAGE,
            body(b'<meta property="og:image" content="http://127.0.0.1:22/t/p/w500/secret.jpg">'),
            "http://127.0.0.1:22/t/p/w780/secret.jpg: 127.0.0.1 is not one of the hosts of tmdb_page",
        ),
        ("/robots.txt", body(b"User-agent: *\nDisallow: /movie/\n"), "robots.txt disallows it"),
    ],
)
def test_a_fault_fails_the_item_with_a_message_that_names_movie_and_address(
    site: FaultySite, movie: Movie, part: str, fault: Fault, says: str
) -> None:
    site.spoil(part, fault)
    item = fetched()
    assert item.state == "failed"
    assert item.error.startswith(f"No poster for {movie}. tmdb_page: http://")
    assert says in item.error
    assert not Poster.objects.exists()
    item.run.refresh_from_db()
    assert (item.run.done, item.run.failed) == (0, 1)


@pytest.mark.parametrize(
    ("part", "fault"),
    [(PAGE, status(500)), (IMAGE, truncated()), (PAGE, too_many("0")), (IMAGE, status(503))],
)
def test_a_temporary_fault_does_no_harm(site: FaultySite, movie: Movie, part: str, fault: Fault) -> None:
    site.spoil(part, fault, times=1)
    assert fetched().state == "done"


def test_a_slow_site_fails_at_the_deadline(
    site: FaultySite, movie: Movie, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "DEADLINE_S", 0.4)
    site.spoil(IMAGE, slow(5))
    item = fetched()
    assert item.state == "failed"
    assert "no complete response within 0.4 s; try again later" in item.error


@pytest.mark.parametrize("part", [PAGE, IMAGE])
def test_a_429_postpones_all_items(site: FaultySite, movie: Movie, part: str) -> None:
    site.add(film(2))
    known(site.movies[1])
    site.spoil(part, too_many("90"))
    for item in processed():
        assert (item.state, item.attempts) == ("pending", 0)
        assert item.not_before is not None and item.claimed_at is not None
        assert 80 < (item.not_before - item.claimed_at).total_seconds() <= 100
    assert len(site.paths(part)) == 1


def test_a_robots_txt_that_cannot_be_read_postpones_the_item(site: FaultySite, movie: Movie) -> None:
    site.spoil("/robots.txt", status(500))
    item = fetched()
    assert item.state == "pending"
    assert "robots.txt cannot be read now" in item.error
    assert site.paths(PAGE) == []


def test_one_bad_film_does_not_affect_the_others(site: FaultySite, movie: Movie) -> None:
    for number in (2, 3):
        site.add(film(number))
        known(site.movies[-1])
    site.spoil(site.movies[1].image_name, html_instead())
    assert [item.state for item in processed()] == ["done", "failed", "done"]


def test_a_broker_that_does_not_respond_postpones_the_item(
    site: FaultySite, movie: Movie, settings: Any
) -> None:
    settings.REDIS_URL = "unix:///nowhere/broker.sock"
    item = fetched()
    assert item.state == "pending"
    assert "does not respond" in item.error


def test_a_png_is_stored_as_jpeg(site: FaultySite, movie: Movie) -> None:
    png = BytesIO()
    Image.open(BytesIO(tiny_jpeg(3))).convert("RGBA").save(png, "PNG")
    site.spoil(IMAGE, body(png.getvalue(), "image/jpeg"))
    assert fetched().state == "done"
    with movie.posters.get().file.open() as stored:
        assert Image.open(stored).format == "JPEG"
