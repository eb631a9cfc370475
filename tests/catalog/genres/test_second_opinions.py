"""Second opinions: which movies wait for one, what is stored, how well reviewers agree, and resolving."""

from __future__ import annotations

from typing import Any

import pytest

from catalog.genres import decision_batches, review, second_opinions
from catalog.genres.assignment import assign
from catalog.models import DecisionBatch, Genre, Movie, SecondOpinion, Suggestion
from tests.factories import GenreFactory, MovieFactory, SuggestionFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def everything(settings: Any) -> None:
    settings.SECOND_OPINIONS = 1.0


@pytest.fixture
def ana() -> Any:
    return UserFactory(username="ana")


@pytest.fixture
def ben() -> Any:
    return UserFactory(username="ben")


def ids(*names: str) -> set[int]:
    return {GenreFactory(name=name).pk for name in names}


def decided(reviewer: Any, *accepted: str, rejected: tuple[str, ...] = ()) -> Movie:
    """A movie about which the reviewer has decided."""
    movie = MovieFactory()
    for name in (*accepted, *rejected):
        SuggestionFactory(movie=movie, genre=GenreFactory(name=name))
    found = {each.genre.name: each.pk for each in movie.suggestions.select_related("genre")}
    review.decide_movie(
        movie, reviewer, accept={found[name] for name in accepted}, reject={found[name] for name in rejected}
    )
    return movie


def due(reviewer: Any) -> list[int]:
    return [row["movie_id"] for row in second_opinions.due(reviewer)]


def genres_of(movie: Movie) -> set[str]:
    return set(movie.movie_genres.values_list("genre__name", flat=True))


def test_movies_that_another_reviewer_has_decided_wait_oldest_first(ana: Any, ben: Any) -> None:
    first, second = decided(ana, "Drama"), decided(ana, rejected=("Drama",))
    SuggestionFactory()
    assert due(ben) == [first.pk, second.pk]
    assert due(ana) == []


def test_a_movie_with_pending_suggestions_or_undone_decisions_does_not_wait(ana: Any, ben: Any) -> None:
    SuggestionFactory(movie=decided(ana, "Drama"), genre=GenreFactory(name="War"))
    decided(ana, "Crime")
    decision_batches.undo_last(ana)
    assert due(ben) == []


def test_a_movie_accepted_in_bulk_does_not_wait(ana: Any, ben: Any) -> None:
    batch = DecisionBatch.objects.create(reviewer=ana, chosen="all", suggestions=1)
    review.accept([SuggestionFactory()], ana, batch)
    assert due(ben) == []


@pytest.mark.parametrize(("share", "low", "high"), [(0.0, 0, 0), (0.25, 5, 15), (1.0, 40, 40)])
def test_the_setting_says_how_many(
    ana: Any, ben: Any, settings: Any, share: float, low: int, high: int
) -> None:
    settings.SECOND_OPINIONS = share
    suggestions = [SuggestionFactory(genre=GenreFactory(name="Drama")) for _ in range(40)]
    review.reject(suggestions, ana)
    assert low <= len(due(ben)) <= high


def test_the_first_decision_stays(ana: Any, ben: Any) -> None:
    movie = decided(ana, "Drama", rejected=("Crime",))
    opinion = second_opinions.give(movie, ben, ids("Crime", "War"))
    assert genres_of(movie) == {"Drama"}
    assert (opinion.first, opinion.second) == (ana, ben)
    assert set(opinion.genres.values_list("genre__name", "first", "second")) == {
        ("Drama", True, False),
        ("Crime", False, True),
        ("War", False, True),
    }
    assert due(UserFactory()) == []


def test_only_one_second_opinion_is_stored(ana: Any, ben: Any) -> None:
    movie = decided(ana, "Drama")
    second_opinions.give(movie, ben, ids("Drama"))
    with pytest.raises(second_opinions.NotDue):
        second_opinions.give(movie, UserFactory(), ids("War"))
    with pytest.raises(second_opinions.NotDue):
        second_opinions.give(decided(ana, "Drama"), ana, ids("War"))
    assert SecondOpinion.objects.count() == 1


def test_movies_are_reserved(ana: Any, ben: Any) -> None:
    movies = [decided(ana, "Drama").pk for _ in range(3)]
    cai = UserFactory()
    assert assign(ben, second_opinions.due(ben), 2) == movies[:2]
    assert assign(cai, second_opinions.due(cai), 2) == movies[2:]


def test_the_last_opinion_can_be_undone_until_it_is_resolved(ana: Any, ben: Any) -> None:
    movie = decided(ana, "Drama")
    opinion = second_opinions.give(movie, ben, set())
    assert second_opinions.undo_last(ben) is not None
    assert due(ben) == [movie.pk]
    opinion = second_opinions.give(movie, ben, set())
    second_opinions.resolve(opinion, ana, set())
    assert second_opinions.undo_last(ben) is None


def test_agreement_counts_movies_and_has_an_interval(ana: Any, ben: Any) -> None:
    for number in range(12):
        movie = decided(ana, "Drama" if number % 2 else "Crime")
        second_opinions.give(movie, ben, ids("Drama" if number % 2 or number == 0 else "Crime"))
    found = {each.genre.name: each for each in second_opinions.agreements()}
    assert (found["Drama"].both, found["Drama"].one) == (6, 1)
    assert (found["Crime"].both, found["Crime"].one) == (5, 1)
    kappa = found["Drama"].kappa
    assert kappa["low"] + 0.4 > 0.6 and kappa["low"] < kappa["value"] < kappa["high"] <= 1


def test_without_opinions_there_is_no_agreement() -> None:
    assert second_opinions.agreements() == []


def test_disagreements_are_listed_until_they_are_resolved(ana: Any, ben: Any) -> None:
    second_opinions.give(decided(ana, "Drama"), ben, ids("Drama"))
    movie = decided(ana, "Drama", "Crime")
    opinion = second_opinions.give(movie, ben, ids("Crime", "War"))
    assert list(second_opinions.disagreements()) == [opinion]
    second_opinions.resolve(opinion, UserFactory(), ids("War", "Musical"))
    # Crime was not disputed, and a genre that nobody chose is not added.
    assert genres_of(movie) == {"Crime", "War"}
    assert list(second_opinions.disagreements()) == []
    with pytest.raises(second_opinions.NotDue):
        second_opinions.resolve(opinion, ana, ids("Drama"))


def test_resolving_keeps_opinions_and_is_a_decision(ana: Any, ben: Any) -> None:
    movie, keeper = decided(ana, "Drama"), UserFactory()
    opinion = second_opinions.give(movie, ben, set())
    second_opinions.resolve(opinion, keeper, set())
    assert genres_of(movie) == set()
    assert movie.decisions.get(reviewer=keeper).verdict == "removed"
    assert opinion.genres.filter(first=True, second=False).count() == 1
    assert Genre.objects.exists() and not Suggestion.objects.filter(state="pending").exists()
