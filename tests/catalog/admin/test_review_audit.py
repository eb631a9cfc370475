"""The page of the audit: one contradicted movie at a time, with keep, replace, add, remove, skip and undo."""

from __future__ import annotations

from typing import Any

import pytest
from bs4 import BeautifulSoup
from django.test import Client
from django.urls import reverse

from catalog.genres import assignment
from catalog.models import AuditFinding, Movie, Run
from tests.catalog.pages import one, soup, text_of
from tests.conftest import signed_in
from tests.factories import GenreFactory, GenreModelFactory, MovieFactory, RunFactory, UserFactory

pytestmark = pytest.mark.django_db

PAGE, DECIDE, UNDO = (f"admin:catalog_reviewqueue_audit{end}" for end in ("", "_decide", "_undo"))


def contradicted(title: str, strength: float = 4.0, **fields: Any) -> AuditFinding:
    """A movie tagged Drama; the evidence says Horror."""
    values = {
        "movie": MovieFactory(title=title, genres=["Drama"], poster=True),
        "model": GenreModelFactory(),
        "wrong": GenreFactory(name="Drama"),
        "wrong_score": 0.02,
        "missing": GenreFactory(name="Horror"),
        "missing_score": 0.97,
        "strength": strength,
        "digest": "d" * 64,
    }
    return AuditFinding.objects.create(**(values | fields))


def page(client: Client, **query: Any) -> BeautifulSoup:
    return soup(client.get(reverse(PAGE), query))


def title(found: BeautifulSoup) -> str:
    return text_of(one(found, "#one-movie h2")).rsplit(" ", 1)[0]


def press(client: Client, finding: AuditFinding, choice: str, **fields: Any) -> BeautifulSoup:
    data = {"movie": finding.movie_id, "seen": finding.digest, "choice": choice, **fields}
    return soup(client.post(reverse(DECIDE), data, follow=True))


def genres_of(movie: Movie) -> set[str]:
    return set(movie.movie_genres.values_list("genre__name", flat=True))


def test_it_shows_the_strongest_contradiction_with_both_scores(reviewer_client: Client) -> None:
    contradicted("Weak", 3.0)
    contradicted("Strong", 5.0)
    found = page(reviewer_client)
    assert title(found) == "Strong"
    facts = text_of(one(found, ".one-facts"))
    assert ".02" in facts and ".97" in facts
    assert [text_of(each) for each in found.select(".one-buttons button")] == [
        *("Replace Drama with Horror a", "Add Horror +", "Remove Drama -", "Keep the genres x"),
        *("Skip s", "Undo u"),
    ]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [("replace", {"Horror"}), ("add", {"Drama", "Horror"}), ("remove", set()), ("keep", {"Drama"})],
)
def test_a_decision_shows_the_next_movie(reviewer_client: Client, choice: str, expected: set[str]) -> None:
    first, _ = contradicted("First", 5), contradicted("Second", 4)
    assert title(press(reviewer_client, first, choice)) == "Second"
    assert genres_of(first.movie) == expected


@pytest.mark.parametrize(
    ("choice", "sentence"),
    [
        ("replace", "Drama replaced with Horror."),
        ("add", "Horror added."),
        ("remove", "Drama removed."),
        ("keep", "genres kept."),
    ],
)
def test_the_message_says_what_was_done(reviewer_client: Client, choice: str, sentence: str) -> None:
    found = press(reviewer_client, contradicted("First"), choice)
    assert text_of(one(found, ".messagelist")).endswith(sentence)


def test_saving_all_genres_leads_back_to_the_audit(reviewer_client: Client) -> None:
    contradicted("First")
    address = str(one(page(reviewer_client), "[data-key=e]")["href"])
    edit = soup(reviewer_client.get(address))
    fields = {name: one(edit, f"[name={name}]")["value"] for name in ("seen", "back")}
    assert reviewer_client.post(address, fields).headers["Location"] == reverse(PAGE)


def test_starting_an_audit_leads_back_to_the_page() -> None:
    client = signed_in(UserFactory(reviewer=True, permissions=["catalog.start_run"]))
    form = one(page(client), ".queue-title form")
    fields = {str(each["name"]): str(each["value"]) for each in form.select("input[name=from]")}
    assert client.post(str(form["action"]), fields).headers["Location"] == reverse(PAGE)


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (Run.State.RUNNING, "An audit is running."),
        (Run.State.DONE, "The evidence contradicts no genre."),
        (Run.State.FAILED, "The last audit did not finish."),
    ],
)
def test_the_page_without_movies_says_how_the_last_audit_went(
    reviewer_client: Client, state: str, sentence: str
) -> None:
    RunFactory(kind="audit", state=state)
    assert sentence in text_of(one(page(reviewer_client), ".queue-empty"))


def test_undo_shows_the_movie_again(reviewer_client: Client) -> None:
    first, _ = contradicted("First", 4), contradicted("Second", 5)
    press(reviewer_client, first, "replace")
    found = soup(reviewer_client.post(reverse(UNDO), follow=True))
    assert title(found) == "First"
    assert genres_of(first.movie) == {"Drama"}


def test_a_skipped_movie_comes_last(reviewer_client: Client) -> None:
    first, second = contradicted("First", 5), contradicted("Second", 4)
    assert title(press(reviewer_client, first, "skip")) == "Second"
    assert title(press(reviewer_client, second, "keep")) == "First"


def test_two_reviewers_see_different_movies(reviewer_client: Client) -> None:
    contradicted("First", 5)
    contradicted("Second", 4)
    other = UserFactory(reviewer=True, username="ana")
    assert title(page(reviewer_client)) == "First"
    assert title(page(signed_in(other))) == "Second"
    assert "ana has 1 movie open." in text_of(page(reviewer_client).body)


def test_the_last_movie_may_be_reserved_by_another(reviewer_client: Client) -> None:
    contradicted("First")
    ana = UserFactory(username="ana")
    assignment.assign(ana, AuditFinding.objects.waiting().values("movie_id"), 1)
    empty = text_of(one(page(reviewer_client), ".queue-empty"))
    assert "ana has 1 movie open." in empty


def test_a_stale_form_changes_nothing_and_says_so(reviewer_client: Client) -> None:
    finding = contradicted("First")
    AuditFinding.objects.update(digest="e" * 64)
    found = press(reviewer_client, finding, "replace")
    assert found.select(".messagelist .warning")
    assert genres_of(finding.movie) == {"Drama"}


@pytest.mark.parametrize("fields", [{"movie": "x"}, {"movie": "999999999"}])
def test_a_movie_that_is_gone_is_reported(reviewer_client: Client, fields: dict[str, str]) -> None:
    assert press(reviewer_client, contradicted("First"), "keep", **fields).select(".messagelist .warning")


def test_a_choice_that_does_not_exist_is_refused(reviewer_client: Client) -> None:
    finding = contradicted("First")
    response = reviewer_client.post(reverse(DECIDE), {"movie": finding.movie_id, "choice": "burn"})
    assert response.status_code == 400


def test_only_what_applies_is_offered(reviewer_client: Client) -> None:
    contradicted("First", missing=None, missing_score=None)
    found = page(reviewer_client)
    assert [each["value"] for each in found.select("button[name=choice]")] == ["remove", "keep", "skip"]
    assert [each["data-key"] for each in found.select("button[name=choice]")] == ["a", "x", "s"]


def test_a_page_without_contradictions_offers_an_audit_to_those_who_may_start_runs(
    reviewer_client: Client, admin_client: Client
) -> None:
    assert not page(reviewer_client).select("form[action$='/start/audit/']")
    assert page(admin_client).select("form[action$='/start/audit/']")
