"""The recipe `evidence`: what is trained and measured, and that what is measured holds for other films."""

import json
from dataclasses import replace

import numpy as np
import pytest

from ml.genres.errors import TrainingStopped
from ml.genres.evidence.films import PARTS, Films
from ml.genres.evidence.fusion import combinations_of
from ml.genres.evidence.model_file import load_model, save_model
from ml.genres.evidence.points import combination_name, tick_columns
from ml.genres.evidence.training import EvidenceData, train_evidence
from ml.genres.metrics import mean_average_precision
from ml.genres.recipes import EvidenceConfig
from ml.genres.training_set import TrainingDataError
from tests.ml.genres.evidence.made_catalogues import GENRES, catalogue

pytestmark = pytest.mark.slow

QUICK = EvidenceConfig(strengths=(0.3, 0.03), text_strengths=(1e-2, 1e-3), folds=3, resamples=50)


@pytest.fixture(scope="module")
def trained():
    return train_evidence(catalogue(), QUICK)


def test_every_combination_of_parts_is_measured_on_the_films_that_have_them(trained):
    data = catalogue()
    found = trained.metrics["combinations"]
    assert set(found) == {combination_name(parts) for parts in combinations_of(PARTS)}
    assert found["poster"]["n"] == len(data.films.owners)
    assert found["title"]["n"] == 400
    assert found["overview"]["n"] == sum(bool(text) for text in data.films.overviews)
    assert trained.metrics["parts"] == list(PARTS)
    json.dumps(trained.metrics, allow_nan=False)


def test_more_evidence_ranks_genres_better(trained):
    ranked = {name: row["map"]["value"] for name, row in trained.metrics["combinations"].items()}
    everything = ranked["poster+title+year+overview"]
    assert everything > ranked["poster"] + 0.05
    assert everything > ranked["overview"] + 0.05
    assert ranked["poster+title+year"] > ranked["poster"]


def test_parts_that_help_are_used(trained):
    assert {"poster", "overview"} <= set(trained.model.combinations[PARTS].fusion.used(PARTS))


def test_figures_of_the_training_are_not_too_good_for_other_films(trained):
    # Somewhat too modest: a fold's models know two thirds of few films.
    other = catalogue(1500, seed=1)
    for parts in (("poster",), ("title", "year"), ("overview",), PARTS):
        scored = trained.model.score(other.films.only(parts))
        rows = scored.present[:, [PARTS.index(part) for part in parts]].all(axis=1)
        labels, scores = other.labels[rows], scored.scores[rows]
        promised = trained.metrics["combinations"][combination_name(parts)]
        assert mean_average_precision(labels, scores) > promised["map"]["value"] - 0.04
        ticks = tick_columns(labels, scores > scored.tick[rows]).mean(axis=0)
        assert ticks[0] < promised["corrections"]["value"] + 0.06
        assert abs(scores.mean(axis=0) - labels.mean(axis=0)).max() < 0.06


def test_a_trained_model_survives_its_file_and_explains_itself(trained, tmp_path):
    films = catalogue(50, seed=3).films
    digest = save_model(trained.model, tmp_path / "model.npz")
    loaded = load_model(tmp_path / "model.npz", digest)
    assert (loaded.score(films).scores == trained.model.score(films).scores).all()
    row = next(row for row in range(50) if films.overviews[row])
    words = loaded.words(films, row, 0)
    assert words
    assert set(words) <= set(f"{films.titles[row]} {films.overviews[row]}".split())


def test_posters_alone_are_scored_as_by_their_own_head(trained):
    films = catalogue(40, seed=5).films.only(("poster",))
    scored = trained.model.score(films)
    head = trained.model.poster
    assert scored.scores[films.owners] == pytest.approx(head.scores(films.vectors), abs=1e-6)
    assert scored.suggest[films.owners[0]].tolist() == pytest.approx(list(head.thresholds))


def test_held_out_decisions_and_scores_are_of_the_films_that_were_measured(trained):
    assert trained.rows.tolist() == list(range(400))
    assert trained.suggested.shape == trained.scores.shape == (400, len(GENRES))
    assert trained.metrics["validation"]["posters"] == 400


@pytest.mark.parametrize("parts", [("title",), ("poster",), ("year", "overview")])
def test_only_the_named_parts_are_used(parts, tmp_path):
    model = train_evidence(catalogue(), replace(QUICK, parts=parts)).model
    assert model.parts == parts
    assert set(model.combinations) == set(combinations_of(parts))
    save_model(model, tmp_path / "model.npz")
    films = catalogue(20, seed=2).films
    assert (load_model(tmp_path / "model.npz").score(films).scores == model.score(films).scores).all()


def test_parts_that_no_film_has_are_left_out():
    data = catalogue()
    bare = replace(data, films=data.films.only(("poster", "title")))
    assert train_evidence(bare, QUICK).model.parts == ("poster", "title")
    with pytest.raises(TrainingDataError):
        train_evidence(replace(data, films=data.films.only(())), QUICK)


def test_films_to_learn_from_only_and_posters_that_were_seen_are_not_measured():
    data = catalogue()
    first = np.arange(400)
    trained = train_evidence(replace(data, train_only=first < 100, seen=first < 200), QUICK)
    found = trained.metrics["combinations"]
    assert found["title"]["n"] == 300
    assert found["poster"]["n"] == (data.films.owners >= 200).sum()
    assert trained.rows.min() == 100


def test_keywords_teach_the_words_of_overviews():
    data = catalogue(overviews=0.25)
    keywords = catalogue(overviews=1.0).films.overviews
    plain, taught = (
        train_evidence(replace(data, keywords=more), replace(QUICK, parts=("overview",)))
        for more in ((), keywords)
    )
    before, after = (each.metrics["combinations"]["overview"]["map"]["value"] for each in (plain, taught))
    assert after > before


def test_shuffled_labels_are_never_suggested():
    data = catalogue()
    labels = np.random.default_rng(4).permutation(data.labels)
    trained = train_evidence(replace(data, labels=labels), QUICK)
    assert len(trained.model.no_evidence) >= 1
    assert trained.metrics["combinations"]["poster+title+year+overview"]["ece"]["value"] < 0.1


def test_parts_without_information_do_not_make_few_films_worse():
    data = catalogue(150)
    other = np.random.default_rng(6).permutation(150).tolist()
    films = replace(
        data.films,
        titles=[data.films.titles[row] for row in other],
        years=data.films.years[other],
        overviews=[data.films.overviews[row] for row in other],
    )
    trained = train_evidence(replace(data, films=films), QUICK)
    model, found = trained.model, trained.metrics["combinations"]
    everything, poster = found["poster+title+year+overview"], found["poster"]
    assert everything["map"]["value"] > poster["map"]["value"] - 0.03
    assert everything["corrections"]["value"] < poster["corrections"]["value"] + 0.05
    # What the combinations without the poster made of the noise is left out exactly.
    scored, alone = model.score(films), model.score(films.only(("poster",)))
    helping = model.combinations[PARTS].fusion.used(PARTS)
    assert "poster" in helping
    unused = [PARTS.index(part) for part in PARTS if part not in helping]
    assert unused
    rows = scored.present.all(axis=1)
    assert not scored.contributions[rows][:, :, unused].any()
    if helping == ("poster",):
        assert (scored.scores[rows] == alone.scores[rows]).all()


def test_a_combination_of_too_few_films_uses_a_smaller_one():
    data = catalogue(200, overviews=0.03)
    assert sum(map(bool, data.films.overviews)) < 10
    keywords = catalogue(200, overviews=1.0).films.overviews
    model = train_evidence(replace(data, keywords=keywords), QUICK).model
    assert "overview" in model.parts
    assert "overview" not in model.combinations[PARTS].fusion.used(PARTS)


def test_a_request_to_stop_ends_the_training():
    with pytest.raises(TrainingStopped):
        train_evidence(catalogue(), QUICK, should_stop=lambda: True)


def test_the_same_data_give_the_same_model(trained, tmp_path):
    again = train_evidence(catalogue(), QUICK)
    assert save_model(again.model, tmp_path / "a.npz") == save_model(trained.model, tmp_path / "b.npz")


def test_films_with_other_frequencies_help_to_fit_and_do_not_shift_the_scores():
    data, more = catalogue(300), catalogue(600, seed=7)
    dramas = np.flatnonzero(more.labels[:, 0])
    extra = more.films.subset(dramas)
    films = Films(
        np.concatenate([data.films.vectors, extra.vectors]),
        np.concatenate([data.films.owners, extra.owners + 300]),
        [*data.films.titles, *extra.titles],
        np.concatenate([data.films.years, extra.years]),
        [*data.films.overviews, *extra.overviews],
    )
    count = 300 + len(dramas)
    joined = EvidenceData(
        films,
        np.concatenate([data.labels, more.labels[dramas]]),
        np.full(count, -1),
        data.genres,
        train_only=np.arange(count) >= 300,
    )
    trained = train_evidence(joined, QUICK)
    assert trained.rows.tolist() == list(range(300))
    other = catalogue(1000, seed=1)
    for parts in (("poster",), ("poster", "title", "year"), PARTS):
        scored = trained.model.score(other.films.only(parts))
        rows = scored.present[:, [PARTS.index(part) for part in parts]].all(axis=1)
        assert abs(scored.scores[rows].mean(axis=0) - other.labels[rows].mean(axis=0)).max() < 0.08
