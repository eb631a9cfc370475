"""Undoing an import in admin: preview, confirmation, and the rows that were not imported."""

from __future__ import annotations

import pytest
from bs4 import BeautifulSoup
from django.test import Client
from django.urls import reverse

from catalog.models import Movie, Run
from catalog.runs import local_worker
from catalog.titles import undo as undoing
from catalog.titles.formats.records import RejectedRow, TitleRecord
from catalog.titles.importing import import_titles
from tests.catalog.pages import levels_of, text_of
from tests.factories import MovieFactory, RunFactory

pytestmark = pytest.mark.django_db

BAD = RejectedRow("a.csv", 3, "the title is empty", ",,")


def page(client: Client, name: str, run: Run) -> BeautifulSoup:
    response = client.get(reverse(f"admin:catalog_run_{name}", args=[run.pk]))
    assert response.status_code == 200
    return BeautifulSoup(response.content, "lxml")


@pytest.fixture
def run() -> Run:
    MovieFactory(title="Het", imdb_id="tt0113277")
    rows: list[TitleRecord | RejectedRow] = [
        TitleRecord("Heat", imdb_id="tt0113277"),
        TitleRecord("Ran", tmdb_id=11645),
        BAD,
    ]
    return import_titles(rows, "test")[0]


def test_the_page_of_an_import_leads_to_its_undo_and_to_the_rows_it_did_not_take(admin_client, run):
    tools = {
        text_of(link): link["href"] for link in page(admin_client, "change", run).select(".object-tools a")
    }
    assert tools["Undo this import"] == reverse("admin:catalog_run_undo", args=[run.pk])
    listed = admin_client.get(tools["All rows not imported (CSV)"])
    assert b"a.csv,3,rejected,the title is empty" in b"".join(listed.streaming_content)
    assert f"import-{run.pk}.csv" in listed["Content-Disposition"]


def previewed(client: Client, run: Run) -> BeautifulSoup:
    response = client.post(reverse("admin:catalog_run_undo", args=[run.pk]), {"action": "preview"})
    assert response["Location"] == reverse("admin:catalog_run_undo", args=[run.pk])
    local_worker.process_run(Run.objects.get(kind="preview"))
    return page(client, "undo", run)


def test_it_asks_first_and_counts_what_the_import_did(admin_client, run, monkeypatch):
    def looks_at_every_movie(*given, **named):
        raise AssertionError("not in a request")

    monkeypatch.setattr(undoing, "plan_undo", looks_at_every_movie)
    counts = [text_of(each) for each in page(admin_client, "undo", run).select(".undo-preview strong")]
    assert counts == ["1", "1"]
    assert Movie.objects.count() == 2 and Run.objects.count() == 1


def test_a_preview_says_what_would_become_of_everything(admin_client, run):
    shown = previewed(admin_client, run)
    assert [text_of(each) for each in shown.select(".undo-preview strong")] == ["1", "1", "0"]
    assert not shown.select("[hx-get]") and Movie.objects.count() == 2


def test_a_preview_shows_its_progress_and_is_not_started_twice(admin_client, run):
    for _ in range(2):
        admin_client.post(reverse("admin:catalog_run_undo", args=[run.pk]), {"action": "preview"})
    assert Run.objects.filter(kind="preview").count() == 1
    shown = page(admin_client, "undo", run)
    assert shown.select_one("[hx-get]") and shown.select_one("progress[max='2'][value='0']")


def test_what_stays_is_listed_before_and_after(admin_client, run):
    Movie.objects.filter(tmdb_id=11645).update(year=1985)
    assert "its year has been changed since" in text_of(previewed(admin_client, run))
    admin_client.post(reverse("admin:catalog_run_undo", args=[run.pk]))
    local_worker.process_run(Run.objects.get(kind="undo"))
    kept = text_of(page(admin_client, "kept", run).select_one("#content table"))
    assert "Ran (1985)" in kept and "its year has been changed since" in kept
    link = reverse("admin:catalog_run_kept", args=[run.pk])
    assert page(admin_client, "change", run).select(f"a[href='{link}']")


def test_pressing_starts_a_run_that_undoes_it(admin_client, run):
    response = admin_client.post(reverse("admin:catalog_run_undo", args=[run.pk]))
    undo = Run.objects.get(kind="undo")
    assert response["Location"] == undo.get_absolute_url() and undo.asked_by == admin_client.user
    local_worker.process_run(undo)
    assert [movie.title for movie in Movie.objects.all()] == ["Het"]
    again = admin_client.get(reverse("admin:catalog_run_undo", args=[run.pk]))
    assert levels_of(again) == ["success", "error"]


def test_the_list_leads_there_too_for_one_run_at_a_time(admin_client, run):
    def act(*runs: Run):
        data = {"action": "undo_selected", "_selected_action": [each.pk for each in runs]}
        return admin_client.post(reverse("admin:catalog_run_changelist"), data)

    assert act(run)["Location"] == reverse("admin:catalog_run_undo", args=[run.pk])
    assert levels_of(act(run, RunFactory())) == ["error"]


def test_what_is_no_import_says_so(admin_client):
    other = RunFactory(kind="scrape")
    assert levels_of(admin_client.get(reverse("admin:catalog_run_undo", args=[other.pk]))) == ["error"]
    assert admin_client.get(reverse("admin:catalog_run_rows", args=[other.pk])).status_code == 404
    assert not page(admin_client, "change", other).select(".object-tools a[href$='/undo/']")


def test_an_import_that_took_all_rows_has_no_list(admin_client):
    run, _ = import_titles([TitleRecord("Ran", tmdb_id=11645)], "test")
    assert admin_client.get(reverse("admin:catalog_run_rows", args=[run.pk])).status_code == 404
