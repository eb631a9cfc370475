"""The review queue in a browser: without script, at phone width, signed out meanwhile, server gone."""

import pytest
from django.contrib.sessions.models import Session

from catalog.models import Suggestion
from tests.catalog.admin.cards import genres, pending, suggestion
from tests.factories import UserFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
QUEUE = "/admin/catalog/reviewqueue/grid/"


@pytest.fixture
def reviewer():
    return UserFactory(reviewer=True)


def test_everything_works_without_script(chromium, live_server, sign_in, reviewer):
    movie = pending("Ember", Drama=0.95, Horror=0.7)
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, reviewer)
    page.goto(live_server.url + QUEUE)
    # What only works with script is not offered.
    assert not page.locator("#tick-all").is_visible()
    assert not page.locator("input[name=keep]").first.is_visible()
    page.get_by_role("button", name="Reject Horror for Ember").click()
    page.get_by_text("Rejected Horror.").wait_for()
    page.get_by_label("Tick Ember").check()
    page.locator("#bulk button[value=accept]").click()
    page.get_by_text("Accepted 1 suggestion of 1 movie.").wait_for()
    context.close()
    assert genres(movie) == {"Drama"}
    assert suggestion(movie, "Horror").state == Suggestion.State.REJECTED


def test_a_session_that_ended_leads_to_the_sign_in_page(reviewer_page, live_server):
    pending("Ember")
    reviewer_page.goto(live_server.url + QUEUE)
    Session.objects.all().delete()
    reviewer_page.keyboard.press("a")
    reviewer_page.wait_for_url("**/admin/login/**")
    assert not Suggestion.objects.exclude(state=Suggestion.State.PENDING).exists()


def test_an_unreachable_server_is_reported_and_the_card_stays(chromium, live_server, sign_in, reviewer):
    pending("Ember")
    # Its own page: the browser itself logs the failed request as an error, which is what is being tested.
    context = chromium.new_context()
    page = context.new_page()
    sign_in(page, reviewer)
    page.goto(live_server.url + QUEUE)
    context.set_offline(True)
    page.keyboard.press("a")
    page.get_by_role("status").filter(has_text="The server cannot be reached.").wait_for()
    context.set_offline(False)
    page.keyboard.press("a")
    page.locator("article.decided").wait_for()
    context.close()


def test_the_marks_of_the_threshold_and_score_are_drawn(reviewer_page, live_server):
    pending("Ember", Drama=0.8)
    reviewer_page.goto(live_server.url + QUEUE)
    track, value, mark = (
        reviewer_page.locator(f"article .score-{part}").bounding_box() for part in ("track", "value", "mark")
    )
    assert value["width"] / track["width"] == pytest.approx(0.8, abs=0.01)
    assert (mark["x"] - track["x"]) / track["width"] == pytest.approx(0.6, abs=0.01)
