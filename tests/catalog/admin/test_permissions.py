"""The pages that the site adds to the admin need permissions, and changes a POST with a token."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from catalog.models import (
    DecisionBatch,
    DuplicateDecision,
    DuplicateGroup,
    GenreModel,
    ReviewDecision,
    ReviewFlag,
    Run,
)
from tests.catalog.admin.cards import QUEUE, pending, shown
from tests.conftest import signed_in
from tests.factories import MovieFactory, RunFactory, UserFactory

pytestmark = pytest.mark.django_db
REVIEW, BULK, START = "review_suggestion", "accept_in_bulk", "start_run"
# Name of the URL, its permissions (without "catalog."), and its methods.
PAGES = [
    ("reviewqueue_changelist", {REVIEW}, "GET"),
    ("reviewqueue_grid", {REVIEW}, "GET"),
    ("reviewqueue_next", {REVIEW}, "GET"),
    ("reviewqueue_undo", {REVIEW}, "POST"),
    ("reviewqueue_flags", {REVIEW}, "GET POST"),
    ("reviewqueue_review", {REVIEW}, "POST"),
    ("reviewqueue_change", {REVIEW}, "GET POST"),
    ("reviewqueue_decide", {REVIEW}, "POST"),
    ("reviewqueue_bulk", {REVIEW}, "POST"),
    ("reviewqueue_sure", {REVIEW, BULK}, "GET POST"),
    ("reviewqueue_accept", {REVIEW, BULK}, "GET POST"),
    ("reviewqueue_history", {REVIEW}, "GET POST"),
    ("reviewqueue_quality", {REVIEW}, "GET"),
    ("reviewqueue_audit", {REVIEW}, "GET"),
    ("reviewqueue_audit_decide", {REVIEW}, "POST"),
    ("reviewqueue_audit_undo", {REVIEW}, "POST"),
    ("reviewqueue_second", {REVIEW}, "GET"),
    ("reviewqueue_second_give", {REVIEW}, "POST"),
    ("reviewqueue_second_undo", {REVIEW}, "POST"),
    ("reviewqueue_agreement", {REVIEW}, "GET"),
    ("reviewqueue_agreement_resolve", {REVIEW, "resolve_disagreement"}, "POST"),
    ("decisionbatch_changelist", {REVIEW}, "GET"),
    ("decisionbatch_change", {REVIEW}, "GET"),
    ("decisionbatch_undo", {REVIEW, BULK}, "POST"),
    ("decisionbatch_cancel", {REVIEW, BULK}, "POST"),
    ("duplicategroup_changelist", {"decide_duplicate"}, "GET"),
    ("duplicategroup_decide", {"decide_duplicate"}, "POST"),
    ("genremodel_promote", {"change_genremodel"}, "GET POST"),
    ("genremodel_undo", {"change_genremodel"}, "GET POST"),
    ("run_undo", {START, "delete_movie"}, "GET POST"),
    ("run_kept", {"view_run"}, "GET"),
    ("run_rows", {"view_run"}, "GET"),
    ("movie_start", {START}, "POST"),
    ("movie_titles", {"view_movie"}, "GET"),
    ("reviewdecision_csv", {"view_reviewdecision"}, "GET"),
    ("reviewdecision_json", {"view_reviewdecision"}, "GET"),
]
WITHOUT_ARGUMENTS = {
    *("changelist", "bulk", "sure", "accept", "titles", "csv", "json", "quality"),
    *("audit", "audit_decide", "audit_undo"),
    *("second", "second_give", "second_undo", "agreement", "agreement_resolve"),
    *("reviewqueue_grid", "reviewqueue_next", "reviewqueue_undo", "reviewqueue_flags"),
}


@pytest.fixture
def arguments():
    """arguments(NAME): those of the URL."""
    movie = pending()
    run = RunFactory(kind="import", state=Run.State.DONE)
    rows = {
        "reviewqueue": movie.pk,
        "decisionbatch": DecisionBatch.objects.create(reviewer=UserFactory(), chosen="all", suggestions=1).pk,
        "duplicategroup": DuplicateGroup.objects.create().pk,
        "genremodel": movie.suggestions.get().model_id,
        "run": run.pk,
    }

    def of(name):
        if name == "movie_start":
            return ["scrape"]
        model, _, page = name.partition("_")
        return [] if {page, name} & WITHOUT_ARGUMENTS else [rows[model]]

    return of


def nothing_has_changed():
    return (
        not any(model.objects.exists() for model in (ReviewDecision, ReviewFlag, DuplicateDecision))
        and Run.objects.count() == 1
        and GenreModel.objects.filter(state=GenreModel.State.ACTIVE).count() == 1
    )


@pytest.mark.parametrize(("name", "permissions", "methods"), PAGES)
def test_a_page_needs_its_permissions(client, arguments, name, permissions, methods):
    address = reverse(f"admin:catalog_{name}", args=arguments(name))
    form = {
        "decide": "accept",
        "action": "flag",
        "bulk": "accept",
        "shown": 1,
        "keep": 1,
        "movie": 1,
        "last": 10**9,
    }
    every = Permission.objects.filter(content_type__app_label="catalog")
    for missing in permissions:
        staff = UserFactory(is_staff=True)
        # In Django's admin, the permission to change includes that to view.
        staff.user_permissions.set(every.exclude(codename__in=[missing, missing.replace("view_", "change_")]))
        for method in methods.split():
            response = signed_in(staff).generic(method, address)
            assert response.status_code == 403
        assert signed_in(staff).post(address, form).status_code in (403, 405)
    for method in methods.split():
        assert client.generic(method, address)["Location"].startswith(reverse("admin:login"))
    assert nothing_has_changed()


@pytest.mark.parametrize(("name", "permissions", "methods"), [page for page in PAGES if "POST" in page[2]])
def test_changes_need_a_post_with_a_token(arguments, name, permissions, methods):
    address = reverse(f"admin:catalog_{name}", args=arguments(name))
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(UserFactory(admin=True))
    assert strict.post(address, {"decide": "accept", "bulk": "accept"}).status_code == 403
    assert strict.get(address).status_code in ((200, 302) if "GET" in methods else (405,))
    assert nothing_has_changed()


def test_reviewers_need_no_other_permission(reviewer_client):
    movie = pending()
    edit = reverse("admin:catalog_reviewqueue_change", args=[movie.pk])
    decide = reverse("admin:catalog_reviewqueue_decide", args=[movie.pk])
    assert [reviewer_client.get(address).status_code for address in (reverse(QUEUE), edit)] == [200, 200]
    assert reviewer_client.post(decide, {"decide": "accept", "shown": shown(movie)}).status_code == 302


def test_the_index_only_lists_permitted_pages(reviewer_client):
    staff = signed_in(UserFactory(is_staff=True, permissions=["catalog.change_movie"]))
    assert reverse(QUEUE) not in staff.get(reverse("admin:index")).text
    assert reverse(QUEUE) in reviewer_client.get(reverse("admin:index")).text


def test_actions_and_buttons_are_only_offered_with_the_permission(reviewer_client):
    movie = MovieFactory()
    address = reverse("admin:catalog_movie_changelist")
    page = reviewer_client.get(address).text
    assert "run-buttons" not in page and "start_scrape" not in page
    reviewer_client.post(address, {"action": "start_scrape", "_selected_action": [movie.pk]})
    assert not Run.objects.exists()
