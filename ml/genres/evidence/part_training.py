"""Fit the models of the single parts, and predict films out of fold with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.genres.errors import TrainingStopped
from ml.genres.evidence.text import Analysed, TextModel, analyse
from ml.genres.evidence.year import YearModel, hats
from ml.genres.logistic import Interrupted, fit_logistic, strengths
from ml.genres.logistic_training import out_of_fold

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.uint8]
Indexes = npt.NDArray[np.int64]

# n-grams of fewer films are left out: they are noise, or quote one film's text.
MIN_FILMS = 5
# Of ten thousands of coefficients; smaller gains change no figure and double the time.
LEAST_GAIN = 1e-6
YEAR_STRENGTHS = (3e-2, 1e-2, 3e-3, 1e-3, 3e-4)


@dataclass(frozen=True)
class FittedPart:
    """model: fitted on all rows. logits (n, g) float64: out of fold; NaN for films that were not measured or
    whose text cannot be read. strength: of the regularisation."""

    model: Any
    logits: Floats
    strength: float


def fit_text(
    part: str,
    texts: Sequence[str],
    labels: Labels,
    fold: Indexes,
    measured: Bools,
    candidates: Sequence[float],
    further: Sequence[str] = (),
    should_stop: Callable[[], bool] | None = None,
) -> FittedPart | None:
    """Fit a TextModel to n texts ("" if unknown).

    labels (n, g); fold (n,), from 0; measured (n,): which to predict out of fold. further: n texts about the
    same films (such as keywords) that serve as further examples and are never scored; none by default. The
    n-grams and their document frequencies are those of all texts: they know nothing of the genres.

    Returns None if no n-gram occurs in MIN_FILMS films. Raises TrainingStopped.
    """
    import scipy.sparse as sparse

    given = np.flatnonzero([bool(text.strip()) for text in texts])
    more = np.flatnonzero([bool(text.strip()) for text in further]) if further else given[:0]
    if not len(given):
        return None
    some = analyse(part, [texts[row] for row in given.tolist()] + [further[row] for row in more.tolist()])
    films = np.concatenate([given, more])
    distinct, column = np.unique(some.hashes, return_inverse=True)
    # An n-gram of a film's overview and of its keywords counts once.
    pairs = np.unique(films[some.text] * len(distinct) + column)
    frequency = np.bincount(pairs % len(distinct), minlength=len(distinct))
    kept = frequency >= MIN_FILMS
    if not kept.any():
        return None
    count = len(np.unique(films))
    idf = (np.log((1 + count) / (1 + frequency[kept])) + 1).astype(np.float16)
    empty = np.zeros((len(idf), labels.shape[1]), dtype=np.float16)
    start = TextModel(part, distinct[kept], idf, empty, empty[0].astype(np.float32), 0.0)
    place, known, values = start.values(some)
    start = replace(start, least_known=_least_known(start, some, known, len(given)))
    rows = sparse.csr_array(
        (values, (some.text[known], place[known])), shape=(some.texts, len(idf)), dtype=np.float32
    )
    readable = start.readable(some, known)
    tested = measured[films] & readable & (np.arange(len(films)) < len(given))
    coefficients, logits, strength = _fit(
        rows[readable],
        labels[films[readable]],
        fold[films[readable]],
        tested[readable],
        candidates,
        should_stop,
    )
    model = replace(
        start, kernel=coefficients[:-1].astype(np.float16), bias=coefficients[-1].astype(np.float32)
    )
    return FittedPart(model, _spread(logits, films[tested], len(texts)), strength)


def fit_year(
    years: Indexes,
    labels: Labels,
    fold: Indexes,
    measured: Bools,
    should_stop: Callable[[], bool] | None = None,
) -> FittedPart | None:
    """Fit a YearModel to n years, 0 if unknown; see `fit_text`."""
    given = np.flatnonzero(years > 0)
    if not measured[given].any():
        return None
    coefficients, logits, strength = _fit(
        hats(years[given]), labels[given], fold[given], measured[given], YEAR_STRENGTHS, should_stop
    )
    model = YearModel(coefficients[:-1].astype(np.float32), coefficients[-1].astype(np.float32))
    return FittedPart(model, _spread(logits, given[measured[given]], len(years)), strength)


def _fit(
    rows: Any,
    labels: Labels,
    fold: Indexes,
    measured: Bools,
    candidates: Sequence[float],
    should_stop: Callable[[], bool] | None,
) -> tuple[Floats, Floats, float]:
    """Coefficients of all rows, logits of the measured ones out of fold, and the strength."""
    variances = np.asarray((rows * rows).mean(axis=0), dtype=np.float64).ravel()
    try:
        found = out_of_fold(
            rows, labels, fold, variances, candidates, should_stop, measured=measured, least_gain=LEAST_GAIN
        )
        coefficients = fit_logistic(
            rows,
            labels,
            strengths(labels, found.strength),
            variances,
            start=found.coefficients,
            should_stop=should_stop,
            least_gain=LEAST_GAIN,
        )
    except Interrupted:
        raise TrainingStopped({}) from None
    return coefficients, np.asarray(found.logits, dtype=np.float64), found.strength


def _least_known(model: TextModel, some: Analysed, known: Bools, texts: int) -> float:
    """Half the share of their words that the model knows of the first `texts` texts, in the median."""
    words, of_them = model.known_words(some, known)
    given = words[:texts] > 0
    return float(np.median(of_them[:texts][given] / words[:texts][given]) / 2) if given.any() else 0.0


def _spread(logits: Floats, films: Indexes, count: int) -> Floats:
    result = np.full((count, logits.shape[1]), np.nan)
    result[films] = logits
    return result
