"""Two reviewers on one movie: the first decides, the second is told, nothing is doubled."""

import pytest

from catalog.models import ReviewDecision, Suggestion
from tests.catalog.admin.cards import genres, press, shown, suggestion, told, waiting
from tests.conftest import signed_in
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def other_client():
    return signed_in(UserFactory(reviewer=True, username="ann"))


def test_the_second_is_told_who_was_faster(reviewer_client, other_client):
    movie = waiting("Ember", Drama=0.9)
    seen = shown(movie)
    press(other_client, movie, "reject")
    response = press(reviewer_client, movie, "accept", shown=seen)
    assert "Drama had already been rejected by ann. Nothing was decided twice." in told(response)
    assert genres(movie) == set()
    assert ReviewDecision.objects.get().reviewer == other_client.user


def test_what_was_still_free_is_decided(reviewer_client, other_client):
    movie = waiting("Ember", Drama=0.9, Horror=0.7)
    seen = shown(movie)
    press(other_client, movie, f"accept-{suggestion(movie, 'Drama').pk}")
    response = press(reviewer_client, movie, "accept", shown=seen)
    assert "Accepted Horror." in told(response)
    assert "Drama had already been accepted by ann." in told(response)
    assert genres(movie) == {"Drama", "Horror"}
    assert ReviewDecision.objects.count() == 2


def test_with_htmx_the_card_says_so(reviewer_client, other_client):
    movie = waiting("Ember", Drama=0.9)
    seen = shown(movie)
    press(other_client, movie, "accept")
    response = press(reviewer_client, movie, "reject", shown=seen, htmx=True)
    assert "Drama had already been accepted by ann." in response.text
    assert genres(movie) == {"Drama"}


def test_the_same_press_sent_twice_decides_once(reviewer_client):
    movie = waiting("Ember", Drama=0.9)
    seen = shown(movie)
    press(reviewer_client, movie, "accept")
    response = press(reviewer_client, movie, "accept", shown=seen)
    assert "Drama had already been accepted by you." in told(response)
    assert ReviewDecision.objects.count() == 1


def test_a_suggestion_replaced_by_a_newer_model_is_not_decided(reviewer_client):
    movie = waiting("Ember", Drama=0.9)
    seen = shown(movie)
    movie.suggestions.update(state=Suggestion.State.SUPERSEDED)
    response = press(reviewer_client, movie, "accept", shown=seen)
    assert "Drama is no longer suggested." in told(response)
    assert genres(movie) == set()


def test_bulk_counts_only_what_it_decided(reviewer_client, other_client):
    movie, second = waiting("Ember", Drama=0.9), waiting("Salt", Drama=0.8)
    seen = shown(movie) + shown(second)
    press(other_client, movie, "reject")
    response = reviewer_client.post(
        "/admin/catalog/reviewqueue/bulk/",
        {"bulk": "accept", "movie": [movie.pk, second.pk], "shown": seen},
    )
    assert "Accepted 1 suggestion of 1 movie." in told(response)
    assert "1 suggestion had already been decided by somebody else" in told(response)
    assert (genres(movie), genres(second)) == (set(), {"Drama"})
