"""The panel on admin's index: how much there is, what is running, what waits."""

import pytest
from bs4 import BeautifulSoup
from django.urls import reverse

from catalog.models import Run
from tests.catalog.admin.cards import QUEUE, pending
from tests.catalog.pages import text_of
from tests.conftest import signed_in
from tests.factories import MovieFactory, RunFactory, UserFactory

pytestmark = pytest.mark.django_db


def panel(client):
    page = BeautifulSoup(client.get(reverse("admin:index")).content, "lxml")
    return page.select_one(".status-panel")


def test_counts(admin_client):
    pending("Ember", Drama=0.9, Crime=0.8)
    MovieFactory(genres=["War"])
    found = {text_of(row.dt): text_of(row.dd) for row in panel(admin_client).select(".status-counts div")}
    assert found == {
        "movies": "2",
        "posters": "1",
        "posters embedded": "0",
        "untagged movies": "1",
        "suggestions to review": "2",
        "duplicates to review": "0",
        "decisions": "0",
    }


def test_live_runs_with_their_progress(admin_client):
    run = RunFactory(state=Run.State.RUNNING, total=240, done=119, failed=1)
    RunFactory(state=Run.State.DONE)
    [row] = panel(admin_client).select(".status-runs li")
    assert row.a["href"] == run.get_absolute_url()
    assert row.progress["value"] == "50"
    assert "120 of 240, 1 failed" in text_of(row)


def test_many_runs_are_cut_short(admin_client):
    for _ in range(8):
        RunFactory(state=Run.State.RUNNING, total=1)
    rows = panel(admin_client).select(".status-runs li")
    assert len(rows) == 6 and text_of(rows[-1]) == "and more"


def test_the_way_to_the_queue_is_for_reviewers(reviewer_client):
    pending("Ember")
    assert panel(reviewer_client).select(f'a[href="{reverse(QUEUE)}"]')
    staff = signed_in(UserFactory(is_staff=True))
    assert not panel(staff).select("a")
    assert "runs" not in text_of(panel(staff))


def test_the_pages_carry_our_name(admin_client):
    assert "Postersite" in text_of(
        BeautifulSoup(admin_client.get(reverse("admin:index")).content, "lxml").select_one("#site-name")
    )


def test_the_catalogue_comes_before_other_apps(admin_client):
    labels = [app["app_label"] for app in admin_client.get(reverse("admin:index")).context["app_list"]]
    assert labels[0] == "catalog"
    assert labels[1:] == sorted(labels[1:])
