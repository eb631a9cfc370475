"""Decisions from a card: accept or reject all or one genre, once, and only what the card showed."""

import pytest

from catalog.models import MovieGenre, ReviewDecision, Suggestion
from tests.catalog.admin.cards import genres, pending, press, queue, shown, suggestion
from tests.catalog.pages import levels_of, messages_of
from tests.conftest import signed_in
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def other_client():
    return signed_in(UserFactory(reviewer=True, username="ann"))


def states(movie):
    return dict(movie.suggestions.values_list("genre__name", "state"))


def test_accept_all(reviewer_client):
    movie = pending("Ember", Drama=0.9, Horror=0.7)
    response = press(reviewer_client, movie, "accept")
    assert (response.status_code, levels_of(response)) == (302, ["success"])
    assert genres(movie) == {"Drama", "Horror"}
    assert set(movie.movie_genres.values_list("origin", flat=True)) == {MovieGenre.Origin.ACCEPTED}
    assert not queue(reviewer_client).select("article.card")


def test_the_decision_records_reviewer_score_and_threshold(reviewer_client):
    press(reviewer_client, pending("Ember", Drama=0.9), "accept")
    decision = ReviewDecision.objects.get()
    assert decision.reviewer == reviewer_client.user
    assert (decision.verdict, decision.score, decision.threshold) == ("accepted", 0.9, 0.6)


@pytest.mark.parametrize("ticked", [["Drama", "Horror"], ["Drama"], []])
def test_reject_all_ignores_ticks(reviewer_client, ticked):
    movie = pending("Ember", Drama=0.9, Horror=0.7)
    response = press(reviewer_client, movie, "reject", keep=[suggestion(movie, name).pk for name in ticked])
    assert genres(movie) == set() and set(states(movie).values()) == {"rejected"}
    assert set(ReviewDecision.objects.values_list("verdict", flat=True)) == {"rejected"}
    assert levels_of(response) == ["info"]


@pytest.mark.parametrize(("verb", "state"), [("accept", "accepted"), ("reject", "rejected")])
def test_deciding_one_leaves_the_others_pending(reviewer_client, verb, state):
    movie = pending("Ember", Drama=0.9, Horror=0.7)
    press(reviewer_client, movie, f"{verb}-{suggestion(movie, 'Horror').pk}")
    assert states(movie) == {"Drama": "pending", "Horror": state}


def test_unticked_genres_are_rejected_when_accepting_the_others(reviewer_client):
    movie = pending("Ember", Drama=0.9, Horror=0.7, Crime=0.65)
    response = press(
        reviewer_client, movie, "accept", keep=[suggestion(movie, name).pk for name in ("Drama", "Crime")]
    )
    assert genres(movie) == {"Drama", "Crime"} and states(movie)["Horror"] == "rejected"
    assert "Accepted Drama, Crime; rejected Horror." in messages_of(response)


def test_suggestions_added_after_the_page_was_loaded_are_not_decided(reviewer_client):
    movie = pending("Ember", Drama=0.9, Horror=0.7)
    press(reviewer_client, movie, "accept", shown=[suggestion(movie, "Drama").pk])
    assert states(movie) == {"Drama": "accepted", "Horror": "pending"}


def test_suggestions_of_another_movie_are_not_decided(reviewer_client):
    movie, other = pending("Ember", Drama=0.9), pending("Salt", Horror=0.9)
    theirs = suggestion(other, "Horror").pk
    press(reviewer_client, movie, "accept", shown=[theirs], keep=[theirs])
    press(reviewer_client, movie, f"accept-{theirs}")
    assert not ReviewDecision.objects.exists()


@pytest.mark.parametrize("verb", ["accept", "reject"])
def test_with_htmx_the_card_becomes_one_line_and_the_counts_are_updated(reviewer_client, verb):
    movie = pending("Ember", Drama=0.9)
    pending("Salt", Horror=0.9)
    response = press(reviewer_client, movie, verb, htmx=True)
    assert response.status_code == 200 and "<html" not in response.text
    assert 'class="card decided"' in response.text and "Drama." in response.text
    counted = response.text[response.text.index('id="queue-waiting"') :]
    assert 'hx-swap-oob="true"' in counted and "<strong>1</strong> movie with" in counted
    assert '<span id="pending-count" hx-swap-oob="true">' in response.text


def test_with_htmx_a_card_with_pending_suggestions_stays_open(reviewer_client):
    movie = pending("Ember", Drama=0.9, Horror=0.7)
    response = press(reviewer_client, movie, f"accept-{suggestion(movie, 'Drama').pk}", htmx=True)
    assert "data-open" in response.text
    assert f"accept-{suggestion(movie, 'Horror').pk}" in response.text


def test_the_filter_is_kept(reviewer_client):
    movie = pending("Ember", Drama=0.9)
    response = press(reviewer_client, movie, "accept", back="order=title&min_score=0.5")
    assert response.url == f"/admin/catalog/reviewqueue/grid/?order=title&min_score=0.5#movie-{movie.pk}"


@pytest.mark.parametrize("back", ["https://example.org/", "//example.org", "\r\nX: y", "/admin/logout/"])
def test_the_redirect_always_leads_to_the_queue(reviewer_client, back):
    response = press(reviewer_client, pending("Ember"), "accept", back=back)
    assert response.url.startswith("/admin/catalog/reviewqueue/grid/?")


@pytest.mark.parametrize("decide", ["", "perhaps", "perhaps-1"])
def test_an_invalid_form_is_refused(reviewer_client, decide):
    assert press(reviewer_client, pending("Ember"), decide).status_code == 400
    assert not ReviewDecision.objects.exists()


@pytest.mark.parametrize("value", ["accept-", "accept-x", "accept-999999999999999999999", "accept--1"])
def test_an_invalid_id_decides_nothing(reviewer_client, value):
    press(reviewer_client, pending("Ember"), value, shown=["x"], keep=["²"])
    assert not ReviewDecision.objects.exists()


def test_the_second_of_two_reviewers_gets_a_warning(reviewer_client, other_client):
    movie = pending("Ember", Drama=0.9)
    seen = shown(movie)
    press(other_client, movie, "reject")
    response = press(reviewer_client, movie, "accept", shown=seen)
    assert levels_of(response) == ["warning"] and "by ann" in messages_of(response)
    assert genres(movie) == set()
    assert ReviewDecision.objects.get().reviewer == other_client.user
    assert "by ann" in press(reviewer_client, movie, "accept", shown=seen, htmx=True).text


def test_what_is_still_pending_is_decided(reviewer_client, other_client):
    movie = pending("Ember", Drama=0.9, Horror=0.7)
    seen = shown(movie)
    press(other_client, movie, f"accept-{suggestion(movie, 'Drama').pk}")
    assert levels_of(press(reviewer_client, movie, "accept", shown=seen)) == ["success", "warning"]
    assert genres(movie) == {"Drama", "Horror"} and ReviewDecision.objects.count() == 2


def test_the_same_form_sent_twice_decides_once(reviewer_client):
    movie = pending("Ember", Drama=0.9)
    seen = shown(movie)
    press(reviewer_client, movie, "accept")
    assert "by you" in messages_of(press(reviewer_client, movie, "accept", shown=seen))
    assert ReviewDecision.objects.count() == 1


def test_a_superseded_suggestion_is_not_decided(reviewer_client):
    movie = pending("Ember", Drama=0.9)
    seen = shown(movie)
    movie.suggestions.update(state=Suggestion.State.SUPERSEDED)
    assert levels_of(press(reviewer_client, movie, "accept", shown=seen)) == ["warning"]
    assert genres(movie) == set()
