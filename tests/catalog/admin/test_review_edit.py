"""The edit page: a person's own set of genres, beyond what was suggested."""

import pytest
from django.urls import reverse

from catalog.models import Movie, MovieGenre, ReviewDecision, Suggestion
from tests.catalog.admin.cards import genres, pending, press, suggestion
from tests.catalog.pages import messages_of, one, soup, text_of
from tests.conftest import signed_in
from tests.factories import GenreFactory, MovieFactory, UserFactory

pytestmark = pytest.mark.django_db


def edit(client, movie, *names, **fields):
    address = reverse("admin:catalog_reviewqueue_change", args=[movie.pk])
    seen = fields.pop("seen", None) or client.get(address).context["state"]
    return client.post(
        address, {"genres": [GenreFactory(name=name).pk for name in names], "seen": seen, **fields}
    )


def ticked(response):
    return {choice.genre.name for choice in response.context["choices"] if choice.ticked}


def test_suggested_and_present_genres_are_ticked_all_others_offered(reviewer_client):
    movie = pending("Ember", Drama=0.9)
    MovieGenre.objects.create(movie=movie, genre=GenreFactory(name="War"), origin="imported")
    GenreFactory(name="Western")
    response = reviewer_client.get(reverse("admin:catalog_reviewqueue_change", args=[movie.pk]))
    assert ticked(response) == {"Drama", "War"}
    assert {choice.genre.name for choice in response.context["choices"]} == {"Drama", "War", "Western"}
    assert "score .90, suggested from .60" in response.text


def test_saving_settles_every_suggestion(reviewer_client):
    movie = pending("Ember", Drama=0.9, Horror=0.7)
    response = edit(reviewer_client, movie, "Drama", "War")
    assert response.url == "/admin/catalog/reviewqueue/"
    assert genres(movie) == {"Drama", "War"}
    assert suggestion(movie, "Drama").state == Suggestion.State.ACCEPTED
    assert suggestion(movie, "Horror").state == Suggestion.State.REJECTED
    verdicts = dict(ReviewDecision.objects.values_list("genre__name", "verdict"))
    assert verdicts == {"Drama": "accepted", "Horror": "rejected", "War": "added"}


def test_the_genres_then_count_as_a_persons(reviewer_client):
    movie = pending("Ember", Drama=0.9)
    edit(reviewer_client, movie, "Drama", "War")
    assert Movie.objects.get().genres_locked
    assert set(movie.movie_genres.values_list("origin", flat=True)) == {MovieGenre.Origin.MANUAL}


def test_a_genre_can_be_taken_away(reviewer_client):
    movie = MovieFactory(genres=["War"])
    edit(reviewer_client, movie)
    assert genres(movie) == set()
    assert ReviewDecision.objects.get().verdict == ReviewDecision.Verdict.REMOVED


def test_somebody_who_was_faster_is_noticed_and_the_ticks_are_kept(reviewer_client):
    movie = pending("Ember", Drama=0.9, Horror=0.7)
    address = reverse("admin:catalog_reviewqueue_change", args=[movie.pk])
    seen = reviewer_client.get(address).context["state"]
    press(signed_in(UserFactory(reviewer=True)), movie, "accept")
    response = edit(reviewer_client, movie, "War", seen=seen)
    assert response.status_code == 200
    assert response.context["form"].errors.as_data()["seen"][0].code == "changed"
    assert genres(movie) == {"Drama", "Horror"}
    assert ticked(response) == {"War"}
    # The page now shows the new state, so saving again is an informed choice.
    edit(reviewer_client, movie, "War", seen=response.context["state"])
    assert genres(movie) == {"War"}


def test_a_genre_that_does_not_exist_is_refused(reviewer_client):
    movie = pending("Ember", Drama=0.9)
    response = edit(reviewer_client, movie, genres=["987654"])
    assert response.status_code == 200
    assert response.context["form"].errors["genres"]
    assert not ReviewDecision.objects.exists()


def test_earlier_decisions_are_shown(reviewer_client):
    movie = pending("Ember", Drama=0.9)
    press(reviewer_client, movie, "reject")
    response = reviewer_client.get(reverse("admin:catalog_reviewqueue_change", args=[movie.pk]))
    assert "score .90, suggested from .60" in response.text


def test_the_way_back_keeps_the_filter(reviewer_client):
    response = edit(reviewer_client, pending("Ember"), "Drama", back="order=title")
    assert response.url == "/admin/catalog/reviewqueue/?order=title"
    assert "saved with Drama" in messages_of(response)


def test_a_movie_that_is_not_there(reviewer_client):
    assert reviewer_client.get(reverse("admin:catalog_reviewqueue_change", args=[12345])).status_code == 404


def test_a_suggestion_is_shown_with_what_speaks_for_it(reviewer_client):
    movie = pending("Ember", Drama=0.9, Horror=0.7)
    explained = {"parts": {"poster": 3, "title": 1}, "words": ["ash"]}
    movie.suggestions.filter(genre__name="Drama").update(evidence="poster,title", explanation=explained)
    page = soup(reviewer_client.get(reverse("admin:catalog_reviewqueue_change", args=[movie.pk])))
    evidence = one(page, ".edit-evidence")
    assert text_of(evidence) == "poster 75%, title 25% · “ash”"
    box = one(page, f"[aria-describedby={evidence['id']}]")
    assert box["value"] == str(suggestion(movie, "Drama").genre_id)
