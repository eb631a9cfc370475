"""Bulk: what the ticked cards showed is decided in one go, and nothing besides."""

import pytest
from django.urls import reverse

from catalog.models import ReviewDecision, Suggestion
from tests.catalog.admin.cards import genres, pending, queue, shown, suggestion
from tests.catalog.pages import levels_of, messages_of
from tests.conftest import signed_in
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
BULK = "admin:catalog_reviewqueue_bulk"


def bulk(client, verb, movies, **fields):
    seen = [pk for movie in movies for pk in shown(movie)]
    data = {"bulk": verb, "movie": [movie.pk for movie in movies], "shown": seen, **fields}
    return client.post(reverse(BULK), data)


def test_accepts_every_suggestion_of_the_ticked(reviewer_client):
    ember, salt, untouched = pending("Ember", Drama=0.9, Crime=0.8), pending("Salt"), pending("Paper")
    response = bulk(reviewer_client, "accept", [ember, salt])
    assert (genres(ember), genres(salt), genres(untouched)) == ({"Drama", "Crime"}, {"Drama"}, set())
    assert "Accepted 3 suggestions of 2 movies." in messages_of(response)
    assert ReviewDecision.objects.count() == 3


def test_rejects_every_suggestion_of_the_ticked(reviewer_client):
    ember = pending("Ember", Drama=0.9, Crime=0.8)
    assert "Rejected 2 suggestions of 1 movie." in messages_of(bulk(reviewer_client, "reject", [ember]))
    assert genres(ember) == set()


def test_cards_that_were_shown_but_not_ticked_are_left_alone(reviewer_client):
    ember, salt = pending("Ember"), pending("Salt")
    bulk(reviewer_client, "accept", [ember], shown=shown(ember) + shown(salt))
    assert genres(salt) == set()


def test_what_the_page_did_not_show_is_left_alone(reviewer_client):
    ember = pending("Ember", Drama=0.9, Crime=0.8)
    bulk(reviewer_client, "accept", [ember], shown=[suggestion(ember, "Drama").pk])
    assert suggestion(ember, "Crime").state == Suggestion.State.PENDING


def test_only_the_matching_ones_when_the_queue_is_filtered(reviewer_client):
    ember = pending("Ember", Drama=0.95, Crime=0.7)
    page = queue(reviewer_client, min_score="0.9")
    matching = [field["value"] for field in page.select("input[name=matching]")]
    assert matching == [str(suggestion(ember, "Drama").pk)]
    bulk(reviewer_client, "accept-matching", [ember], matching=matching)
    assert genres(ember) == {"Drama"}
    assert suggestion(ember, "Crime").state == Suggestion.State.PENDING


def test_matching_is_offered_only_when_a_filter_narrows_suggestions(reviewer_client):
    pending("Ember")
    assert not queue(reviewer_client).select("button[value=accept-matching]")
    assert not queue(reviewer_client, q="ember").select("button[value=accept-matching]")
    assert queue(reviewer_client, min_score="0.1").select("button[value=accept-matching]")


def test_nothing_ticked_is_said(reviewer_client):
    ember = pending("Ember")
    response = bulk(reviewer_client, "accept", [], shown=shown(ember))
    assert levels_of(response) == ["warning"]
    assert not ReviewDecision.objects.exists()


def test_an_unknown_verb_decides_nothing(reviewer_client):
    assert levels_of(bulk(reviewer_client, "burn", [pending("Ember")])) == ["error"]
    assert not ReviewDecision.objects.exists()


def test_the_filter_survives(reviewer_client):
    response = bulk(reviewer_client, "accept", [pending("Ember")], back="order=title&page=2")
    assert response.url == "/admin/catalog/reviewqueue/grid/?order=title&page=2"


def test_what_somebody_else_decided_is_left(reviewer_client):
    first, second = pending("Ember", Drama=0.9), pending("Salt", Drama=0.8)
    seen = shown(first) + shown(second)
    bulk(signed_in(UserFactory(reviewer=True)), "reject", [first])
    response = bulk(reviewer_client, "accept", [first, second], shown=seen)
    assert levels_of(response) == ["success", "warning"]
    assert (genres(first), genres(second)) == (set(), {"Drama"})
