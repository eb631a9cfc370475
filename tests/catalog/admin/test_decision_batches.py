"""The page of a batch: counts, progress, undo, and what an undo keeps."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from bs4 import BeautifulSoup
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from catalog.admin import decision_batch
from catalog.genres import decision_batches
from catalog.genres.review import Selection
from catalog.models import DecisionBatch, MovieGenre
from catalog.runs import lifecycle, local_worker
from tests.catalog.admin.cards import pending
from tests.catalog.pages import text_of
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
LIST = "admin:catalog_decisionbatch_changelist"


def page(client: Client, batch: DecisionBatch, **query: Any) -> BeautifulSoup:
    response = client.get(batch.get_absolute_url(), query)
    assert response.status_code == 200
    return BeautifulSoup(response.content, "lxml")


def address(name: str, batch: DecisionBatch) -> str:
    return reverse(f"admin:catalog_decisionbatch_{name}", args=[batch.pk])


def test_lists_in_the_admin_write_times_as_the_pages_do(reviewer_client: Client) -> None:
    at = datetime(2026, 11, 29, 14, 5, tzinfo=UTC)
    DecisionBatch.objects.create(reviewer=UserFactory(), chosen="Drama", suggestions=1)
    DecisionBatch.objects.update(created_at=at)
    shown = text_of(BeautifulSoup(reviewer_client.get(reverse(LIST)).content, "lxml"))
    assert "29 Nov 2026 14:05" in shown


def rows(shown: BeautifulSoup) -> list[list[str]]:
    return [
        [text_of(cell) for cell in row.select("th, td")] for row in shown.select("table.run-items tbody tr")
    ]


def work_off(batch: DecisionBatch) -> None:
    live = decision_batches.live_run(batch)
    assert live is not None
    local_worker.process_run(live)


@pytest.fixture
def batch() -> DecisionBatch:
    pending("Ember", Drama=0.9, Crime=0.8)
    pending("Salt", Drama=0.7)
    return decision_batches.start(Selection(min_score=0.75), UserFactory(username="ana"), queue=False)


def test_it_says_who_chose_what_and_how_far_it_is(keeper_client: Client, batch: DecisionBatch) -> None:
    shown = page(keeper_client, batch)
    assert shown.select_one("#batch[hx-get]") and shown.select_one("progress[max='2'][value='0']")
    work_off(batch)
    shown = page(keeper_client, batch)
    text = text_of(shown.select_one("#batch"))
    assert "2 of 2" in text and "ana" in text and "score from 0.75" in text
    assert not shown.select("#batch[hx-get], progress")
    assert [row[1:3] for row in rows(shown)] == [["Drama", "score .90"], ["Crime", "score .80"]]


def test_the_list_counts_what_was_accepted_and_undone(keeper_client: Client, batch: DecisionBatch) -> None:
    work_off(batch)
    keeper_client.post(address("undo", batch))
    MovieGenre.objects.filter(genre__name="Crime").update(origin="manual")
    work_off(batch)
    response = keeper_client.get(reverse("admin:catalog_decisionbatch_changelist"))
    listed = BeautifulSoup(response.content, "lxml")
    assert [
        text_of(listed.select_one(f".field-{name}")) for name in ("suggestions", "accepted", "undone")
    ] == [
        "2",
        "2",
        "1",
    ]


def test_pressing_undo_starts_a_run_and_what_is_kept_is_listed_with_its_reason(
    keeper_client: Client, batch: DecisionBatch
) -> None:
    work_off(batch)
    MovieGenre.objects.filter(genre__name="Crime").update(origin="manual")
    assert keeper_client.post(address("undo", batch))["Location"] == batch.get_absolute_url()
    assert MovieGenre.objects.count() == 2
    work_off(batch)
    assert list(MovieGenre.objects.values_list("genre__name", flat=True)) == ["Crime"]
    [kept] = rows(page(keeper_client, batch))
    assert kept[1] == "Crime" and kept[3] not in ("", "–")
    [done] = rows(page(keeper_client, batch, show="undone"))
    assert done[1] == "Drama" and keeper_client.user.username in done[3]  # type: ignore[attr-defined]


def test_it_can_be_cancelled_there(keeper_client: Client, batch: DecisionBatch) -> None:
    keeper_client.post(address("cancel", batch))
    assert decision_batches.runs_of(batch).get().state == "cancelled"
    keeper_client.post(address("cancel", batch))  # over already
    shown = page(keeper_client, batch)
    assert not shown.select("form.batch-undo") and not rows(shown)


def test_what_cannot_be_undone_now_says_so(keeper_client: Client, batch: DecisionBatch) -> None:
    response = keeper_client.post(address("undo", batch), follow=True)
    assert response.context["messages"] and lifecycle.live_runs().count() == 1


def test_a_page_costs_the_same_for_any_number_of_decisions(
    keeper_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decision_batch, "DECISIONS_PER_PAGE", 3)
    counted = []
    for number in (4, 9):
        for _ in range(number):
            pending()
        batch = decision_batches.start(Selection(), UserFactory(), queue=False)
        work_off(batch)
        with CaptureQueriesContext(connection) as captured:
            assert len(rows(page(keeper_client, batch))) == 3
        counted.append(len(captured))
    assert counted[0] == counted[1]
