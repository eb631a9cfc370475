"""Runs in admin: what went wrong, retry, cancel."""

import pytest
from django.urls import reverse

from catalog.models import Run, RunItem
from tests.catalog.pages import messages_of
from tests.conftest import signed_in
from tests.factories import MovieFactory, RunFactory, RunItemFactory, UserFactory

pytestmark = pytest.mark.django_db
LIST = "admin:catalog_run_changelist"


def act(client, action, *runs):
    data = {"action": action, "_selected_action": [run.pk for run in runs]}
    return client.post(reverse(LIST), data)


def broken_run(items=1, **fields):
    run = RunFactory(state=Run.State.DONE, total=items, failed=items, **fields)
    for number in range(items):
        RunItemFactory(
            run=run,
            movie=MovieFactory(title=f"Film {number}"),
            state=RunItem.State.FAILED,
            attempts=3,
            error="The page answered <404>.",
        )
    return run


def test_retrying_makes_a_run_over_what_failed(admin_client):
    run = broken_run(2)
    response = act(admin_client, "retry_failed", run)
    again = Run.objects.exclude(pk=run.pk).get()
    assert (again.retry_of, again.total, again.asked_by) == (run, 2, admin_client.user)
    assert again.get_absolute_url() in messages_of(response)


def test_retrying_what_did_not_fail_says_so(admin_client):
    response = act(admin_client, "retry_failed", RunFactory(state=Run.State.DONE))
    assert "has no failed items" in messages_of(response)
    assert Run.objects.count() == 1


def test_cancelling(admin_client):
    run = RunFactory(state=Run.State.RUNNING, total=1)
    RunItemFactory(run=run)
    assert "is cancelled" in messages_of(act(admin_client, "cancel", run))
    run.refresh_from_db()
    assert run.state == Run.State.CANCELLED


def test_cancelling_what_is_over_says_so(admin_client):
    assert "is over already" in messages_of(act(admin_client, "cancel", RunFactory(state=Run.State.DONE)))


@pytest.mark.parametrize("action", ["retry_failed", "cancel"])
def test_both_need_the_permission_to_start_runs(action):
    looker = signed_in(UserFactory(is_staff=True, permissions=["catalog.view_run"]))
    run = broken_run()
    live = RunFactory(state=Run.State.RUNNING)
    act(looker, action, run, live)
    assert Run.objects.count() == 2
    assert Run.objects.get(pk=live.pk).state == Run.State.RUNNING


def test_the_page_shows_the_first_errors_and_links_to_the_rest(admin_client):
    run = broken_run(25)
    page = admin_client.get(reverse("admin:catalog_run_change", args=[run.pk])).text
    assert page.count("The page answered &lt;404&gt;.") == 20
    assert "5 more on the run" in page
    assert f'href="{run.get_absolute_url()}"' in page


def test_the_list_has_progress_and_costs_no_query_a_row(admin_client, django_assert_max_num_queries):
    for _ in range(10):
        RunFactory(state=Run.State.RUNNING, total=200, done=50, failed=1, asked_by=admin_client.user)
    with django_assert_max_num_queries(12):
        page = admin_client.get(reverse(LIST)).text
    assert page.count('<progress max="200" value="51"') == 10
