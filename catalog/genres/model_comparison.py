"""Set a genre model trained here beside the shipped one, on posters that it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from catalog.models import Embedding, Extractor, GenreModel
from ml.genres.head_file import ModelFileError, load_head
from ml.genres.held_out import HeldOut, compare_macro_f1

from .names import keys_of
from .promotion import weights_path
from .training_data import LabelledPosters

# Of fewer, the bootstrap's interval says too little about others.
LEAST_POSTERS = 30
RESAMPLES = 1000


def compared(
    rival: GenreModel, genres: Sequence[str], data: LabelledPosters, held: HeldOut
) -> dict[str, Any]:
    """Which of two models does better on the posters held out from a training; ready for JSON.

    rival: the shipped model in use. genres: those of the trained head, in its order. data: what that was
    trained on. Macro F1 is over the genres that both know. The trained one counts as better when the 95%
    interval of the paired difference lies above 0, and where the rival cannot be asked at all: its file is
    damaged, or it knows none of the genres. To a rival that was itself trained on these posters, as on well
    known films, this is kind.

    Returns `version` (the rival's), `better`, `why` (a sentence) and, where both could be asked, `posters`,
    `genres` and the figures `ours`, `theirs`, `difference`.
    """
    try:
        head = load_head(weights_path(rival), sha256=rival.weights_sha256)
    except ModelFileError as error:
        return _said(rival, True, f"the shipped one cannot be used ({error})")
    known, theirs = keys_of(head.genres), keys_of(genres)
    shared = [key for key in dict.fromkeys(theirs) if key in known]
    if not shared:
        return _said(rival, True, "the shipped one knows none of these genres")
    vectors = _vectors(rival.extractor, data.posters[held.rows])
    asked = [place for place, poster in enumerate(data.posters[held.rows].tolist()) if poster in vectors]
    if len(asked) < LEAST_POSTERS:
        return _said(
            rival,
            False,
            f"only {len(asked)} held-out posters have been looked at for both, and to tell which of them is "
            f"better takes {LEAST_POSTERS}. A person can promote it in the admin.",
        )
    rows = held.rows[asked]
    truth = data.labels[rows][:, [data.genres.index(genres[theirs.index(key)]) for key in shared]]
    ours = held.taken[asked][:, [theirs.index(key) for key in shared]]
    seen = np.stack([vectors[poster] for poster in data.posters[rows].tolist()])
    suggested = head.suggested(head.scores(seen))[:, [known.index(key) for key in shared]]
    figures = compare_macro_f1(truth, ours, suggested, resamples=RESAMPLES)
    better = figures["difference"]["low"] > 0
    told = (
        f"on the same {len(rows)} held-out posters, over the {_genres(len(shared))} both know, its macro F1 "
        f"is {figures['ours']['value']:.2f} and that of the shipped one {figures['theirs']['value']:.2f}"
    )
    if not better:
        span = "{low:+.2f} to {high:+.2f}".format(**figures["difference"])
        told += f", which does not show that it is better (difference {span}). A person can still promote it."
    return _said(rival, better, told) | {
        "posters": len(rows),
        "genres": [genres[theirs.index(key)] for key in shared],
        **figures,
    }


def is_better(model: GenreModel) -> bool:
    """Whether a trained model was shown to be better than the shipped one it was set beside."""
    return _told(model).get("better") is True


def why(model: GenreModel) -> str:
    """What came of setting it beside the shipped one; empty for a model that was not."""
    said = _told(model).get("why")
    return said if isinstance(said, str) else ""


def _told(model: GenreModel) -> dict[str, Any]:
    metrics = model.metrics if isinstance(model.metrics, dict) else {}
    found = metrics.get("against_shipped")
    return found if isinstance(found, dict) else {}


def _said(rival: GenreModel, better: bool, why: str) -> dict[str, Any]:
    return {"version": rival.version, "better": better, "why": why}


def _genres(count: int) -> str:
    return "one genre" if count == 1 else f"{count} genres"


def _vectors(extractor: Extractor, posters: np.ndarray) -> dict[int, np.ndarray]:
    """What the extractor saw of these posters, by poster: (dims,) float32 each."""
    wanted = set(posters.tolist())
    rows = Embedding.objects.filter(extractor=extractor, poster__is_primary=True)
    return {
        poster: np.frombuffer(vector, dtype="<f2").astype(np.float32)
        for poster, vector in rows.values_list("poster_id", "vector").iterator(chunk_size=500)
        if poster in wanted
    }
