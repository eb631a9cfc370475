"""Fit the fusions: one regularised multi-output logistic regression per combination of parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from ml.genres.errors import TrainingStopped
from ml.genres.evidence.fusion import Balance, Fusion, balance_inputs, combinations_of
from ml.genres.logistic import MIN_FREQUENCY, Interrupted, log_loss

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.uint8]
Indexes = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Logits = Mapping[str, Floats]
Combined = tuple[str, ...]

# Strength of the pulls, in films: with about as many, data and pull weigh the same.
OWN_FILMS, OTHER_FILMS, BALANCE_FILMS = 150.0, 1000.0, 100.0
NEWTON_STEPS, TOLERANCE = 30, 1e-4


def fit_fusions(
    logits: Logits,
    labels: Labels,
    rows_of: Callable[[tuple[str, ...]], Indexes],
    start: Mapping[tuple[str, ...], Fusion] | None = None,
    should_stop: Callable[[], bool] | None = None,
    *,
    reference: npt.NDArray[np.bool_] | None = None,
) -> dict[tuple[str, ...], Fusion]:
    """Fit the fusion of every combination of the parts in `logits`.

    logits: (n, g) by part, out of fold. labels (n, g). rows_of: the films to fit a combination to; all its
    parts must be known of them. start: earlier fusions to start from; they change only the time. The poster
    alone is left as it is, so that poster-only scores are those of the poster's model. reference (n,): films
    with the genre frequencies to fit for. Combinations without the poster are fitted to them alone, those
    with the poster to all films, after which their offsets are corrected for the difference in frequencies
    (Saerens, Latinne & Decaestecker, "Adjusting the outputs of a classifier to new a priori probabilities",
    2002).

    A genre's weights are drawn towards common ones: first one weight per part is fitted to all genres
    together. For a combination with the poster, the other parts enter this fit as their own fusion: few
    posters may be unknown to the extractor, while the other parts can be fused on all films. The weights of
    other genres' logits are drawn towards those of that fit, too, and more strongly.

    Raises TrainingStopped.
    """
    fusions: dict[tuple[str, ...], Fusion] = {}
    genres = labels.shape[1]
    for parts in combinations_of(tuple(logits)):
        if parts == ("poster",):
            fusions[parts] = Fusion.identity(genres)
            continue
        rows = rows_of(parts)
        if reference is not None and "poster" not in parts:
            rows = rows[reference[rows]]
        groups: list[tuple[tuple[str, ...], Fusion]] = []
        others = tuple(part for part in parts if part != "poster")
        if len(others) < len(parts):
            groups = [(("poster",), fusions[("poster",)]), (others, fusions[others])]
        else:
            groups = [((part,), Fusion.identity(genres)) for part in parts]
        inputs = np.concatenate([logits[part][rows] for part in parts], axis=1)
        if not len(rows):
            fusions[parts] = Fusion(
                np.concatenate([each.kernel for _, each in groups]),
                np.mean([e.bias for _, e in groups], axis=0),
            )
            continue
        prior = _common(groups, logits, rows, labels[rows], should_stop)
        earlier = None if start is None else start.get(parts)
        fusions[parts] = _fit(inputs, labels[rows], prior, earlier, should_stop)
        if reference is not None and not reference[rows].all():
            alike = rows_of(others)
            wanted = _log_odds(labels[alike[reference[alike]]])
            shifted = fusions[parts].bias + wanted - _log_odds(labels[rows])
            fusions[parts] = replace(fusions[parts], bias=shifted.astype(np.float32))
    return fusions


def _log_odds(labels: Labels) -> Floats:
    share = labels.mean(axis=0, dtype=np.float64).clip(MIN_FREQUENCY, 1 - MIN_FREQUENCY)
    return np.asarray(np.log(share / (1 - share)), dtype=np.float64)


def fit_balance(fused: Floats, labels: Labels, should_stop: Callable[[], bool] | None = None) -> Balance:
    """Fit a Balance to out-of-fold fused logits and labels (n, g).

    Its weights are drawn towards changing nothing, as if BALANCE_FILMS films spoke for that. Raises
    TrainingStopped.
    """
    stop = should_stop or (lambda: False)
    inputs = balance_inputs(fused.astype(np.float32)).astype(np.float64)
    count, genres = labels.shape
    mean, scale = inputs.mean(axis=0), np.maximum(inputs.std(axis=0), 1e-3)
    rows = ((inputs - mean) / scale).astype(np.float32)
    values, truth = fused.astype(np.float32), labels.astype(np.float32)
    share = truth.mean(axis=0, dtype=np.float64).clip(MIN_FREQUENCY, 1 - MIN_FREQUENCY)
    pull = 2 * np.sqrt(share * (1 - share)) / count
    own, other = OWN_FILMS * pull * values.var(axis=0), BALANCE_FILMS * pull

    def loss(flat: Floats) -> tuple[float, Floats]:
        if stop():
            raise TrainingStopped({})
        slope, offset, kernel = np.split(flat, [genres, 2 * genres])
        kernel = kernel.reshape(-1, genres)
        total = (
            values * slope.astype(np.float32) + rows @ kernel.astype(np.float32) + offset.astype(np.float32)
        )
        value = log_loss(truth, total).sum()
        value += float((own / 2 * (slope - 1) ** 2).sum() + (other / 2 * kernel**2).sum())
        residual = (np.float32(0.5) * (np.tanh(np.float32(0.5) * total) + np.float32(1)) - truth) / count
        gradient = [
            (residual * values).sum(axis=0) + own * (slope - 1),
            residual.sum(axis=0),
            (rows.T @ residual + other * kernel).ravel(),
        ]
        return value, np.concatenate(gradient).astype(np.float64)

    begin = np.concatenate([np.ones(genres), np.zeros(genres + rows.shape[1] * genres)])
    options = {"maxiter": 200, "gtol": 1e-5, "ftol": 1e-7}
    flat = minimize(loss, begin, jac=True, method="L-BFGS-B", options=options).x
    slope, offset, kernel = np.split(flat, [genres, 2 * genres])
    kernel = kernel.reshape(-1, genres) / scale[:, None]
    arrays = (slope, offset - mean @ kernel, kernel)
    return Balance(*(array.astype(np.float32) for array in arrays))


def films_with(parts: Combined, known: Mapping[str, Bools]) -> Indexes:
    """The films of which all these parts are known."""
    return np.flatnonzero(np.all([known[part] for part in parts], axis=0))


@dataclass(frozen=True)
class Fused:
    """Fusions and balance fitted to all films, and balanced logits (n, g) out of fold by combination; NaN for
    films that lack a part."""

    fusions: dict[Combined, Fusion]
    balance: Balance
    logits: dict[Combined, Floats]


def fuse(
    logits: Mapping[str, Floats],
    known: Mapping[str, Bools],
    labels: Labels,
    fold: Indexes,
    reference: Bools,
    should_stop: Callable[[], bool] | None,
) -> Fused:
    """Fit fusions and balance, and fuse the films of each fold (n,) by those fitted to the other folds.

    logits: (n, g) by part, out of fold; known: the films that have the part, (n,); see `fit_fusions`. There
    is no balance unless it lowers the log-loss out of fold. Raises TrainingStopped.
    """

    def everything(parts: Combined) -> Indexes:
        return films_with(parts, known)

    fusions = fit_fusions(logits, labels, everything, should_stop=should_stop, reference=reference)
    fused = {parts: np.full(labels.shape, np.nan) for parts in fusions}
    held = [fold == number for number in np.unique(fold).tolist()]
    for mine in held:

        def others(parts: Combined, mine: Bools = mine) -> Indexes:
            rows = films_with(parts, known)
            return rows[~mine[rows]]

        for parts, fusion in fit_fusions(
            logits, labels, others, fusions, should_stop, reference=reference
        ).items():
            rows = films_with(parts, known)
            rows = rows[mine[rows]]
            stacked = np.stack([logits[part][rows] for part in parts]).astype(np.float32)
            fused[parts][rows] = fusion.logits(stacked)
    balanced = {parts: values.copy() for parts, values in fused.items()}
    for mine in held:
        balance = _balance_of(fused, labels, reference & ~mine, should_stop)
        for parts in set(fused) - {("poster",)}:
            rows = np.flatnonzero(mine & ~np.isnan(fused[parts][:, 0]))
            balanced[parts][rows] = balance.logits(fused[parts][rows].astype(np.float32))
    if not _helps(balanced, fused, labels, reference):
        return Fused(fusions, Balance.none(labels.shape[1]), fused)
    return Fused(fusions, _balance_of(fused, labels, reference, should_stop), balanced)


def _helps(
    balanced: Mapping[Combined, Floats], fused: Mapping[Combined, Floats], labels: Labels, rows: Bools
) -> bool:
    """Whether balanced logits have a lower log-loss than fused ones, in the mean over films."""
    gains, count = np.zeros(len(labels)), np.zeros(len(labels))
    for parts in _balanced_on(fused):
        known = np.flatnonzero(rows & ~np.isnan(fused[parts][:, 0]))
        truth = labels[known]
        gains[known] += film_losses(truth, fused[parts][known]) - film_losses(truth, balanced[parts][known])
        count[known] += 1
    return is_above_noise(gains[count > 0] / count[count > 0])


def film_losses(labels: Labels, logits: npt.NDArray[np.floating]) -> Floats:
    """The mean log-loss (n,) of each film over its genres, from labels and logits (n, g)."""
    return np.asarray(np.logaddexp(0, np.where(labels, -logits, logits)).mean(axis=1), dtype=np.float64)


def is_above_noise(gains: Floats) -> bool:
    """Whether the mean gain of n films is more than its standard error."""
    return len(gains) > 1 and bool(gains.mean() > gains.std(ddof=1) / np.sqrt(len(gains)))


def _balance_of(
    fused: Mapping[Combined, Floats], labels: Labels, rows: Bools, should_stop: Callable[[], bool] | None
) -> Balance:
    """Fit the balance to the fused logits of the `rows` (n,), of several combinations together: it is about
    genres, not about parts, and this way posters that the extractor learned from do not matter."""
    chosen = _balanced_on(fused)
    known = [rows & ~np.isnan(fused[one][:, 0]) for one in chosen]
    if not sum(int(one.sum()) for one in known):
        return Balance.none(labels.shape[1])
    return fit_balance(
        np.concatenate([fused[one][has] for one, has in zip(chosen, known, strict=True)]),
        np.concatenate([labels[has] for has in known]),
        should_stop,
    )


def _balanced_on(combined: Iterable[Combined]) -> list[Combined]:
    """The combinations to fit the balance to: those that lack at most the poster, the overview or both, but
    not the poster alone, which has none."""
    every = {part for parts in combined for part in parts}
    return [
        parts for parts in combined if every - set(parts) <= {"poster", "overview"} and parts != ("poster",)
    ]


def _common(
    groups: Sequence[tuple[tuple[str, ...], Fusion]],
    logits: Logits,
    rows: Indexes,
    labels: Labels,
    should_stop: Callable[[], bool] | None,
) -> Fusion:
    """One weight per group of parts for all genres, and an offset per genre, as a fusion."""
    stop = should_stop or (lambda: False)
    tables = np.stack(
        [
            each.logits(np.stack([logits[part][rows] for part in parts]).astype(np.float32))
            for parts, each in groups
        ]
    ).astype(np.float64)
    truth = labels.astype(np.float64)
    share = truth.mean(axis=0).clip(MIN_FREQUENCY, 1 - MIN_FREQUENCY)
    size = len(tables)

    # Newton's method. A weak pull towards one and towards the frequencies keeps genres finite that all films
    # have, or none.
    weights, offsets = np.full(size, 0.7), np.log(share / (1 - share)) * 0.5
    centre = np.concatenate([np.ones(size), np.log(share / (1 - share))])
    for _ in range(NEWTON_STEPS):
        if stop():
            raise TrainingStopped({})
        total = np.tensordot(weights, tables, axes=1) + offsets
        score = 0.5 * (np.tanh(0.5 * total) + 1)
        residual, spread = score - truth, score * (1 - score)
        spread_tables = tables * spread
        gradient = np.concatenate([np.tensordot(tables, residual, axes=2), residual.sum(axis=0)])
        gradient += np.concatenate([weights, offsets]) - centre
        hessian = np.diag(np.concatenate([np.zeros(size), spread.sum(axis=0)]) + 1)
        hessian[:size, :size] += np.tensordot(spread_tables, tables, axes=([1, 2], [1, 2]))
        hessian[:size, size:] = spread_tables.sum(axis=1)
        hessian[size:, :size] = hessian[:size, size:].T
        step = np.linalg.solve(hessian, gradient).clip(-1, 1)
        weights, offsets = weights - step[:size], offsets - step[size:]
        if np.abs(step).max() < TOLERANCE:
            break
    kernel = np.concatenate([weight * each.kernel for weight, (_, each) in zip(weights, groups, strict=True)])
    bias = offsets + sum(weight * each.bias for weight, (_, each) in zip(weights, groups, strict=True))
    return Fusion(kernel.astype(np.float32), np.asarray(bias, dtype=np.float32))


def _fit(
    inputs: Floats,
    labels: Labels,
    prior: Fusion,
    start: Fusion | None,
    should_stop: Callable[[], bool] | None,
) -> Fusion:
    """Minimise the mean log-loss plus the pull towards `prior`; inputs (n, k * g), labels (n, g)."""
    stop = should_stop or (lambda: False)
    count, genres = labels.shape
    mean, scale = inputs.mean(axis=0), np.maximum(inputs.std(axis=0), 1e-3)
    rows = ((inputs - mean) / scale).astype(np.float32)
    truth = labels.astype(np.float32)
    share = truth.mean(axis=0, dtype=np.float64).clip(MIN_FREQUENCY, 1 - MIN_FREQUENCY)
    own = np.tile(np.eye(genres, dtype=bool), (len(prior.kernel), 1))
    pull = np.where(own, OWN_FILMS, OTHER_FILMS) / count * 2 * np.sqrt(share * (1 - share))

    def standard(fusion: Fusion) -> Floats:
        kernel = fusion.kernel.reshape(-1, genres).astype(np.float64)
        return np.vstack([kernel * scale[:, None], fusion.bias + mean @ kernel])

    centre = standard(prior)
    unit = np.vstack([1 / np.sqrt(share * (1 - share) + pull), 1 / np.sqrt(share * (1 - share))[None]])

    def loss(flat: Floats) -> tuple[float, Floats]:
        if stop():
            raise Interrupted
        table = flat.reshape(unit.shape) * unit
        total = rows @ table[:-1].astype(np.float32) + table[-1].astype(np.float32)
        away = table[:-1] - centre[:-1]
        value = log_loss(truth, total).sum() + float((pull / 2 * away**2).sum())
        residual = np.float32(0.5) * (np.tanh(np.float32(0.5) * total) + np.float32(1)) - truth
        gradient = np.vstack([rows.T @ residual / count + pull * away, residual.mean(axis=0)[None]])
        return value, (gradient * unit).ravel()

    begin = centre if start is None else standard(start)
    try:
        flat = minimize(
            loss,
            (begin / unit).ravel(),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": 200, "gtol": 1e-4, "ftol": 1e-8},
        ).x
    except Interrupted:
        raise TrainingStopped({}) from None
    table = flat.reshape(unit.shape) * unit
    kernel = table[:-1] / scale[:, None]
    bias = table[-1] - mean @ kernel
    return Fusion(kernel.reshape(prior.kernel.shape).astype(np.float32), np.asarray(bias, dtype=np.float32))
