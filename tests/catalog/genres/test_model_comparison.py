"""A model trained here against the shipped one: better on the same held-out posters, or not shown to be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from catalog.genres import model_comparison, promotion, training
from catalog.genres.training_data import LabelledPosters, labelled_posters
from catalog.models import Extractor, GenreModel, Run
from catalog.runs import lifecycle
from ml.genres.held_out import HeldOut
from tests.factories import EmbeddingFactory, ExtractorFactory, GenreFactory, MovieFactory, PosterFactory

from .genre_heads import saved_model, vector_for
from .test_training import QUICK, labelled, worked_off

pytestmark = pytest.mark.django_db


def catalogue(rows: int, right: int) -> tuple[Extractor, LabelledPosters, np.ndarray]:
    """Posters of Drama and Comedy by turns; a shipped model that knows War too tells the first `right`."""
    shipped_eyes = ExtractorFactory(spec="postersite", dims=3)
    extractor = ExtractorFactory(spec="mobilenet_v2", dims=2)
    for number in range(rows):
        drama = number % 2 == 0
        poster = PosterFactory(movie=MovieFactory(genres=["Drama" if drama else "Comedy"]))
        said = drama if number < right else not drama
        scores = vector_for(0.1, 0.9 if said else 0.1, 0.1 if said else 0.9)
        EmbeddingFactory(poster=poster, extractor=shipped_eyes, values=scores)
        EmbeddingFactory(poster=poster, extractor=extractor, values=[drama, 1])
    data = labelled_posters(extractor)
    return shipped_eyes, data, data.labels.astype(bool)


def shipped_model(extractor: Extractor, genres: tuple[str, ...] = ("War", "Drama", "Comedy")) -> GenreModel:
    return saved_model(extractor, genres=genres, shipped=True, thresholds=(0.5,) * len(genres))


def told(data: LabelledPosters, taken: np.ndarray, rival: GenreModel, rows: Any = None) -> dict[str, Any]:
    rows = np.arange(len(data.labels)) if rows is None else rows
    return model_comparison.compared(rival, data.genres, data, HeldOut(rows, taken[rows]))


def test_figures_are_over_the_genres_both_know_on_the_rows_held_out() -> None:
    eyes, data, truth = catalogue(80, right=60)
    rival = shipped_model(eyes)
    said = told(data, truth, rival)
    assert (said["posters"], sorted(said["genres"]), said["better"]) == (80, ["Comedy", "Drama"], True)
    # 30 of 40 right in each genre, and 10 of the other's
    assert said["ours"]["value"] == 1.0
    assert said["theirs"]["value"] == pytest.approx(0.75)
    assert "macro F1 is 1.00 and that of the shipped one 0.75" in said["why"]
    part = told(data, truth, rival, np.arange(20, 60))
    assert (part["posters"], part["theirs"]["value"], part["better"]) == (40, 1.0, False)
    assert "does not show that it is better" in part["why"]


def test_a_model_that_is_worse_is_not_better() -> None:
    eyes, data, truth = catalogue(60, right=60)
    said = told(data, ~truth, shipped_model(eyes))
    assert not said["better"] and said["difference"]["high"] < 0


def test_genres_are_matched_however_they_are_spelled() -> None:
    eyes, data, truth = catalogue(40, right=40)
    GenreFactory(name="Tragedy", slug="drama")
    names = ("War", "Drama", "comedy")
    said = told(data, truth, shipped_model(eyes, names))
    assert sorted(said["genres"]) == ["Comedy", "Drama"]
    assert said["theirs"]["value"] == 1.0


def test_a_shipped_model_that_knows_none_of_the_genres_gives_way() -> None:
    eyes, data, truth = catalogue(40, right=40)
    said = told(data, truth, shipped_model(eyes, ("War", "Horror", "Western")))
    assert said["better"] and "knows none of these genres" in said["why"]


def test_a_shipped_model_whose_file_is_damaged_gives_way() -> None:
    eyes, data, truth = catalogue(40, right=40)
    rival = shipped_model(eyes)
    promotion.weights_path(rival).write_bytes(b"damaged")
    said = told(data, truth, rival)
    assert said["better"] and "cannot be used" in said["why"]


def test_few_posters_seen_by_both_show_nothing() -> None:
    eyes, data, truth = catalogue(40, right=0)
    rival = shipped_model(eyes)
    said = told(data, truth, rival, np.arange(29))
    assert not said["better"] and "only 29 held-out posters" in said["why"]
    eyes.embeddings.all().delete()
    assert "only 0 held-out posters" in told(data, truth, rival)["why"]


def trained(**params: Any) -> Run:
    return worked_off(lifecycle.start("train", params=QUICK | params, queue=False))


def test_a_training_that_does_better_replaces_the_shipped_model_at_once() -> None:
    extractor = labelled(200)
    rival = saved_model(extractor, genres=("Comedy", "Drama", "War", "Horror"), shipped=True)
    run = trained(recipe="logistic", config={"resamples": 50})
    rival.refresh_from_db()
    model = run.genre_model
    assert (model.state, rival.state) == ("active", "retired")
    assert model.metrics["against_shipped"]["better"] is True
    assert "It suggests genres from now on: on the same 200 held-out posters" in run.message
    # Beside a model of the site's own the next one waits for a person, whatever the figures say.
    later = trained(recipe="logistic", config={"resamples": 50}).genre_model
    assert later.state == "candidate" and "against_shipped" not in later.metrics


def test_a_training_that_does_not_waits_and_says_why() -> None:
    extractor = labelled(200)
    rival = saved_model(extractor, genres=("Comedy", "Drama", "War", "Horror"), shipped=True)
    run = trained()
    rival.refresh_from_db()
    assert (run.genre_model.state, rival.state) == ("candidate", "active")
    assert run.message.startswith(f"Made {run.genre_model}. The shipped genre model {rival.version} goes on")
    assert run.genre_model.metrics["against_shipped"]["posters"] == 40
    assert run.message.endswith(model_comparison.why(run.genre_model))


def test_a_training_on_another_extractor_does_not_begin_where_the_shipped_model_ended() -> None:
    labelled(60)
    saved_model(
        ExtractorFactory(spec="postersite", dims=4), genres=("Comedy", "Drama", "A", "B"), shipped=True
    )
    model = trained(recipe="logistic", config={"resamples": 20}).genre_model
    assert model.metrics["warm_start"] is False
    assert model.state == "candidate"
    assert model.recipe == training.DEFAULT_RECIPE
