"""Compare a genre model that was trained here with the bundled one, on films held out from its training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from catalog.models import Embedding, Extractor, GenreModel
from ml.genres.evidence.films import Films
from ml.genres.evidence.model_file import load_model
from ml.genres.head_file import ModelFileError
from ml.genres.held_out import HeldOut, compare_macro_f1

from .names import keys_of
from .promotion import weights_path
from .training_data import LabelledFilms

# With fewer films the bootstrap interval is not reliable.
MIN_POSTERS = 30
RESAMPLES = 1000
# Where a model's metrics hold the comparison; stored, so they are never renamed.
KEY = "against_shipped"
KEY_REPLACED = "against_replaced"


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
        model = load_model(weights_path(bundled), bundled.weights_sha256)
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
    # A film without a poster has texts; one whose poster the bundled extractor has not embedded must wait.
    places = [
        place
        for place, poster in enumerate(posters)
        if poster in vectors or (bundled.reads_texts and not poster)
    ]
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
    scored = model.score(_films(data, rows, vectors, bundled.extractor.dims).only(bundled.parts_used))
    suggested = (scored.scores > scored.suggest)[:, [bundled_keys.index(key) for key in shared]]
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
