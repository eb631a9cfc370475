"""A model trained here compared with the bundled one on the same held-out posters."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from catalog.genres import model_comparison, model_files
from catalog.genres.training_data import LabelledFilms, labelled_films
from catalog.models import Extractor, GenreModel
from ml.genres.held_out import HeldOut
from tests.factories import EmbeddingFactory, ExtractorFactory, GenreFactory, MovieFactory, PosterFactory

from .genre_heads import evidence_model, saved_model, vector_for
from .test_training import labelled, train

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

GENRES = ("War", "Drama", "Comedy")


class Case(NamedTuple):
    """The extractor of the bundled model, the training data of the other one, and the true labels."""

    extractor: Extractor
    data: LabelledFilms
    truth: np.ndarray


@pytest.fixture(autouse=True)
def few_posters_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_comparison, "MIN_POSTERS", 8)


def catalogue(rows: int, right: int) -> Case:
    """Posters of Drama and Comedy by turns; the bundled model is right about the first `right` of them."""
    bundled_extractor = ExtractorFactory(spec="postersite", dims=3)
    extractor = ExtractorFactory(spec="mobilenet_v2", dims=2)
    for number in range(rows):
        drama = number % 2 == 0
        poster = PosterFactory(movie=MovieFactory(genres=["Drama" if drama else "Comedy"]))
        answer = drama if number < right else not drama
        scores = vector_for(0.1, 0.9 if answer else 0.1, 0.1 if answer else 0.9)
        EmbeddingFactory(poster=poster, extractor=bundled_extractor, values=scores)
        EmbeddingFactory(poster=poster, extractor=extractor, values=[drama, 1])
    data = labelled_films(extractor)
    return Case(bundled_extractor, data, data.labels.astype(bool))


def bundled_model(extractor: Extractor, genres: tuple[str, ...] = GENRES) -> GenreModel:
    return saved_model(extractor, genres=genres, shipped=True, thresholds=(0.5,) * len(genres))


def compare(case: Case, model: GenreModel, suggested: np.ndarray, rows: Any = None) -> dict[str, Any]:
    rows = np.arange(len(case.data.labels)) if rows is None else rows
    return model_comparison.compare(model, case.data.genres, case.data, HeldOut(rows, suggested[rows]))


def test_macro_f1_is_over_shared_genres_and_held_out_rows() -> None:
    case = catalogue(24, right=18)
    model = bundled_model(case.extractor)
    result = compare(case, model, case.truth)
    assert (result["posters"], sorted(result["genres"]), result["better"]) == (24, ["Comedy", "Drama"], True)
    # In each genre 9 of 12 are right, and 3 of the other genre are suggested.
    assert result["ours"]["value"] == 1.0
    assert result["theirs"]["value"] == pytest.approx(0.75)
    part = compare(case, model, case.truth, np.arange(6, 18))
    assert (part["posters"], part["theirs"]["value"], part["better"]) == (12, 1.0, False)
    worse = compare(case, model, ~case.truth)
    assert not worse["better"] and worse["difference"]["high"] < 0


def test_genres_are_matched_however_they_are_spelled() -> None:
    case = catalogue(10, right=10)
    GenreFactory(name="Tragedy", slug="drama")
    result = compare(case, bundled_model(case.extractor, ("War", "Drama", "comedy")), case.truth)
    assert sorted(result["genres"]) == ["Comedy", "Drama"]
    assert result["theirs"]["value"] == 1.0


@pytest.mark.parametrize("damaged", [True, False])
def test_a_bundled_model_that_cannot_be_used_is_worse(damaged: bool) -> None:
    case = catalogue(10, right=10)
    model = bundled_model(case.extractor, GENRES if damaged else ("War", "Horror", "Western"))
    if damaged:
        model_files.weights_path(model).write_bytes(b"damaged")
    result = compare(case, model, case.truth)
    assert result["better"] and "posters" not in result


def test_an_evidence_model_scores_films_without_a_poster_too(settings: Any) -> None:
    """The bundled model knows genres from titles alone, the other one suggests what is true."""
    bundled, made = evidence_model(shipped=True)
    settings.GENRE_EVIDENCE = "title"
    for number in range(10):
        MovieFactory(
            title=("The Haunted House", "Space Raiders")[number % 2], genres=[made.genres[number % 2]]
        )
    data = labelled_films(bundled.extractor, parts=("title",))
    truth = data.labels.astype(bool)
    result = model_comparison.compare(bundled, data.genres, data, HeldOut(np.arange(10), truth))
    # The bundled model suggests all its genres for each film.
    assert (result["posters"], result["ours"]["value"]) == (10, 1.0)
    assert result["theirs"]["value"] == pytest.approx(2 / 3)


def test_a_bundled_model_that_may_read_nothing_is_worse(settings: Any) -> None:
    case = catalogue(10, right=10)
    settings.GENRE_EVIDENCE = "title,year"
    result = compare(case, bundled_model(case.extractor), case.truth)
    assert result["better"] and "POSTERSITE_GENRE_EVIDENCE" in result["why"]


def test_few_posters_with_both_embeddings_show_nothing() -> None:
    case = catalogue(10, right=0)
    result = compare(case, bundled_model(case.extractor), case.truth, np.arange(7))
    assert not result["better"] and "only 7 held-out films" in result["why"]


def test_a_better_model_replaces_the_bundled_one() -> None:
    extractor = labelled(40)
    bundled = saved_model(extractor, genres=("Comedy", "Drama", "War", "Horror"), shipped=True)
    run = train()
    bundled.refresh_from_db()
    model = run.genre_model
    assert (model.state, bundled.state) == ("active", "retired")
    assert model.metrics["against_shipped"]["better"] is True
    assert f"It is active now: {model_comparison.reason(model)}" in run.message


def test_a_model_that_is_not_better_is_a_candidate() -> None:
    labelled(40)
    bundled = saved_model(
        ExtractorFactory(spec="postersite", dims=4), genres=("Comedy", "Drama", "A", "B"), shipped=True
    )
    run = train()
    bundled.refresh_from_db()
    model = run.genre_model
    assert (model.state, bundled.state) == ("candidate", "active")
    assert model.metrics["warm_start"] is False  # it reads another extractor
    assert run.message.endswith(model_comparison.reason(model))


def own_model(case: Case, *stored: tuple[np.ndarray, np.ndarray]) -> GenreModel:
    """An active model of the site; stored: the rows that it learned from, and what it suggested for them."""
    model = saved_model(case.extractor, genres=GENRES, thresholds=(0.5,) * len(GENRES))
    for rows, truth in stored:
        movies = case.data.movies[rows]
        taken = np.zeros((len(rows), len(GENRES)), dtype=bool)
        for column, genre in enumerate(case.data.genres):
            taken[:, GENRES.index(genre)] = truth[rows, column]
        model_comparison.Decisions(movies, taken, movies).save(model_comparison.decisions_path(model))
    return model


def against(case: Case, active: GenreModel, suggested: np.ndarray, rows: Any = None) -> dict[str, Any]:
    rows = np.arange(len(suggested)) if rows is None else rows
    return model_comparison.compare_with_active(
        active, case.data.genres, case.data, HeldOut(rows, suggested[rows])
    )


def test_films_that_the_active_model_learned_from_count_with_its_out_of_fold_decisions() -> None:
    """The model is right about none of the films; the stored decisions are right about the first half."""
    case = catalogue(24, right=0)
    active = own_model(case, (np.arange(12), case.truth))
    result = against(case, active, case.truth)
    assert (result["version"], result["films"]) == (active.version, 24)
    assert result["macro_f1"]["ours"]["value"] == pytest.approx(1)
    assert result["macro_f1"]["theirs"]["value"] == pytest.approx(0.5)
    assert {row["genre"] for row in result["genres"]} == {"Comedy", "Drama"}
    for row in result["genres"]:
        assert row["difference"]["value"] == pytest.approx(0.5)
        assert 0 < row["difference"]["low"] < row["difference"]["high"] < 1


def test_films_that_it_learned_from_but_was_not_measured_on_are_left_out() -> None:
    case = catalogue(24, right=24)
    active = own_model(case, (np.arange(12), case.truth))
    stored = model_comparison._stored_decisions(active)
    assert stored is not None
    model_comparison.Decisions(stored.movies, stored.taken, case.data.movies[:20]).save(
        model_comparison.decisions_path(active)
    )
    assert against(case, active, case.truth)["films"] == 16


def test_a_bundled_model_is_new_to_all_films() -> None:
    case = catalogue(24, right=18)
    result = against(case, bundled_model(case.extractor), case.truth)
    assert (result["films"], result["macro_f1"]["theirs"]["value"]) == (24, pytest.approx(0.75))


@pytest.mark.parametrize("damage", ["nothing stored", "damaged decisions", "damaged model", "few films"])
def test_without_a_fair_comparison_there_are_no_figures(damage: str) -> None:
    case = catalogue(24, right=24)
    active = own_model(case, *([] if damage == "nothing stored" else [(np.arange(24), case.truth)]))
    if damage == "damaged decisions":
        model_comparison.decisions_path(active).write_bytes(b"PK damaged")
    if damage == "damaged model":
        model_files.weights_path(active).write_bytes(b"damaged")
    rows = np.arange(7 if damage == "few films" else 24)
    assert against(case, active, case.truth, rows) == {"version": active.version}


def test_two_trainings_of_the_site_are_compared() -> None:
    labelled(40)
    train()
    second = train().genre_model
    result = second.metrics["against_active"]
    assert (result["version"], result["films"]) == (1, 40)
    # The same films and settings give the same model.
    assert result["macro_f1"]["difference"] == {"value": 0.0, "low": 0.0, "high": 0.0}
