"""Compare a genre model that was trained here with another one, on films held out from its training."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from catalog import shared_files
from catalog.models import Embedding, Extractor, GenreModel
from ml.files import UNREADABLE_ARRAYS, write_bytes
from ml.genres.evidence.films import Films
from ml.genres.evidence.model import EvidenceModel
from ml.genres.head_file import ModelFileError
from ml.genres.held_out import HeldOut, compare_macro_f1

from . import model_files
from .names import keys_of
from .training_data import LabelledFilms

# With fewer films the bootstrap interval is not reliable.
MIN_POSTERS = 30
RESAMPLES = 1000
# Where a model's metrics hold the comparison; stored, so they are never renamed.
KEY = "against_shipped"
KEY_REPLACED = "against_replaced"
KEY_ACTIVE = "against_active"


def compare(
    bundled: GenreModel, genres: Sequence[str], data: LabelledFilms, held_out: HeldOut
) -> dict[str, Any]:
    """Compare the macro F1 of two models on the held-out films, over the genres that both know.

    Both score what the site lets genre models use (POSTERSITE_GENRE_EVIDENCE), as far as they read it. The
    trained model is better if the 95% interval of the paired difference lies above 0, or if the bundled
    model cannot be used: its file is damaged, it knows none of the genres, or it reads nothing that it may
    use. The comparison favours the bundled model if that was trained on some of these films, such as
    well-known ones.

    Args:
        genres: the genres of the trained model, in the order of its scores.
        data: what it was trained on.

    Returns:
        For JSON: `version` (of the bundled model), `better`, `why` (a sentence) and, if both models could be
        used, `posters`, `genres` and the figures `ours`, `theirs`, `difference`.
    """
    try:
        model = model_files.load(bundled)
    except ModelFileError as error:
        return _result(bundled, True, f"the bundled one cannot be used ({error})")
    if not bundled.parts_used:
        return _result(bundled, True, "the bundled one reads nothing that POSTERSITE_GENRE_EVIDENCE allows")
    bundled_keys, trained_keys = keys_of(model.genres), keys_of(genres)
    shared = [key for key in dict.fromkeys(trained_keys) if key in bundled_keys]
    if not shared:
        return _result(bundled, True, "the bundled one knows none of these genres")
    posters = data.posters[held_out.rows].tolist()
    vectors = _vectors(bundled.extractor, posters)
    places = _scorable(bundled, posters, vectors)
    if len(places) < MIN_POSTERS:
        return _result(
            bundled,
            False,
            f"both models can score only {len(places)} held-out films, and a comparison needs "
            f"{MIN_POSTERS}. A person can promote it in the admin.",
        )
    rows = held_out.rows[places]
    truth = data.labels[rows][:, [data.genres.index(genres[trained_keys.index(key)]) for key in shared]]
    trained = held_out.taken[places][:, [trained_keys.index(key) for key in shared]]
    suggested = _suggested(bundled, model, data, rows, vectors)
    suggested = suggested[:, [bundled_keys.index(key) for key in shared]]
    figures = compare_macro_f1(truth, trained, suggested, resamples=RESAMPLES)
    better = figures["difference"]["low"] > 0
    reason = (
        f"on the same {len(rows)} held-out films and {_genres(len(shared))}, its macro F1 is "
        f"{figures['ours']['value']:.2f} and that of the bundled one {figures['theirs']['value']:.2f}"
    )
    if not better:
        interval = "{low:+.2f} to {high:+.2f}".format(**figures["difference"])
        reason += (
            f", which is not significantly better (difference {interval}). A person can still promote it."
        )
    return _result(bundled, better, reason) | {
        "posters": len(rows),
        "genres": [genres[trained_keys.index(key)] for key in shared],
        **figures,
    }


@dataclass(frozen=True)
class Decisions:
    """What a trained model suggested for films, by models of folds that had not learned from them.

    movies (m,) int64: their ids. taken (m, genres) bool: with genres in the model's order. trained (n,)
    int64: the ids of all films that the model learned from.
    """

    movies: np.ndarray
    taken: np.ndarray
    trained: np.ndarray

    def save(self, path: Path) -> None:
        buffer = io.BytesIO()
        np.savez_compressed(buffer, movies=self.movies, taken=self.taken, trained=self.trained)
        write_bytes(path, buffer.getvalue())
        shared_files.publish(path)


def decisions_path(model: GenreModel) -> Path:
    """The file with the model's `Decisions`. Bundled models, and those of earlier versions, have none."""
    return model_files.weights_path(model).with_suffix(".decisions.npz")


def _stored_decisions(model: GenreModel) -> Decisions | None:
    try:
        with np.load(shared_files.fetched(decisions_path(model)), allow_pickle=False) as arrays:
            found = Decisions(arrays["movies"], arrays["taken"], arrays["trained"])
    except (OSError, *UNREADABLE_ARRAYS):
        return None
    return found if found.taken.shape == (len(found.movies), len(model.genres)) else None


def compare_with_active(
    active: GenreModel, genres: Sequence[str], data: LabelledFilms, held_out: HeldOut
) -> dict[str, Any]:
    """Compare a new model with the active one on the same films, overall and by genre.

    Neither model has learned from a film that it is measured on: what the active model learned from counts
    with its stored `Decisions`, other films are scored. All films are new to a bundled model, except
    well-known ones that it may have learned from.

    Args:
        genres: the genres of the new model, in the order of its scores.
        data: what it was trained on.

    Returns:
        For JSON: `version` of the active model, `films`, `macro_f1` and `genres`, with `ours`, `theirs` and
        the paired `difference`; without `films` if there are too few, or a file cannot be read.
    """
    result: dict[str, Any] = {"version": active.version}
    try:
        model = model_files.load(active)
    except ModelFileError:
        return result
    stored = _stored_decisions(active)
    if stored is None:
        if not active.shipped:
            return result
        stored = Decisions(*(np.zeros(shape, dtype=np.int64) for shape in (0, (0, len(active.genres)), 0)))
    active_keys, keys = keys_of(model.genres), keys_of(genres)
    shared = [key for key in dict.fromkeys(keys) if key in active_keys]
    rows, theirs = _decided_by(active, model, stored, data, held_out.rows)
    if len(rows) < MIN_POSTERS or not shared:
        return result
    chosen = held_out.rows[rows]
    names = [genres[keys.index(key)] for key in shared]
    figures = compare_macro_f1(
        data.labels[chosen][:, [data.genres.index(name) for name in names]],
        held_out.taken[rows][:, [keys.index(key) for key in shared]],
        theirs[:, [active_keys.index(key) for key in shared]],
        resamples=RESAMPLES,
    )
    sides = ("ours", "theirs", "difference")
    return result | {
        "films": len(rows),
        "macro_f1": {side: figures[side] for side in sides},
        "genres": [
            {"genre": name, **{side: figures[f"{side}_by_genre"][column] for side in sides}}
            for column, name in enumerate(names)
        ],
    }


def _decided_by(
    active: GenreModel, model: EvidenceModel, stored: Decisions, data: LabelledFilms, held_out: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Places in `held_out` of the films that the active model can be measured on, and its decisions."""
    place = {movie: number for number, movie in enumerate(stored.movies.tolist())}
    trained = set(stored.trained.tolist())
    movies = data.movies[held_out].tolist()
    known = [row for row, movie in enumerate(movies) if movie in place]
    fresh = [row for row, movie in enumerate(movies) if movie not in place and movie not in trained]
    posters = data.posters[held_out[fresh]].tolist()
    vectors = _vectors(active.extractor, posters)
    fresh = [fresh[index] for index in _scorable(active, posters, vectors)] if active.parts_used else []
    rows = np.array([*known, *fresh], dtype=np.int64)
    decisions = stored.taken[[place[movies[row]] for row in known]].astype(bool)
    if fresh:
        scored = _suggested(active, model, data, held_out[fresh], vectors)
        decisions = np.concatenate([decisions, scored])
    return rows, decisions


def _scorable(model: GenreModel, posters: Sequence[int], vectors: dict[int, np.ndarray]) -> list[int]:
    """Places of the films that the model can score: those without a poster have texts, those whose poster
    its extractor has not embedded must wait."""
    return [
        place
        for place, poster in enumerate(posters)
        if poster in vectors or (model.reads_texts and not poster)
    ]


def _suggested(
    row: GenreModel,
    model: EvidenceModel,
    data: LabelledFilms,
    rows: np.ndarray,
    vectors: dict[int, np.ndarray],
) -> np.ndarray:
    """What the model suggests for rows of the training data, (rows, genres) bool."""
    scored = model.score(_films(data, rows, vectors, row.extractor.dims).only(row.parts_used))
    return np.asarray(scored.scores > scored.suggest)


def compare_with_replaced(replaced: GenreModel, metrics: dict[str, Any]) -> dict[str, Any]:
    """Compare the macro F1 of a new model with that of the site's model on vectors of an earlier extractor.

    Each was measured when it was trained, on films held out from its own training, because the earlier model
    has learned most films that are held out now. So the figures are not paired, and the 95% interval of the
    difference is that of independent ones, which is wider.

    Args:
        metrics: of the new model.

    Returns:
        For JSON: `version` (of the earlier model), `worse` (the interval lies below 0, or a figure is
        missing), `why` (a sentence) and, if both figures are known, `ours`, `theirs`, `difference`.
    """
    ours, theirs = _macro_f1(metrics), _macro_f1(replaced.metrics)
    result: dict[str, Any] = {"version": replaced.version}
    if ours is None or theirs is None:
        missing = "its" if ours is None else "that of the model before"
        return result | {
            "worse": True,
            "why": f"it cannot be compared, because {missing} macro F1 is unknown. A person can promote it.",
        }
    value = ours["value"] - theirs["value"]
    low, high = (
        value + side * float(np.hypot(ours["value"] - ours[one], theirs[other] - theirs["value"]))
        for side, one, other in ((-1, "low", "high"), (1, "high", "low"))
    )
    worse = high < 0
    reason = (
        f"on held-out films its macro F1 is {ours['value']:.2f}, and that of genre model {replaced.version} "
        f"was {theirs['value']:.2f} (difference {low:+.2f} to {high:+.2f})"
    )
    if worse:
        reason += ", so it is significantly worse. A person can still promote it."
    difference = {"value": value, "low": low, "high": high}
    return result | {"worse": worse, "why": reason, "ours": ours, "theirs": theirs, "difference": difference}


def may_replace(model: GenreModel) -> bool:
    """Whether a trained model was not significantly worse than the one that it is to replace."""
    return _stored(model, KEY_REPLACED).get("worse") is False


def was_to_replace(model: GenreModel, other: GenreModel) -> bool:
    """Whether `model` was trained to replace `other`."""
    return _stored(model, KEY_REPLACED).get("version") == other.version


def _macro_f1(metrics: Any) -> dict[str, float] | None:
    """`value`, `low` and `high` of macro F1 on held-out films; None if it was not measured."""
    found = metrics
    for key in ("validation", "macro_f1"):
        found = found.get(key) if isinstance(found, dict) else None
    if not isinstance(found, dict):
        return None
    figure = {key: found.get(key) for key in ("value", "low", "high")}
    known = {key: float(number) for key, number in figure.items() if isinstance(number, (int, float))}
    return known if len(known) == len(figure) else None


def is_better(model: GenreModel) -> bool:
    """Whether a trained model was significantly better than the bundled one."""
    return _stored(model, KEY).get("better") is True


def reason(model: GenreModel) -> str:
    """The result of the comparison with the model that was active, in words; empty if there was none."""
    found = (_stored(model, KEY) or _stored(model, KEY_REPLACED)).get("why")
    return found if isinstance(found, str) else ""


def _stored(model: GenreModel, key: str) -> dict[str, Any]:
    metrics = model.metrics if isinstance(model.metrics, dict) else {}
    found = metrics.get(key)
    return found if isinstance(found, dict) else {}


def _result(bundled: GenreModel, better: bool, reason: str) -> dict[str, Any]:
    return {"version": bundled.version, "better": better, "why": reason}


def _genres(count: int) -> str:
    return "one genre" if count == 1 else f"{count} genres"


def _films(data: LabelledFilms, rows: np.ndarray, vectors: dict[int, np.ndarray], dims: int) -> Films:
    """Some rows of the training data with the vectors of another extractor."""
    owned = [(place, poster) for place, poster in enumerate(data.posters[rows].tolist()) if poster in vectors]
    return Films(
        np.array([vectors[poster] for _, poster in owned], dtype=np.float32).reshape(len(owned), dims),
        np.array([place for place, _ in owned], dtype=np.int64),
        [data.titles[row] for row in rows.tolist()],
        data.years[rows],
        [data.overviews[row] for row in rows.tolist()],
    )


def _vectors(extractor: Extractor, posters: Sequence[int]) -> dict[int, np.ndarray]:
    """The extractor's vectors (dims,) float32 of these posters, by poster id."""
    wanted = set(posters)
    rows = Embedding.objects.filter(extractor=extractor, poster__is_primary=True)
    return {
        poster: np.frombuffer(vector, dtype="<f2").astype(np.float32)
        for poster, vector in rows.values_list("poster_id", "vector").iterator(chunk_size=500)
        if poster in wanted
    }
