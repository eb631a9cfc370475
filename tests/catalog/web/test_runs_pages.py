"""Runs: who may look, what is shown, and the buttons that start, retry and cancel."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries, Settings

from catalog.models import Run, RunItem
from tests.catalog.pages import one, soup, texts
from tests.factories import MovieFactory, RunFactory, RunItemFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("address", ["/runs/", "/runs/1/"])
def test_strangers_are_asked_to_sign_in(client: Client, stranger_client: Client, address: str) -> None:
    for visitor in (client, stranger_client):
        response = visitor.get(address)
        assert response.status_code == 302 and response["Location"] == f"/admin/login/?next={address}"


def test_a_page_left_open_after_signing_out_reloads(client: Client) -> None:
    run = RunFactory(state="running", total=1)
    for address, target in (("/runs/", "run-list"), (f"/runs/{run.pk}/", "run-progress")):
        response = client.get(address, headers={"HX-Request": "true", "HX-Target": target})
        assert response["HX-Refresh"] == "true" and not response.content


@pytest.mark.parametrize("action", ["/runs/start/", "/runs/{pk}/retry/", "/runs/{pk}/cancel/"])
def test_actions_need_the_permission_and_a_post(
    reviewer_client: Client, admin_client: Client, action: str
) -> None:
    run = RunFactory(state="running", total=1)
    address = action.format(pk=run.pk)
    assert reviewer_client.post(address, {"kind": "train"}).status_code == 403
    assert admin_client.get(address).status_code == 405
    run.refresh_from_db()
    assert run.state == "running" and Run.objects.count() == 1


def test_actions_are_safe_from_other_sites() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(UserFactory(admin=True))
    response = client.post("/runs/start/", {"kind": "train"})
    assert response.status_code == 403 and b"error-page" in response.content
    assert not Run.objects.exists()


def test_staff_without_the_permission_see_runs_but_no_buttons(reviewer_client: Client) -> None:
    run = RunFactory(state="running", total=4, done=1)
    assert soup(reviewer_client.get("/runs/")).select("main form") == []
    assert soup(reviewer_client.get(f"/runs/{run.pk}/")).select("main form") == []


def test_the_list_says_how_each_run_stands(admin_client: Client) -> None:
    now = timezone.now()
    RunFactory(
        kind="scrape", state="running", total=240, done=118, failed=2, started_at=now - timedelta(seconds=60),
        asked_by=UserFactory(username="ada"),
    )  # fmt: skip
    RunFactory(
        kind="embed", state="done", total=10, done=10, started_at=now - timedelta(seconds=65), finished_at=now
    )
    rows = texts(soup(admin_client.get("/runs/")), "tbody tr")
    assert all(part in rows[0] for part in ("Embed posters", "done", "10 of 10", "the site", "1 min 5 s"))
    assert all(
        part in rows[1]
        for part in ("Fetch posters", "running", "120 of 240", "2 failed", "2 a second", "1 min left", "ada")
    )


def test_the_list_moves_only_while_something_runs(admin_client: Client) -> None:
    RunFactory(state="done")
    assert "hx-trigger" not in one(soup(admin_client.get("/runs/")), "#run-list").attrs
    RunFactory(state="queued", total=1)
    assert one(soup(admin_client.get("/runs/")), "#run-list")["hx-trigger"] == "every 2s"
    part = soup(admin_client.get("/runs/", headers={"HX-Request": "true", "HX-Target": "run-list"}))
    assert part.select("#run-list") and not part.select("h1")


def test_a_run_lists_its_items_and_what_went_wrong(admin_client: Client) -> None:
    run = RunFactory(state="done", total=2, done=1, failed=1)
    RunItemFactory(run=run, movie=MovieFactory(title="Good", year=1999), state="done", attempts=1)
    RunItemFactory(
        run=run,
        movie=MovieFactory(title="Bad"),
        state="failed",
        attempts=3,
        error="Bad: the page <b>lacks</b> it.",
    )
    page = soup(admin_client.get(f"/runs/{run.pk}/"))
    assert texts(page, ".items tbody th") == ["Good (1999)", f"{RunItem.objects.last().movie}"]  # type: ignore[union-attr]
    assert "the page <b>lacks</b> it." in texts(page, ".result")[1]
    assert texts(page, "#items .order a") == ["All 2", "Done 1", "Failed 1"]
    failed = soup(admin_client.get(f"/runs/{run.pk}/", {"state": "failed"}))
    assert len(failed.select(".items tbody tr")) == 1


def test_items_come_in_pages(
    admin_client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    run = RunFactory(state="done", total=60, done=60)
    for movie in MovieFactory.create_batch(60):
        RunItemFactory(run=run, movie=movie, state="done")
    with django_assert_max_num_queries(12):
        page = soup(admin_client.get(f"/runs/{run.pk}/", {"state": "done"}))
    assert len(page.select(".items tbody tr")) == 50
    rest = soup(admin_client.get(f"/runs/{run.pk}/{one(page, 'a[rel=next]')['href']}"))
    assert len(rest.select(".items tbody tr")) == 10


def test_retry_takes_only_what_failed(admin_client: Client) -> None:
    run = RunFactory(kind="scrape", state="done", total=2, done=1, failed=1)
    RunItemFactory(run=run, state="done")
    bad = RunItemFactory(run=run, state="failed")
    form = one(soup(admin_client.get(f"/runs/{run.pk}/")), "#run-progress form")
    assert "Retry 1 failed" in form.get_text()
    response = admin_client.post(str(form["action"]))
    again = Run.objects.get(retry_of=run)
    assert response["Location"] == again.get_absolute_url()
    assert [item.movie_id for item in again.items.all()] == [bad.movie_id]
    assert again.asked_by == admin_client.user  # type: ignore[attr-defined]


def test_cancel_stops_a_live_run_once(admin_client: Client) -> None:
    run = RunFactory(state="running", total=2, done=1)
    waiting = RunItemFactory(run=run)
    form = one(soup(admin_client.get(f"/runs/{run.pk}/")), "#run-progress form")
    page = soup(admin_client.post(str(form["action"]), follow=True))
    assert "is cancelled" in one(page, ".messages").get_text()
    waiting.refresh_from_db()
    assert waiting.state == "cancelled"
    again = soup(admin_client.post(str(form["action"]), follow=True))
    assert "is over already" in one(again, ".messages .error").get_text()


def test_starting_goes_to_the_new_run(admin_client: Client, settings: Settings) -> None:
    settings.POSTER_SOURCES = ["tmdb_page"]
    MovieFactory()
    response = admin_client.post("/runs/start/", {"kind": "scrape"})
    run = Run.objects.get()
    assert (run.kind, run.total, run.asked_by) == ("scrape", 1, admin_client.user)  # type: ignore[attr-defined]
    assert response["Location"] == run.get_absolute_url()


def test_each_button_says_how_much_waits_for_it(admin_client: Client) -> None:
    MovieFactory()
    MovieFactory.create_batch(2, poster=True)
    notes = texts(soup(admin_client.get("/runs/")), ".starters small")
    assert notes == [
        "for every film without one: 1",
        "that were not checked recently: 0",
        "that an extractor in use has not embedded: 2",
        "on all movies with trusted genres",
        "for every untagged film: 0",
        "of every tagged film: 0",
        "among posters not compared yet: 0",
        "for lost pictures and files",
    ]


def test_what_cannot_be_retried_says_why(admin_client: Client) -> None:
    run = RunFactory(state="running", total=1)
    page = soup(admin_client.post(f"/runs/{run.pk}/retry/", follow=True))
    assert "still running" in one(page, ".messages").get_text()


@pytest.mark.parametrize(
    ("kind", "hint"),
    [
        ("scrape", "POSTERSITE_POSTER_SOURCES"),
        ("label", "genre model"),
        ("", ""),
        ("import", ""),
        ("rm -rf", ""),
    ],
)
def test_what_cannot_start_is_an_error(admin_client: Client, kind: str, hint: str) -> None:
    MovieFactory()
    page = soup(admin_client.post("/runs/start/", {"kind": kind}, follow=True))
    assert hint in one(page, ".messages .error").get_text()
    assert not Run.objects.exists()
