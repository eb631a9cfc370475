"""Accepting: the genre becomes the movie's, the decision is written down with what was seen."""

import pytest

from catalog.models import MovieGenre, ReviewDecision, Suggestion
from tests.catalog.admin.cards import genres, press, queue, suggestion, told, waiting

pytestmark = pytest.mark.django_db


def test_accept_all_gives_the_movie_its_genres(reviewer_client):
    movie = waiting("Ember", Drama=0.9, Horror=0.7)
    response = press(reviewer_client, movie, "accept")
    assert response.status_code == 302
    assert genres(movie) == {"Drama", "Horror"}
    assert set(movie.movie_genres.values_list("origin", flat=True)) == {MovieGenre.Origin.ACCEPTED}
    assert "Accepted Drama, Horror." in told(response)
    assert not queue(reviewer_client).select("article.card")


def test_the_decision_records_who_and_what_was_seen(reviewer_client):
    movie = waiting("Ember", Drama=0.9)
    press(reviewer_client, movie, "accept")
    decision = ReviewDecision.objects.get()
    assert decision.reviewer == reviewer_client.user
    assert (decision.verdict, decision.score, decision.threshold) == ("accepted", 0.9, 0.6)


def test_accept_one_leaves_the_others_waiting(reviewer_client):
    movie = waiting("Ember", Drama=0.9, Horror=0.7)
    press(reviewer_client, movie, f"accept-{suggestion(movie, 'Horror').pk}")
    assert genres(movie) == {"Horror"}
    assert suggestion(movie, "Drama").state == Suggestion.State.PENDING


def test_an_unticked_genre_is_rejected_when_the_rest_is_accepted(reviewer_client):
    movie = waiting("Ember", Drama=0.9, Horror=0.7, Crime=0.65)
    kept = [suggestion(movie, name).pk for name in ("Drama", "Crime")]
    response = press(reviewer_client, movie, "accept", keep=kept)
    assert genres(movie) == {"Drama", "Crime"}
    assert suggestion(movie, "Horror").state == Suggestion.State.REJECTED
    assert "Accepted Drama, Crime; rejected Horror." in told(response)


def test_what_was_suggested_after_the_page_was_loaded_is_not_decided(reviewer_client):
    movie = waiting("Ember", Drama=0.9, Horror=0.7)
    press(reviewer_client, movie, "accept", shown=[suggestion(movie, "Drama").pk])
    assert suggestion(movie, "Horror").state == Suggestion.State.PENDING
    assert genres(movie) == {"Drama"}


def test_another_movies_suggestions_are_out_of_reach(reviewer_client):
    movie, other = waiting("Ember", Drama=0.9), waiting("Salt", Horror=0.9)
    theirs = suggestion(other, "Horror").pk
    press(reviewer_client, movie, "accept", shown=[theirs], keep=[theirs])
    press(reviewer_client, movie, f"accept-{theirs}")
    assert not ReviewDecision.objects.exists()


def test_with_htmx_the_card_collapses_to_one_line_and_the_count_follows(reviewer_client):
    movie = waiting("Ember", Drama=0.9)
    waiting("Salt", Horror=0.9)
    response = press(reviewer_client, movie, "accept", htmx=True)
    assert response.status_code == 200
    assert 'class="card decided"' in response.text
    assert "Accepted Drama." in response.text
    assert "<html" not in response.text
    counted = response.text[response.text.index('id="queue-waiting"') :]
    assert 'hx-swap-oob="true"' in counted and "<strong>1</strong> movie with" in counted


def test_with_htmx_a_card_with_something_left_stays_open(reviewer_client):
    movie = waiting("Ember", Drama=0.9, Horror=0.7)
    response = press(reviewer_client, movie, f"accept-{suggestion(movie, 'Drama').pk}", htmx=True)
    assert "data-open" in response.text
    assert f"accept-{suggestion(movie, 'Horror').pk}" in response.text
    assert "Accepted Drama." in response.text


def test_the_filter_survives_a_decision(reviewer_client):
    movie = waiting("Ember", Drama=0.9)
    response = press(reviewer_client, movie, "accept", back="order=title&min_score=0.5")
    assert response.url == f"/admin/catalog/reviewqueue/?order=title&min_score=0.5#movie-{movie.pk}"


@pytest.mark.parametrize("back", ["https://example.org/", "//example.org", "\r\nX: y", "/admin/logout/"])
def test_the_way_back_always_leads_to_the_queue(reviewer_client, back):
    response = press(reviewer_client, waiting("Ember"), "accept", back=back)
    assert response.url.startswith("/admin/catalog/reviewqueue/?")


@pytest.mark.parametrize("decide", ["", "perhaps", "perhaps-1"])
def test_a_form_that_no_card_sends_is_refused(reviewer_client, decide):
    response = press(reviewer_client, waiting("Ember"), decide)
    assert response.status_code == 400
    assert not ReviewDecision.objects.exists()


@pytest.mark.parametrize("value", ["accept-", "accept-x", "accept-999999999999999999999", "accept--1"])
def test_a_suggestion_that_is_none_decides_nothing(reviewer_client, value):
    movie = waiting("Ember")
    press(reviewer_client, movie, value, shown=["x"], keep=["²"])
    assert not ReviewDecision.objects.exists()
