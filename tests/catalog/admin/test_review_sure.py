"""Sure suggestions: marked on cards, a filter of the queue, and accepting all of them."""

import pytest
from bs4 import BeautifulSoup
from django.urls import reverse

from catalog.models import DecisionBatch, ReviewDecision, Run, Suggestion
from catalog.runs import local_worker
from tests.catalog.admin.cards import genres, pending, queue, suggestion, titles
from tests.catalog.pages import messages_of, one, text_of

pytestmark = pytest.mark.django_db
SURE = "admin:catalog_reviewqueue_sure"


def sure(movie, *names):
    movie.suggestions.filter(genre__name__in=names).update(sure=True)
    return movie


def page(client, **query):
    response = client.get(reverse(SURE), query)
    assert response.status_code == 200
    return BeautifulSoup(response.content, "lxml")


def accept(client, shown, **fields):
    """Press the button; the run that this starts is worked off."""
    last = one(shown, "input[name=last]")["value"]
    response = client.post(reverse(SURE), {"last": last, **fields})
    for run in Run.objects.filter(state="queued"):
        local_worker.process_run(run)
    return response


def test_cards_mark_what_is_sure(reviewer_client):
    sure(pending("Ember", Drama=0.9, Crime=0.7), "Drama")
    marked = queue(reviewer_client).select(".genre:has(.sure)")
    assert [text_of(one(genre, ".genre-name span")) for genre in marked] == ["Drama"]


def test_the_queue_leads_to_all_that_are_sure(reviewer_client):
    sure(pending("Ember", Drama=0.9, Crime=0.7), "Drama", "Crime")
    link = one(queue(reviewer_client, order="title"), "#queue-waiting a")
    assert text_of(one(link, "strong")) == "2"
    assert link["href"] == reverse(SURE) + "?back=order%3Dtitle"
    assert reviewer_client.get(link["href"]).status_code == 200


def test_without_a_sure_one_nothing_is_offered(reviewer_client):
    pending("Ember")
    assert not queue(reviewer_client).select("#queue-waiting a")
    shown = page(reviewer_client)
    assert not shown.select("input[name=last]")


def test_they_are_counted_by_genre_before_and_accepted_after(reviewer_client):
    ember = sure(pending("Ember", Drama=0.9, Crime=0.7), "Drama")
    salt = sure(pending("Salt", Drama=0.8, Horror=0.95), "Drama", "Horror")
    shown = page(reviewer_client)
    assert "3 suggestions of 2 movies" in text_of(shown)
    rows = {text_of(row.th): text_of(row.td) for row in shown.select(".sure-genres tbody tr")}
    assert rows == {"Drama": "2", "Horror": "1"}
    assert not ReviewDecision.objects.exists()
    response = accept(reviewer_client, shown)
    batch = DecisionBatch.objects.get()
    assert response.url == batch.get_absolute_url()
    assert (batch.reviewer, batch.suggestions) == (reviewer_client.user, 3)
    assert (genres(ember), genres(salt)) == ({"Drama"}, {"Drama", "Horror"})
    assert suggestion(ember, "Crime").state == Suggestion.State.PENDING
    assert ReviewDecision.objects.count() == 3


def test_what_came_after_the_page_is_left_alone(reviewer_client):
    ember = sure(pending("Ember"), "Drama")
    shown = page(reviewer_client)
    late = sure(pending("Salt"), "Drama")
    accept(reviewer_client, shown)
    assert (genres(ember), genres(late)) == ({"Drama"}, set())


def test_only_those_that_the_queues_filter_leaves(reviewer_client):
    ember = sure(pending("Ember", Drama=0.9, Crime=0.8), "Drama", "Crime")
    salt = sure(pending("Salt"), "Drama")
    back = f"q=ember&genre={suggestion(ember, 'Crime').genre_id}"
    shown = page(reviewer_client, back=back)
    assert "1 suggestion of 1 movie" in text_of(shown)
    accept(reviewer_client, shown, back=back)
    assert (genres(ember), genres(salt)) == ({"Crime"}, set())


def test_somebody_faster_is_no_error(reviewer_client):
    ember = sure(pending("Ember"), "Drama")
    shown = page(reviewer_client)
    ember.suggestions.update(state=Suggestion.State.SUPERSEDED)
    assert messages_of(accept(reviewer_client, shown))
    assert genres(ember) == set() and not DecisionBatch.objects.exists()


def test_nothing_is_decided_within_the_request(reviewer_client):
    ember = sure(pending("Ember"), "Drama")
    shown = page(reviewer_client)
    reviewer_client.post(reverse(SURE), {"last": one(shown, "input[name=last]")["value"]})
    assert genres(ember) == set() and Run.objects.get().state == "queued"


@pytest.mark.parametrize("last", ["", "x", "-1", "9" * 40])
def test_a_form_of_nobodys_making_accepts_nothing(reviewer_client, last):
    ember = sure(pending("Ember"), "Drama")
    reviewer_client.post(reverse(SURE), {"last": last})
    assert not DecisionBatch.objects.exists() and not Run.objects.exists()
    assert genres(ember) == set()


def test_the_queue_can_be_narrowed_to_sure_ones(reviewer_client):
    sure(pending("Ember", Drama=0.9, Crime=0.7), "Drama")
    pending("Salt", Drama=0.99)
    shown = queue(reviewer_client, sure="on")
    assert titles(shown) == ["Ember"]
    assert len(shown.select("input[name=matching]")) == 1
    assert shown.select("button[value=accept-matching]")


def test_the_page_says_how_good_sure_ones_were(reviewer_client):
    ember = sure(pending("Ember"), "Drama")
    model = ember.suggestions.get().model
    model.metrics = {
        "sure": {"target": 0.75, "cut": 0.7, "precision": {"value": 0.76, "low": 0.7, "high": 0.8}}
    }
    model.save()
    assert "76% (70–80%)" in text_of(page(reviewer_client))
