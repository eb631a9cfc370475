"""One L2-regularised logistic regression a genre, all genres at once: projection, fit, logits.

The problems of the genres share their features and nothing else, so one L-BFGS over the table of all
coefficients solves them together, with two matrix products an evaluation. In principal components the Hessian
is nearly diagonal; divided by that diagonal, some ten evaluations suffice where the plain problem takes a
hundred.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from ml.genres.head_weights import LinearWeights

Float32 = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.uint8]

# Power iterations of the randomised PCA; the spectra of features fall slowly enough to want them.
POWER_ITERATIONS = 3
OVERSAMPLING = 16
# An evaluation stops mattering once no coefficient's gradient, in preconditioned units, is above this.
TOLERANCE = 1e-4
MAX_ITERATIONS = 200
# The share of a genre is kept away from 0 and 1, where its logit is infinite.
RAREST = 1e-4


class Interrupted(Exception):
    """The caller asked to stop in the middle of a fit."""


@dataclass(frozen=True)
class Projection:
    """Standardised features, turned into their k first principal components.

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
        """Coefficients (k + 1, genres) over the components as weights over the features themselves."""
        return LinearWeights(
            (self.components @ coefficients[:-1]).astype(np.float32),
            coefficients[-1].astype(np.float32),
            self.mean,
            self.scale,
        )

    def coefficients(self, weights: LinearWeights) -> Floats:
        """`weights` as (k + 1, genres) coefficients over the components: the nearest they can express."""
        kernel = weights.kernel / weights.scale[:, None]
        bias = weights.bias + (self.mean - weights.mean).astype(np.float64) @ kernel
        return np.vstack([self.components.T @ (kernel * self.scale[:, None]), bias]).astype(np.float64)


def project(features: Float32, components: int, seed: int = 0) -> Projection:
    """Standardise (n, d) features and find their first principal components, at most `components`.

    A randomised range finder (Halko, Martinsson & Tropp, "Finding structure with randomness", 2011), so that
    neither a (d, d) nor an (n, n) table is ever made; where hardly more numbers than components are given
    there is nothing to find, and the components are exact. A number that never varies is left at zero.
    """
    mean = features.mean(axis=0, dtype=np.float64)
    scale = features.std(axis=0, dtype=np.float64)
    scale[scale < 1e-6] = 1.0
    low, high = mean.astype(np.float32), scale.astype(np.float32)
    standard = (features - low) / high
    rows, width = standard.shape
    wanted = min(components, rows, width)
    basis = None if width <= wanted + OVERSAMPLING else _range(standard, wanted + OVERSAMPLING, seed)
    seen = standard if basis is None else standard @ basis
    variances, turn = np.linalg.eigh((seen.T @ seen).astype(np.float64) / rows)
    order = np.argsort(-variances)[:wanted]
    chosen = turn[:, order].astype(np.float32)
    found = np.ascontiguousarray(chosen if basis is None else basis @ chosen)
    return Projection(low, high, found, variances[order].clip(0))


def _range(standard: Float32, width: int, seed: int) -> Float32:
    random = np.random.default_rng(seed)
    basis = random.normal(size=(standard.shape[1], min(width, *standard.shape))).astype(np.float32)
    for _ in range(POWER_ITERATIONS):
        basis = np.linalg.qr(standard.T @ (standard @ basis))[0]
    return basis


def strengths(labels: Labels, common: float) -> Floats:
    """The regularisation of each genre of labels (n, genres), (genres,), from a common one for all.

    It falls with a genre's standard deviation sqrt(p(1 - p)), in units of that of an even genre. The log-loss
    of a rare genre curves by p(1 - p) only: under one strength for all it would learn next to nothing, and
    under strengths in proportion to p(1 - p) as much as the frequent ones, from far fewer posters. The root
    between the two is measured in docs/measurements.md.
    """
    share = labels.mean(axis=0, dtype=np.float64).clip(RAREST, 1 - RAREST)
    return np.asarray(common * 2 * np.sqrt(share * (1 - share)), dtype=np.float64)


def fit_logistic(
    rows: Float32,
    labels: Labels,
    strength: float | Floats,
    variances: Floats,
    *,
    start: Floats | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Floats:
    """Minimise the mean log-loss of each genre plus strength / 2 times its squared coefficients.

    rows: (n, k) components. labels: (n, genres) of 0 and 1. strength: one for all genres, or (genres,).
    variances: (k,), those of the components, for the preconditioner. start: (k + 1, genres) coefficients to
    begin with; the problem is convex, so they change the time and not the result. Returns (k + 1, genres)
    float64, the intercepts (not regularised) last.

    Raises Interrupted if should_stop, asked at every evaluation, says so.
    """
    count, width = rows.shape
    truth = labels.astype(np.float32)
    share = truth.mean(axis=0, dtype=np.float64).clip(RAREST, 1 - RAREST)
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
        options={"maxiter": MAX_ITERATIONS, "gtol": TOLERANCE, "ftol": 1e-9},
    )
    return np.asarray(found.x.reshape(unit.shape) * unit, dtype=np.float64)


def logits_of(rows: Float32, coefficients: Floats) -> Float32:
    """(n, genres) float32 for (n, k) components."""
    return np.asarray(
        rows @ coefficients[:-1].astype(np.float32) + coefficients[-1].astype(np.float32), dtype=np.float32
    )


def log_loss(truth: npt.NDArray[np.number[Any]], logits: npt.NDArray[np.floating]) -> Floats:
    """Mean log-loss of each genre in nats, (genres,) float64; labels and logits are (n, genres)."""
    sizes = np.maximum(logits, 0) + np.log1p(np.exp(-np.abs(logits))) - truth * logits
    return np.asarray(sizes.mean(axis=0, dtype=np.float64))
