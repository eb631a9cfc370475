"""Rejecting: the movie gets no genre, and the refusal is written down."""

import pytest

from catalog.models import ReviewDecision, Suggestion
from tests.catalog.admin.cards import genres, press, suggestion, told, waiting

pytestmark = pytest.mark.django_db


def test_reject_all(reviewer_client):
    movie = waiting("Ember", Drama=0.9, Horror=0.7)
    response = press(reviewer_client, movie, "reject")
    assert genres(movie) == set()
    assert set(ReviewDecision.objects.values_list("verdict", flat=True)) == {"rejected"}
    assert "Rejected Drama, Horror." in told(response)


def test_reject_all_rejects_whatever_is_ticked(reviewer_client):
    movie = waiting("Ember", Drama=0.9, Horror=0.7)
    press(reviewer_client, movie, "reject", keep=[suggestion(movie, "Drama").pk])
    assert set(movie.suggestions.values_list("state", flat=True)) == {Suggestion.State.REJECTED}


def test_reject_one_leaves_the_others_waiting(reviewer_client):
    movie = waiting("Ember", Drama=0.9, Horror=0.7)
    press(reviewer_client, movie, f"reject-{suggestion(movie, 'Drama').pk}")
    assert suggestion(movie, "Drama").state == Suggestion.State.REJECTED
    assert suggestion(movie, "Horror").state == Suggestion.State.PENDING


def test_with_htmx_the_line_says_what_was_rejected(reviewer_client):
    response = press(reviewer_client, waiting("Ember", Drama=0.9), "reject", htmx=True)
    assert "Rejected Drama." in response.text
    assert "decided" in response.text
