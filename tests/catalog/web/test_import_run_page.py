"""An import has rows, not items: no page speaks of failed items or offers to retry them."""

from __future__ import annotations

import re
from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from catalog.models import Run
from catalog.titles.formats.records import RejectedRow, TitleRecord
from catalog.titles.importing import import_titles
from tests.catalog.pages import one, soup, texts
from tests.conftest import signed_in
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db

FAILED = re.compile(r"\d+ failed")


@pytest.fixture
def run() -> Run:
    rows: list[TitleRecord | RejectedRow] = [
        TitleRecord("Ran", tmdb_id=11645),
        RejectedRow("a.csv", 3, "the title is empty", ",,"),
        RejectedRow("a.csv", 4, "the year is <i>old</i>", ",,"),
    ]
    return import_titles(rows, "test")[0]


def test_its_page_says_what_was_created_changed_and_rejected(admin_client: Client, run: Run) -> None:
    page = soup(admin_client.get(run.get_absolute_url()))
    figures = dict(zip(texts(page, "#items dt"), texts(page, "#items dd"), strict=True))
    assert figures == {"Created": "1", "Changed": "0", "Unchanged": "0", "Conflicting": "0", "Rejected": "2"}
    assert [line.partition(":")[0] for line in texts(page, ".rows-not-imported li")] == [
        "a.csv, line 3",
        "a.csv, line 4",
    ]
    link = one(page, "#items a")
    assert link["href"] == reverse("admin:catalog_run_rows", args=[run.pk])
    assert b"a.csv,4" in b"".join(admin_client.get(link["href"]).streaming_content)  # type: ignore[attr-defined]


def test_it_speaks_of_no_failed_items_and_offers_no_retry(admin_client: Client, run: Run) -> None:
    for address in (run.get_absolute_url(), reverse("catalog:runs")):
        page = soup(admin_client.get(address))
        assert not FAILED.search(page.get_text(" ")) and not page.select("form[action$='/retry/']")
        assert "2 not imported" in page.get_text(" ") or texts(page, "#run-progress dd")[:3] == [
            "1",
            "2",
            "3",
        ]
    page = soup(admin_client.get(run.get_absolute_url()))
    assert not page.select("table.items") and "no items" not in page.get_text(" ")


def test_the_admin_and_the_api_speak_of_rows_too(admin_client: Client, run: Run) -> None:
    for name, arguments in (("changelist", []), ("change", [run.pk])):
        page = soup(admin_client.get(reverse(f"admin:catalog_run_{name}", args=arguments)))
        assert "2 rows not imported" in page.get_text(" ") and not page.select(".run-failed, .run-items")
    data = admin_client.get(f"/api/runs/{run.pk}").json()
    assert (data["done"], data["failed"], data["rows_not_taken"], data["total"]) == (1, 0, 2, 3)


def test_so_does_the_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from catalog.management.commands import status

    monkeypatch.setattr(status, "SECTIONS", {"live runs": status.live_runs})
    Run.objects.filter(pk=run.pk).update(state="running")
    out = StringIO()
    call_command("status", stdout=out)
    assert "2 rows not imported" in out.getvalue() and not FAILED.search(out.getvalue())


def test_one_that_an_earlier_version_made_shows_what_it_knows(admin_client: Client, run: Run) -> None:
    params = {name: value for name, value in run.params.items() if name != "counts"}
    Run.objects.filter(pk=run.pk).update(params=params)
    page = soup(admin_client.get(run.get_absolute_url()))
    assert not page.select("#items dl") and len(page.select(".rows-not-imported li")) == 2


def test_who_may_not_see_runs_in_the_admin_gets_no_link_there(run: Run) -> None:
    page = soup(signed_in(UserFactory(is_staff=True)).get(run.get_absolute_url()))
    assert not page.select("#items a")
