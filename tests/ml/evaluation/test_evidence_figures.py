"""Genre figures by the poster alone, with title and year, and with all evidence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ml.evaluation.errors import EvaluationError
from ml.evaluation.evidence_figures import (
    EVIDENCE,
    FIGURES,
    evidence_differences,
    evidence_figures,
    films_of,
    predict,
    predict_by_evidence,
)
from ml.evaluation.genre_figures import genre_figures
from ml.evaluation.genre_models import GenreModel, genre_model
from ml.genres.evidence.films import PARTS, Films
from ml.genres.evidence.model import EvidenceModel
from ml.labelled_set.listing import LabelledPoster
from tests.ml.genres.evidence.made_models import OVERVIEWS, TITLES, make_model
from tests.ml.genres.heads import make_linear

COUNT = 60


def films(count: int = COUNT, overviews: int = 40) -> Films:
    """Films of which the first `overviews` have an overview."""
    random = np.random.default_rng(4)
    return Films(
        random.normal(size=(count, 6)).astype(np.float32),
        np.arange(count),
        [TITLES[row % 3] for row in range(count)],
        random.integers(1930, 2020, count),
        [OVERVIEWS[(row + 1) % 3] if row < overviews else "" for row in range(count)],
    )


def model(*parts: str) -> GenreModel:
    return genre_model(make_model(parts or PARTS), "pixels", {})


def labels(scorer: EvidenceModel, count: int = COUNT) -> np.ndarray:
    truth = (np.random.default_rng(5).random((count, len(scorer.genres))) < 0.4).astype(np.uint8)
    truth[truth.sum(axis=1) == 0, 0] = 1
    return truth


def test_each_evidence_is_scored_by_its_parts_and_covers_its_films():
    mine, known = model(), films()
    genres, truth = mine.scorer.genres, labels(mine.scorer)
    found = evidence_figures(truth, predict_by_evidence(mine, known, genres), resamples=30)["evidence"]
    assert set(found) == set(EVIDENCE) and set(found["all"]) == {*FIGURES, "n"}
    assert [found[name]["n"] for name in ("poster", "poster_title_year", "all")] == [60, 60, 40]
    for name, rows in (("poster", 60), ("poster_title_year", 60), ("all", 40)):
        scored = mine.scorer.score(known.only(EVIDENCE[name]))
        wrong = ((scored.scores > scored.tick) != truth)[:rows].sum(axis=1)
        assert found[name]["corrections"]["value"] == pytest.approx(wrong.mean())
        assert found[name]["unchanged"]["value"] == pytest.approx((wrong == 0).mean())
        # The other figures are those that genres have.
        predictions = predict(mine, known, EVIDENCE[name], genres).subset(np.arange(rows), np.arange(3))
        same = genre_figures(truth[:rows], predictions, genres, resamples=30)
        for figure in FIGURES[:5]:
            assert found[name][figure] == pytest.approx(same[figure]), (name, figure)


def test_gains_are_paired_and_over_the_poster_alone_on_the_same_films():
    mine = model()
    truth, predictions = labels(mine.scorer), predict_by_evidence(mine, films(), mine.scorer.genres)
    few = films().subset(np.arange(40))
    gain = evidence_figures(truth, predictions, resamples=30)["evidence_gains"]["all"]
    figures = evidence_figures(truth[:40], predict_by_evidence(mine, few, mine.scorer.genres), resamples=20)
    assert gain["n"] == 40
    for name in FIGURES:
        alone, together = (figures["evidence"][key][name]["value"] for key in ("poster", "all"))
        if alone is not None and together is not None:
            assert gain["poster"][name]["value"] == pytest.approx(alone)
            assert gain["difference"][name]["value"] == pytest.approx(together - alone)


def test_a_model_of_posters_only_gives_the_others_as_none_with_the_reason():
    mine = genre_model(EvidenceModel.of_head(make_linear()), "pixels", {})
    truth, predictions = labels(mine.scorer), predict_by_evidence(mine, films(), mine.scorer.genres)
    found = evidence_figures(truth, predictions, resamples=20)
    assert found["evidence"]["poster"]["n"] == COUNT
    assert found["evidence"]["poster"]["sure_precision"]["reason"]
    for name in ("poster_title_year", "all"):
        assert found["evidence"][name]["n"] == 0
        for figure in FIGURES:
            assert found["evidence"][name][figure] == {
                "value": None, "low": None, "high": None, "reason": "The genre model uses the poster only.",
            }  # fmt: skip
        assert found["evidence_gains"][name]["difference"]["map"]["value"] is None


def test_without_texts_or_with_few_films_there_is_a_reason():
    mine = model()
    bare = Films(films().vectors, np.arange(COUNT), [""] * COUNT, np.zeros(COUNT, np.int64), [""] * COUNT)
    found = evidence_figures(
        labels(mine.scorer), predict_by_evidence(mine, bare, mine.scorer.genres), resamples=9
    )
    assert "`title`" in found["evidence"]["poster_title_year"]["map"]["reason"]
    assert "`overview`" in found["evidence"]["all"]["map"]["reason"]
    few = predict_by_evidence(mine, films(), mine.scorer.genres)
    found = evidence_figures(labels(mine.scorer), few, member=np.arange(COUNT) >= 35, resamples=20)
    assert found["evidence"]["poster"]["n"] == 25
    assert "Fewer than" in found["evidence"]["all"]["map"]["reason"]


def test_a_model_of_texts_only_has_no_figures_of_the_poster():
    mine = model("title", "overview")
    predictions = predict_by_evidence(mine, films(), mine.scorer.genres)
    found = evidence_figures(labels(mine.scorer), predictions, resamples=20)
    assert "not the poster" in found["evidence"]["poster"]["map"]["reason"]
    assert found["evidence"]["all"]["n"] == 40
    assert found["evidence_gains"]["all"]["difference"]["map"]["value"] is None
    with pytest.raises(EvaluationError, match="--evidence"):
        predict(mine, films(), ("poster", "year"), mine.scorer.genres)


def test_a_model_is_compared_by_the_parts_that_it_uses():
    mine, known = model(), films()
    genres, truth = mine.scorer.genres, labels(mine.scorer)
    posters = genre_model(EvidenceModel.of_head(make_linear()), "pixels", {})
    ours, theirs = (predict_by_evidence(each, known, genres) for each in (mine, posters))
    found = evidence_differences(truth, ours, theirs, resamples=30)
    gains = evidence_figures(truth, ours, resamples=30)
    assert [found[name]["n"] for name in EVIDENCE] == [60, 60, 40]
    # The poster's part is that same head.
    assert found["poster"]["map"] == {"value": 0, "low": 0, "high": 0}
    for name in ("map", "macro_f1_suggest"):
        assert found["all"][name] == pytest.approx(gains["evidence_gains"]["all"]["difference"][name])
    neither = evidence_differences(truth, theirs, theirs, resamples=30)
    assert neither["poster"]["n"] == 60
    assert neither["all"]["map"]["reason"] == "The genre model uses the poster only."
    texts = predict_by_evidence(model("title"), known, genres)
    assert (
        "not the poster" in evidence_differences(truth, ours, texts, resamples=9)["poster"]["map"]["reason"]
    )


def test_posters_become_films_and_unknown_facts_are_missing():
    path = Path("a.jpg")
    posters = [
        LabelledPoster(2, "a.jpg", path, ("Drama",), title="Heat", year=1995, overview="A heist."),
        LabelledPoster(3, "a.jpg", path, ("Drama",)),
    ]
    found = films_of(posters, np.zeros((2, 6), np.float32))
    assert found.titles == ["Heat", ""] and found.overviews == ["A heist.", ""]
    assert found.years.tolist() == [1995, 0] and found.owners.tolist() == [0, 1]
