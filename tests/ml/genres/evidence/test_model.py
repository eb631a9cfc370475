"""Scores, thresholds, contributions and words of a model over several parts."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from ml.genres.evidence.films import PARTS
from ml.genres.evidence.model import DEFAULT_TICK, EvidenceModel
from ml.genres.evidence.text import TextModel, hashed
from ml.genres.head import FeatureMismatch
from ml.genres.thresholds import NEVER
from tests.ml.genres.evidence.made_models import OVERVIEWS, TITLES, make_films, make_model, make_text
from tests.ml.genres.heads import make_head, make_linear

MODEL = make_model()


def logit(scores):
    return np.log(scores / (1 - scores))


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4])
def test_a_missing_part_is_missing_whether_unknown_or_left_out(size):
    for parts in combinations(PARTS, size):
        only = MODEL.score(make_films().only(parts))
        assert only.present.tolist() == [[part in parts for part in PARTS]] * 3
        assert (only.contributions[:, :, ~only.present[0]] == 0).all()


def test_a_film_is_scored_alike_alone_and_among_films_with_other_parts():
    films = make_films(owners=(1, 1), titles=["", TITLES[1], TITLES[2]], years=(1999, 0, 1946))
    together = MODEL.score(films)
    assert together.present.tolist() == [
        [False, False, True, True],
        [True, True, False, True],
        [False, True, True, True],
    ]
    for row in range(3):
        alone = MODEL.score(films.subset(np.array([row])))
        for name in ("scores", "contributions", "suggest", "sure", "tick"):
            assert getattr(alone, name)[0] == pytest.approx(getattr(together, name)[row], abs=1e-5), name


def test_a_contribution_is_the_logit_with_the_part_minus_the_logit_without_it():
    scored = MODEL.score(make_films())
    for place, part in enumerate(PARTS):
        without = MODEL.score(make_films().only([other for other in PARTS if other != part]))
        difference = logit(scored.scores) - logit(without.scores)
        assert scored.contributions[:, :, place] == pytest.approx(difference, abs=0.01)
        alone = MODEL.score(make_films().only([part]))
        assert alone.contributions[:, :, place] == pytest.approx(logit(alone.scores) - MODEL.prior, abs=0.01)


def test_a_film_of_which_nothing_is_known_gets_the_prior_and_no_suggestion():
    scored = MODEL.score(make_films().only(()))
    assert logit(scored.scores) == pytest.approx(np.tile(MODEL.prior, (3, 1)), abs=1e-5)
    for cuts in (scored.suggest, scored.sure, scored.tick):
        assert (cuts == NEVER).all()


def test_thresholds_depend_on_the_parts():
    scored = MODEL.score(make_films())
    assert (scored.sure == MODEL.combinations[PARTS].thresholds.sure).all()


@pytest.mark.parametrize(
    "head",
    [make_head(), make_linear(), make_linear(sure_thresholds=(0.8, NEVER, 0.7), no_evidence=("Comedy",))],
)
def test_a_head_over_posters_alone_keeps_its_scores_bit_for_bit(head):
    films = make_films(owners=(0, 1, 1, 2, 2, 2))
    model = EvidenceModel.of_head(head)
    scored = model.score(films)
    expected = head.pooled_scores(films.vectors, films.owners)
    assert (scored.scores == expected).all()
    assert ((scored.scores > scored.suggest) == head.suggested(expected)).all()
    assert ((scored.scores > scored.sure) == head.sure(expected)).all()
    assert (scored.tick >= np.float32(DEFAULT_TICK)).all()
    assert scored.present.tolist() == [[True, False, False, False]] * 3
    assert (model.parts, model.dims, model.no_evidence) == (("poster",), 6, head.no_evidence)


def test_vectors_of_another_extractor_are_refused_but_not_needed():
    films = make_films()
    with pytest.raises(FeatureMismatch):
        MODEL.score(
            type(films)(films.vectors[:, :5], films.owners, films.titles, films.years, films.overviews)
        )
    bare = films.only(("title",))
    MODEL.score(
        type(films)(np.zeros((0, 0), np.float32), bare.owners, bare.titles, bare.years, bare.overviews)
    )


def test_words_speak_for_the_genre_and_are_written_as_in_the_text():
    films = make_films()
    for column in range(3):
        words = MODEL.words(films, 0, column)
        assert len(words) <= 4
        assert all(word in f"{TITLES[0]} {OVERVIEWS[0]}" for word in words)
    assert MODEL.words(films.only(("poster",)), 0, 0) == []
    assert make_model(("poster", "year")).words(films, 0, 0) == []


def without(model, *parts):
    """The model with combinations that use none of these parts beside others."""
    combinations = {}
    for chosen in model.combinations:
        best = tuple(part for part in chosen if part not in parts) or chosen
        smaller = model.combinations[best]
        combinations[chosen] = replace(smaller, fusion=smaller.fusion.among(best, chosen))
    return replace(model, combinations=combinations)


@pytest.mark.parametrize("unused", [("title",), ("title", "overview"), ("title", "year", "overview")])
def test_a_part_that_does_not_help_changes_nothing(unused):
    model, films = without(MODEL, *unused), make_films()
    used = tuple(part for part in PARTS if part not in unused)
    scored, smaller = model.score(films), model.score(films.only(used))
    assert (scored.scores == smaller.scores).all()
    assert (scored.contributions == smaller.contributions).all()
    assert (scored.suggest == smaller.suggest).all()
    assert not scored.contributions[:, :, [PARTS.index(part) for part in unused]].any()
    assert scored.present.all()
    words = model.words_of(films, 0, [0, 1, 2])
    readable = set() if "overview" in unused else set(OVERVIEWS[0][:-1].split())
    assert all(set(each) <= readable for each in words)


def test_words_that_say_little_are_left_out():
    texts = ["x haunted mild"]
    hashes = np.sort(hashed(texts[0].split()))
    weight = {hashed([word])[0]: value for word, value in [("x", 5), ("haunted", 9), ("mild", 0.3)]}
    kernel = np.array([[weight[one]] * 3 for one in hashes], dtype=np.float16)
    title = TextModel("title", hashes, np.full(3, 5, np.float16), kernel, np.zeros(3, np.float32), 0)
    films = make_films(texts, [""], [0], [])
    assert replace(make_model(("title",)), title=title).words(films, 0, 0) == ["haunted"]


def test_the_strongest_word_changes_the_score_most():
    films = make_films(titles=["", "", ""]).only(("overview",))
    word = MODEL.words(films, 1, 0)[0]
    overview = make_text("overview", OVERVIEWS, seed=5)
    texts = [films.overviews[1], films.overviews[1].replace(word, "")]
    before, after = overview.logits(texts)[0][:, 0].tolist()
    assert after < before


def test_an_overview_in_an_unknown_language_is_missing():
    films = make_films(overviews=["Zwei Brüder kehren nach Jahren heim", OVERVIEWS[1], "..."])
    assert MODEL.score(films).present[:, 3].tolist() == [False, True, False]


def test_parts_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="every combination"):
        EvidenceModel(**{**vars(MODEL), "combinations": {}})
    with pytest.raises(ValueError, match="parts of a model"):
        EvidenceModel(**{**vars(MODEL), "parts": ("poster",)})
    with pytest.raises(ValueError, match="other genres"):
        EvidenceModel(**{**vars(MODEL), "genres": ("A", "B", "C")})


def test_scoring_takes_less_than_a_millisecond_of_cpu_per_film():
    films = make_films(TITLES * 40, [" ".join(OVERVIEWS)] * 120, [1999] * 120, range(120))
    MODEL.score(films)
    started = time.process_time()
    MODEL.score(films)
    assert (time.process_time() - started) / len(films) < 1e-3


@pytest.mark.slow
def test_scoring_and_reading_import_neither_scikit_learn_nor_scipy():
    script = (
        "import sys\n"
        "from tests.ml.genres.evidence.made_models import make_films, make_model\n"
        "from ml.genres.evidence.model_file import load_model\n"
        "from ml import bundled\n"
        "load_model(bundled.GENRES)\n"
        "make_model().score(make_films()); make_model().words(make_films(), 0, 0)\n"
        "print(sorted({'sklearn', 'scipy', 'tensorflow', 'django'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parents[4],
        env={**os.environ, "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
