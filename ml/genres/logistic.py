"""L2-regularised logistic regression of all genres at once, on principal components.

The genres share only their features, so one L-BFGS over the coefficients of all genres solves all problems,
with two matrix products per evaluation. In principal components the Hessian is nearly diagonal:
preconditioned by the diagonal, about ten evaluations suffice instead of a hundred.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from ml.genres.head import LinearWeights

Float32 = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.uint8]

# Power iterations of the randomised PCA; needed because the spectra of features fall slowly.
POWER_ITERATIONS = 3
OVERSAMPLING = 16
# Largest gradient of a coefficient, in preconditioned units, at which the fit ends.
TOLERANCE = 1e-4
MAX_ITERATIONS = 200
# Relative gain of an iteration at which the fit ends.
LEAST_GAIN = 1e-9
# Earlier steps that L-BFGS remembers. With many coefficients it spends most of the time on them.
USUAL_VECTORS, FEW_VECTORS, MANY_COEFFICIENTS = 10, 5, 100_000
# The frequency of a genre is limited to this distance from 0 and 1, where its logit is infinite.
MIN_FREQUENCY = 1e-4


class Interrupted(Exception):
    """A fit stopped on request."""


@dataclass(frozen=True)
class Projection:
    """Standardisation and projection to the first k principal components.

    mean, scale (d,) float32; components (d, k) float32, orthonormal columns; variances (k,) float64, falling.
    """

    mean: Float32
    scale: Float32
    components: Float32
    variances: Floats

    def apply(self, features: Float32) -> Float32:
        """(n, d) features as (n, k) float32."""
        return np.asarray(((features - self.mean) / self.scale) @ self.components, dtype=np.float32)

    def head(self, coefficients: Floats) -> LinearWeights:
        """Turn coefficients (k + 1, genres) of the components into weights of the features."""
        return LinearWeights(
            (self.components @ coefficients[:-1]).astype(np.float32),
            coefficients[-1].astype(np.float32),
            self.mean,
            self.scale,
        )

    def coefficients(self, weights: LinearWeights) -> Floats:
        """The coefficients (k + 1, genres) of the components that are nearest to `weights`."""
        kernel = weights.kernel / weights.scale[:, None]
        bias = weights.bias + (self.mean - weights.mean).astype(np.float64) @ kernel
        return np.vstack([self.components.T @ (kernel * self.scale[:, None]), bias]).astype(np.float64)


def project(features: Float32, components: int, seed: int = 0) -> Projection:
    """Standardise (n, d) features and find their first principal components, at most `components`.

    A randomised range finder avoids (d, d) and (n, n) arrays (Halko, Martinsson & Tropp, "Finding structure
    with randomness", 2011); if d is hardly larger than `components`, the components are exact. Constant
    features become 0.
    """
    mean = features.mean(axis=0, dtype=np.float64)
    scale = features.std(axis=0, dtype=np.float64)
    scale[scale < 1e-6] = 1.0
    low, high = mean.astype(np.float32), scale.astype(np.float32)
    standard = (features - low) / high
    rows, width = standard.shape
    wanted = min(components, rows, width)
    basis = None if width <= wanted + OVERSAMPLING else _range(standard, wanted + OVERSAMPLING, seed)
    reduced = standard if basis is None else standard @ basis
    variances, directions = np.linalg.eigh((reduced.T @ reduced).astype(np.float64) / rows)
    order = np.argsort(-variances)[:wanted]
    chosen = directions[:, order].astype(np.float32)
    found = np.ascontiguousarray(chosen if basis is None else basis @ chosen)
    return Projection(low, high, found, variances[order].clip(0))


def _range(standard: Float32, width: int, seed: int) -> Float32:
    random = np.random.default_rng(seed)
    basis = random.normal(size=(standard.shape[1], min(width, *standard.shape))).astype(np.float32)
    for _ in range(POWER_ITERATIONS):
        basis = np.linalg.qr(standard.T @ (standard @ basis))[0]
    return basis


def strengths(labels: Labels, common: float) -> Floats:
    """The regularisation strength of each genre of labels (n, genres), (genres,), from a common one.

    It is proportional to a genre's standard deviation sqrt(p(1 - p)), relative to that of a frequency of one
    half. The curvature of a rare genre's log-loss is p(1 - p): one strength for all would hardly let it
    learn; strengths proportional to p(1 - p) would let it learn as much as a frequent genre from far fewer
    posters. docs/measurements.md compares them.
    """
    share = labels.mean(axis=0, dtype=np.float64).clip(MIN_FREQUENCY, 1 - MIN_FREQUENCY)
    return np.asarray(common * 2 * np.sqrt(share * (1 - share)), dtype=np.float64)


def fit_logistic(
    rows: Float32 | Any,
    labels: Labels,
    strength: float | Floats,
    variances: Floats,
    *,
    start: Floats | None = None,
    should_stop: Callable[[], bool] | None = None,
    least_gain: float = LEAST_GAIN,
) -> Floats:
    """Minimise the mean log-loss of each genre plus strength / 2 times the sum of its squared coefficients.

    rows: (n, k) components, or a SciPy sparse array. labels: (n, genres) of 0 and 1. strength: one for all
    genres, or (genres,). variances: (k,) of the components, for the preconditioner. start: (k + 1, genres)
    coefficients to start from; the problem is convex, so they change only the time. should_stop: called at
    every evaluation. least_gain: relative gain of an iteration at which the fit ends.
    Returns (k + 1, genres) float64, the intercepts (not regularised) last.

    Raises Interrupted when asked to stop.
    """
    count, width = rows.shape
    truth = labels.astype(np.float32)
    share = truth.mean(axis=0, dtype=np.float64).clip(MIN_FREQUENCY, 1 - MIN_FREQUENCY)
    spread = share * (1 - share)
    unit = np.vstack([1 / np.sqrt(spread * variances[:, None] + strength), 1 / np.sqrt(spread)])
    if start is None:
        start = np.zeros((width + 1, truth.shape[1]))
        start[-1] = np.log(share / (1 - share))
    stop = should_stop or (lambda: False)

    def loss(flat: Floats) -> tuple[float, Floats]:
        if stop():
            raise Interrupted
        table = flat.reshape(unit.shape) * unit
        logits = rows @ table[:-1].astype(np.float32) + table[-1].astype(np.float32)
        value = log_loss(truth, logits).sum() + float((strength / 2 * table[:-1] ** 2).sum())
        residual = np.float32(0.5) * (np.tanh(np.float32(0.5) * logits) + np.float32(1)) - truth
        gradient = np.vstack(
            [rows.T @ residual / count + strength * table[:-1], residual.mean(axis=0, dtype=np.float64)]
        )
        return value, (gradient * unit).ravel()

    found = minimize(
        loss,
        (start / unit).ravel(),
        jac=True,
        method="L-BFGS-B",
        options={
            "maxiter": MAX_ITERATIONS,
            "gtol": TOLERANCE,
            "ftol": least_gain,
            "maxcor": FEW_VECTORS if unit.size > MANY_COEFFICIENTS else USUAL_VECTORS,
        },
    )
    return np.asarray(found.x.reshape(unit.shape) * unit, dtype=np.float64)


def logits_of(rows: Float32 | Any, coefficients: Floats) -> Float32:
    """Logits (n, genres) float32 of components (n, k)."""
    return np.asarray(
        rows @ coefficients[:-1].astype(np.float32) + coefficients[-1].astype(np.float32), dtype=np.float32
    )


def log_loss(truth: npt.NDArray[np.number[Any]], logits: npt.NDArray[np.floating]) -> Floats:
    """Mean log-loss of each genre in nats, (genres,) float64; labels and logits are (n, genres)."""
    sizes = np.maximum(logits, 0) + np.log1p(np.exp(-np.abs(logits))) - truth * logits
    return np.asarray(sizes.mean(axis=0, dtype=np.float64))
