"""The pages of second opinions: giving one without seeing the first, agreement, and disagreements."""

from __future__ import annotations

from typing import Any

import pytest
from bs4 import BeautifulSoup
from django.test import Client
from django.urls import reverse

from catalog.genres import review, second_opinions
from catalog.models import GenreModel, Movie, SecondOpinion, Suggestion
from tests.catalog.pages import one, soup, text_of
from tests.conftest import signed_in
from tests.factories import GenreFactory, MovieFactory, SuggestionFactory, UserFactory

pytestmark = pytest.mark.django_db

SECOND, GIVE, UNDO = (f"admin:catalog_reviewqueue_second{end}" for end in ("", "_give", "_undo"))
AGREEMENT = "admin:catalog_reviewqueue_agreement"
RESOLVE = "admin:catalog_reviewqueue_agreement_resolve"


@pytest.fixture(autouse=True)
def everything(settings: Any) -> None:
    settings.SECOND_OPINIONS = 1.0


@pytest.fixture
def ana() -> Any:
    return UserFactory(username="ana")


def decided(reviewer: Any, title: str = "Ember") -> Movie:
    """A movie of which the reviewer rejected Drama, which was ticked, and accepted Crime, which was not."""
    movie = MovieFactory(title=title, poster=True)
    drama = SuggestionFactory(movie=movie, genre=GenreFactory(name="Drama"), score=0.9, tick=True)
    crime = SuggestionFactory(movie=movie, genre=GenreFactory(name="Crime"), score=0.7)
    GenreModel.objects.update(tick_thresholds=[0.8] * 3)
    review.decide_movie(movie, reviewer, accept={crime.pk}, reject={drama.pk})
    return movie


def page(client: Client) -> BeautifulSoup:
    return soup(client.get(reverse(SECOND)))


def give(client: Client, movie: Movie, *genres: str, **fields: Any) -> BeautifulSoup:
    chosen = [GenreFactory(name=name).pk for name in genres]
    return soup(client.post(reverse(GIVE), {"movie": movie.pk, "genre": chosen, **fields}, follow=True))


def test_it_shows_what_the_first_reviewer_was_shown_and_not_what_they_chose(
    reviewer_client: Client, ana: Any
) -> None:
    GenreFactory(name="War")
    decided(ana)
    options = {
        text_of(box.find_parent("label")): box.has_attr("checked")
        for box in page(reviewer_client).select("input[name=genre]")
    }
    assert options == {"1 Drama score .90": True, "2 Crime score .70": False, "War": False}


def test_models_without_a_tick_threshold_tick_likely_genres(reviewer_client: Client, ana: Any) -> None:
    decided(ana)
    GenreModel.objects.update(tick_thresholds=[])
    Suggestion.objects.update(tick=False)
    Suggestion.objects.filter(genre__name="Crime").update(score=review.LIKELY - 0.01)
    ticked = page(reviewer_client).select("input[name=genre][checked]")
    assert [text_of(box.find_parent("label")) for box in ticked] == ["1 Drama score .90"]


def test_an_opinion_is_stored_and_the_next_movie_is_shown(reviewer_client: Client, ana: Any) -> None:
    first, _ = decided(ana, "First"), decided(ana, "Second")
    found = give(reviewer_client, first, "Drama", "War")
    assert text_of(one(found, "#one-movie h2")).startswith("Second")
    assert set(SecondOpinion.objects.get().genres.values_list("genre__name", "first", "second")) == {
        ("Crime", True, False),
        ("Drama", False, True),
        ("War", False, True),
    }


def test_undo_shows_the_movie_again(reviewer_client: Client, ana: Any) -> None:
    movie = decided(ana)
    give(reviewer_client, movie, "Drama")
    found = soup(reviewer_client.post(reverse(UNDO), follow=True))
    assert text_of(one(found, "#one-movie h2")).startswith("Ember")
    assert not SecondOpinion.objects.exists()


def test_a_skipped_movie_comes_last(reviewer_client: Client, ana: Any) -> None:
    first, _ = decided(ana, "First"), decided(ana, "Second")
    found = give(reviewer_client, first, action="skip")
    assert text_of(one(found, "#one-movie h2")).startswith("Second")
    assert not SecondOpinion.objects.exists()


def test_whoever_is_late_is_told(reviewer_client: Client, ana: Any) -> None:
    movie = decided(ana)
    second_opinions.give(movie, UserFactory(), set())
    assert give(reviewer_client, movie, "Drama").select(".messagelist .warning")


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_without_movies_the_page_says_why(reviewer_client: Client, settings: Any, share: float) -> None:
    settings.SECOND_OPINIONS = share
    text = text_of(one(page(reviewer_client), ".queue-empty"))
    assert ("POSTERSITE_SECOND_OPINIONS" in text) == (share == 0)


def disagreement(ana: Any) -> SecondOpinion:
    movie = decided(ana)
    return second_opinions.give(movie, UserFactory(username="ben"), [GenreFactory(name="Drama").pk])


def test_agreement_lists_kappa_and_disagreements(reviewer_client: Client, ana: Any) -> None:
    disagreement(ana)
    found = soup(reviewer_client.get(reverse(AGREEMENT)))
    assert [text_of(cell) for cell in found.select(".figures tbody th")] == ["Crime", "Drama"]
    text = text_of(one(found, ".disagreements"))
    assert "Crime ana, not ben" in text and "Drama ben, not ana" in text
    assert not found.select(".disagreements button")
    assert "With fewer than 30 movies, neither is reliable." in text_of(found)


def test_an_empty_page_of_agreement(reviewer_client: Client) -> None:
    assert one(soup(reviewer_client.get(reverse(AGREEMENT))), ".queue-empty")


def test_a_disagreement_is_resolved_with_the_permission(ana: Any) -> None:
    opinion = disagreement(ana)
    keeper = UserFactory(reviewer=True, permissions=["catalog.resolve_disagreement"])
    client = signed_in(keeper)
    form = one(soup(client.get(reverse(AGREEMENT))), ".disagreements form")
    boxes = form.select("input[name=genre]")
    assert [box.has_attr("checked") for box in boxes] == [True, False]
    data = {"opinion": opinion.pk, "genre": [boxes[1]["value"]]}
    client.post(reverse(RESOLVE), data)
    assert set(opinion.movie.movie_genres.values_list("genre__name", flat=True)) == {"Drama"}
    opinion.refresh_from_db()
    assert opinion.resolved_by == keeper
    assert soup(client.post(reverse(RESOLVE), data, follow=True)).select(".messagelist .warning")


def test_the_number_of_queries_does_not_grow(
    reviewer_client: Client, ana: Any, django_assert_max_num_queries: Any
) -> None:
    ben = UserFactory(username="ben")
    for number in range(4):
        second_opinions.give(decided(ana, f"Film {number}"), ben, [])
    with django_assert_max_num_queries(16):
        reviewer_client.get(reverse(AGREEMENT))
