"""The audit: tagged movies whose genres the evidence contradicts, and what reviewers decide about them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from catalog.genres import audit, model_files, review, suggestions
from catalog.models import AuditFinding, GenreModel, Movie, MovieGenre, ReviewDecision, Run
from catalog.runs import lifecycle
from catalog.runs.kinds import RunError
from catalog.runs.local_worker import process_run
from ml.genres.audit import OutOfFoldScores
from tests.catalog.genres.genre_heads import saved_model, scored_movie
from tests.factories import EmbeddingFactory, GenreFactory, MovieFactory, PosterFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def model() -> GenreModel:
    """Comedy, Drama and Horror."""
    return saved_model()


@pytest.fixture
def reviewer() -> Any:
    return UserFactory()


@pytest.fixture
def wrong(model: GenreModel) -> Movie:
    """Tagged Drama; the evidence says Horror."""
    return scored_movie(model, 0.2, 0.01, 0.97, genres=["Drama"])


def run() -> Run:
    return process_run(lifecycle.start("audit", queue=False))


def waiting() -> list[tuple[str, str, str]]:
    """Title, the genre that seems wrong and the one that seems to be missing."""
    rows = AuditFinding.objects.waiting().select_related("movie", "wrong", "missing")
    return [(each.movie.title, str(each.wrong or ""), str(each.missing or "")) for each in rows]


def genres_of(movie: Movie) -> set[str]:
    return set(movie.movie_genres.values_list("genre__name", flat=True))


def test_the_strongest_contradiction_is_listed_first(model: GenreModel) -> None:
    scored_movie(model, 0.1, 0.9, 0.1, genres=["Drama"], title="Right")
    scored_movie(model, 0.2, 0.05, 0.3, genres=["Drama"], title="Wrong")
    scored_movie(model, 0.01, 0.02, 0.97, genres=["Comedy", "Drama"], title="Exchanged")
    scored_movie(model, 0.1, 0.8, 0.995, genres=["Drama"], title="Missing")
    scored_movie(model, 0.1, 0.02, 0.97, title="Untagged")
    assert run().state == Run.State.DONE
    assert waiting() == [("Exchanged", "Comedy", "Horror"), ("Wrong", "Drama", ""), ("Missing", "", "Horror")]


def test_a_weak_contradiction_is_not_listed(model: GenreModel) -> None:
    scored_movie(model, 0.1, 0.2, 0.9, genres=["Drama"])
    run()
    assert waiting() == []


def test_a_second_audit_changes_nothing(wrong: Movie) -> None:
    run()
    before = AuditFinding.objects.values().get()
    run()
    assert {**AuditFinding.objects.values().get(), "id": 0} == {**before, "id": 0}


def test_a_movie_whose_genres_were_changed_elsewhere_is_not_waiting(wrong: Movie, reviewer: Any) -> None:
    run()
    review.set_genres(wrong, [GenreFactory(name="Horror")], reviewer)
    assert waiting() == []
    run()
    assert not AuditFinding.objects.exists()


@pytest.mark.parametrize(
    ("choice", "expected"),
    [("replace", {"Horror"}), ("add", {"Drama", "Horror"}), ("remove", set()), ("keep", {"Drama"})],
)
def test_a_decision_changes_the_genres_and_can_be_undone(
    wrong: Movie, reviewer: Any, choice: str, expected: set[str]
) -> None:
    run()
    before = set(MovieGenre.objects.values_list("movie", "genre__name", "origin"))
    audit.decide(AuditFinding.objects.get(), choice, reviewer)
    assert genres_of(wrong) == expected
    assert waiting() == []
    assert AuditFinding.objects.get().reviewer == reviewer
    assert ReviewDecision.objects.count() == len({"Drama"} ^ expected)
    assert audit.undo_last(reviewer) is not None
    assert set(MovieGenre.objects.values_list("movie", "genre__name", "origin")) == before
    assert waiting() == [(wrong.title, "Drama", "Horror")]
    assert audit.undo_last(reviewer) is None


def test_what_was_kept_stays_away_until_the_poster_changes(
    model: GenreModel, wrong: Movie, reviewer: Any
) -> None:
    run()
    audit.decide(AuditFinding.objects.get(), "keep", reviewer)
    run()
    assert waiting() == []
    wrong.posters.update(is_primary=False)
    EmbeddingFactory(
        poster=PosterFactory(movie=wrong, is_primary=True), extractor=model.extractor, values=[0, 0, 20]
    )
    run()
    assert waiting() == [(wrong.title, "Drama", "Horror")]


def test_what_was_kept_comes_back_when_other_genres_change(wrong: Movie, reviewer: Any) -> None:
    run()
    audit.decide(AuditFinding.objects.get(), "keep", reviewer)
    wrong.movie_genres.create(genre=GenreFactory(name="Comedy"), origin="imported")
    run()
    assert len(waiting()) == 1


def test_genres_that_a_reviewer_decided_about_are_not_questioned(wrong: Movie, reviewer: Any) -> None:
    review.decide_movie(wrong, reviewer, add={GenreFactory(name="Horror").pk})
    review.decide_movie(wrong, reviewer, remove={GenreFactory(name="Horror").pk})
    run()
    assert waiting() == [(wrong.title, "Drama", "")]


def test_a_finding_is_decided_once(wrong: Movie, reviewer: Any) -> None:
    run()
    mine, stale = AuditFinding.objects.get(), AuditFinding.objects.get()
    audit.decide(mine, "keep", reviewer)
    with pytest.raises(audit.NotWaiting):
        audit.decide(stale, "replace", UserFactory())
    assert genres_of(wrong) == {"Drama"}


def test_only_what_applies_can_be_chosen(model: GenreModel, reviewer: Any) -> None:
    scored_movie(model, 0.2, 0.05, 0.3, genres=["Drama"])
    run()
    finding = AuditFinding.objects.get()
    assert set(audit.choices(finding)) == {"keep", "remove"}
    with pytest.raises(KeyError):
        audit.decide(finding, "replace", reviewer)


def test_scores_out_of_fold_are_used_where_the_training_stored_them(model: GenreModel) -> None:
    learned = scored_movie(model, 0.1, 0.9, 0.1, genres=["Drama"], title="Learned by heart")
    other = scored_movie(model, 0.1, 0.9, 0.1, genres=["Drama"], title="New")
    scores = OutOfFoldScores(np.array([1]), np.array([[0.3, 0.02, 0.4]], dtype=np.float32))
    audit.store_out_of_fold(scores, np.array([other.pk + 5, learned.pk]), model.weights_sha256)
    run()
    assert waiting() == [("Learned by heart", "Drama", "")]
    assert AuditFinding.objects.get().out_of_fold


def test_a_damaged_file_of_scores_is_ignored(model: GenreModel, wrong: Movie) -> None:
    audit._path(model.weights_sha256).write_bytes(b"PK")
    run()
    assert len(waiting()) == 1


def test_without_an_active_model_no_audit_starts() -> None:
    with pytest.raises(RunError):
        lifecycle.start("audit", queue=False)


def test_a_missing_weights_file_fails_the_run_with_a_message(model: GenreModel, wrong: Movie) -> None:
    model_files.weights_path(model).unlink()
    suggestions._load.cache_clear()
    assert run().items.get().error


def test_the_number_of_queries_does_not_depend_on_the_number_of_movies(
    model: GenreModel, django_assert_max_num_queries: Any
) -> None:
    movies = [scored_movie(model, 0.2, 0.01, 0.97, genres=["Drama"]) for _ in range(5)]
    loaded = suggestions.load(model)
    with django_assert_max_num_queries(15):
        assert audit.audit(movies, model, loaded) == dict.fromkeys((each.pk for each in movies), True)


def test_movies_without_genres_or_vectors_are_left_out(model: GenreModel) -> None:
    assert audit.audit([MovieFactory(genres=["Drama"])], model, suggestions.load(model)) == {}
