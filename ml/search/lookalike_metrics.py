"""Look-alike figures: how good everybody's neighbours are, beside neighbours drawn at random.

All figures but two are means over posters, so each poster keeps its own terms; intervals and paired
differences resample posters (for franchise recall: whole series) with all their terms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ml.evaluation.ranking import NOBODY
from ml.grouping import Kinship
from ml.stats import Figure, Floats, bootstrap, figure, ratio, weighted_means

SHARE_AT, NDCG_AT, FRANCHISE_AT = 5, 10, 5
DEPTH = 10

Indexes = npt.NDArray[np.int64]

_MEANS = (
    "share_at_5",
    "share_at_5_random",
    "share_at_5_lift",
    "ndcg_at_10",
    "ndcg_at_10_random",
    "never_recommended",
)
_FRANCHISE = ("franchise_recall_at_5", "franchise_recall_at_5_random")


@dataclass(frozen=True)
class Ground:
    """What the labels alone say about n posters, whoever looks for neighbours: the random levels.

    labels (n, genres) uint8. random_share (n,): the share of the posters allowed to each that have a genre in
    common with it. random_gain (n,): the mean Jaccard index of its genres with theirs. ideal (n,): the
    largest DCG@10 there is. mates (n,): how many posters of its own series are allowed. allowed (n,): how
    many posters are. NaN where nothing is allowed.
    """

    labels: npt.NDArray[np.uint8]
    series: Indexes
    random_share: Floats
    random_gain: Floats
    ideal: Floats
    mates: Indexes
    allowed: Indexes


@dataclass(frozen=True)
class Terms:
    """One contender's terms of every figure: columns (n, 7) of `_MEANS` and the worst hub, hits (n, 2) and
    asking (n,) of franchise recall, series (n,), and the row of the worst hub."""

    columns: Floats
    hits: Floats
    asking: Floats
    series: Indexes
    worst: int


def ground(labels: npt.NDArray[np.uint8], kin: Kinship) -> Ground:
    """Measure the random levels; exact, one row of n at a time.

    labels: (n, genres) of 0 and 1, each row with at least one 1.
    """
    sets, member = np.unique(labels, axis=0, return_inverse=True)
    member = member.reshape(len(labels))
    overlap = sets.astype(np.float64) @ sets.T
    sizes = sets.sum(axis=1, dtype=np.float64)
    jaccard = overlap / (sizes[:, None] + sizes[None, :] - overlap)
    count = len(labels)
    share, gain, ideal = (np.full(count, np.nan) for _ in range(3))
    mates, allowed = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    discounts = _discounts(NDCG_AT)
    for row in range(count):
        open_to = ~kin.barred(row)
        gains = jaccard[member[row]][member[open_to]]
        allowed[row] = len(gains)
        mates[row] = kin.mates(row).sum() if kin.series[row] >= 0 else 0
        if not len(gains):
            continue
        share[row], gain[row] = (gains > 0).mean(), gains.mean()
        best = min(NDCG_AT, len(gains))
        top = -np.sort(-np.partition(gains, len(gains) - best)[len(gains) - best :])
        ideal[row] = top @ discounts[:best]
    return Ground(labels, kin.series, share, gain, ideal, mates, allowed)


def terms(neighbours: Indexes, truth: Ground) -> Terms:
    """Each poster's terms, from everybody's ten nearest (n, 10), NOBODY where there are fewer.

    - share@5: of the five nearest, the share that have a genre in common with the poster.
    - nDCG@10: gain is the Jaccard index of the two genre sets, discount log2(1 + place), over the largest DCG
      that the allowed posters could give (Järvelin & Kekäläinen, "Cumulated gain-based evaluation of IR
      techniques", 2002). Undefined for a poster that shares a genre with none; such are left out of the mean.
    - franchise recall@5: asked of the posters of a series that has at least one more poster in the set,
      near-duplicates and the same movie not counted. A hit is at least one poster of the same series among
      the five nearest; the figure is hits over posters asked, so a large series counts by its size.
    - never recommended: the poster is in nobody's top ten.
    - worst hub: how many other posters have the most recommended one in their top ten. Its interval resamples
      those who recommend, and keeps the hub.
    """
    count = len(neighbours)
    present = neighbours != NOBODY
    labels = truth.labels.astype(np.float64)
    sizes = labels.sum(axis=1)
    gains = np.zeros((count, DEPTH))
    for place in range(DEPTH):
        theirs = neighbours[:, place]
        common = np.einsum("ij,ij->i", labels, labels[theirs])
        gains[:, place] = np.where(present[:, place], common / (sizes + sizes[theirs] - common), 0.0)
    share = ratio((gains[:, :SHARE_AT] > 0).sum(axis=1), present[:, :SHARE_AT].sum(axis=1))
    ideal = np.where(truth.ideal > 0, truth.ideal, np.nan)
    discounts = _discounts(NDCG_AT)
    reach = np.concatenate([[0.0], np.cumsum(discounts)])[np.minimum(truth.allowed, NDCG_AT)]
    appearances = np.bincount(neighbours[present], minlength=count)
    worst = int(appearances.argmax())
    columns = np.stack(
        [
            share,
            truth.random_share,
            share - truth.random_share,
            (gains @ discounts) / ideal,
            truth.random_gain * reach / ideal,
            (appearances == 0).astype(np.float64),
            (neighbours == worst).any(axis=1).astype(np.float64),
        ],
        axis=1,
    )
    asking = truth.mates > 0
    same = present & (truth.series[neighbours] == truth.series[:, None])
    hits = np.stack([same[:, :FRANCHISE_AT].any(axis=1), _chance_of_a_mate(truth)], axis=1).astype(np.float64)
    return Terms(columns, hits * asking[:, None], asking.astype(np.float64), truth.series, worst)


def lookalike_figures(
    of: Terms, bytes_per_poster: int, *, resamples: int = 1000, seed: int = 0
) -> dict[str, Figure]:
    """Every look-alike figure with its 95% interval, by name."""
    found = _with_intervals([of], resamples, seed)
    found["bytes_per_poster"] = figure(bytes_per_poster, bytes_per_poster, bytes_per_poster)
    return found


def lookalike_differences(
    of: Terms, other: Terms, bytes_apart: int, *, resamples: int = 1000, seed: int = 0
) -> dict[str, Figure]:
    """Paired differences (`of` minus `other`, on the same posters) of every figure, with intervals."""
    found = _with_intervals([of, other], resamples, seed)
    found["bytes_per_poster"] = figure(bytes_apart, bytes_apart, bytes_apart)
    return {name: row for name, row in found.items() if not name.endswith("_random")}


def counts(neighbours: Indexes, of: Terms, files: Sequence[str]) -> dict[str, object]:
    """What stands behind the figures: how many asked, how many series, and who the worst hub is."""
    asked = of.asking > 0
    return {
        "franchise_queries": int(asked.sum()),
        "franchise_series": len(np.unique(of.series[asked])),
        "never_recommended_posters": int(of.columns[:, _MEANS.index("never_recommended")].sum()),
        "worst_hub_file": files[of.worst],
        "without_neighbours": int((neighbours[:, 0] == NOBODY).sum()),
        "ndcg_undefined": int(np.isnan(of.columns[:, _MEANS.index("ndcg_at_10")]).sum()),
        "appearances_percentiles": _percentiles(neighbours),
    }


def _with_intervals(contenders: Sequence[Terms], resamples: int, seed: int) -> dict[str, Figure]:
    """Every figure, or the difference of every figure between two contenders."""

    def over_posters(weights: Floats) -> dict[str, Floats]:
        means = _difference([weighted_means(weights, each.columns) for each in contenders])
        means[:, -1] *= weights.shape[1]
        return dict(zip((*_MEANS, "worst_hub"), means.T, strict=True))

    by_series = [_by_series(each) for each in contenders]

    def over_series(weights: Floats) -> dict[str, Floats]:
        sums = [weights @ each for each in by_series]
        recall = _difference([ratio(each[:, :2], each[:, 2:]) for each in sums])
        return dict(zip(_FRANCHISE, recall.T, strict=True))

    again = {"resamples": resamples, "seed": seed}
    found = bootstrap(over_posters, len(contenders[0].columns), **again)
    if len(by_series[0]):
        return found | bootstrap(over_series, len(by_series[0]), **again)
    return found | {name: figure(np.nan, np.nan, np.nan) for name in _FRANCHISE}


def _difference(figures: Sequence[Floats]) -> Floats:
    return figures[0] if len(figures) == 1 else figures[0] - figures[1]


def _by_series(of: Terms) -> Floats:
    """Hits, random hits and posters asked, one row a series that is asked about: (series, 3)."""
    asked = np.flatnonzero(of.asking > 0)
    _, member = np.unique(of.series[asked], return_inverse=True)
    table = np.zeros((int(member.max()) + 1 if len(asked) else 0, 3))
    np.add.at(table, member, np.column_stack([of.hits[asked], of.asking[asked]]))
    return table


def _chance_of_a_mate(truth: Ground) -> Floats:
    """The chance that five posters drawn from those allowed hold at least one of the same series."""
    miss = np.ones(len(truth.mates))
    for drawn in range(FRANCHISE_AT):
        left = truth.allowed - drawn
        miss *= np.where(left > 0, np.maximum(left - truth.mates, 0) / np.maximum(left, 1), 1.0)
    return 1 - miss


def _percentiles(neighbours: Indexes) -> dict[str, float]:
    appearances = np.bincount(neighbours[neighbours != NOBODY], minlength=len(neighbours))
    wanted = (50, 90, 99, 99.9)
    found = np.percentile(appearances, wanted)
    return {f"{share:g}": float(value) for share, value in zip(wanted, found, strict=True)}


def _discounts(depth: int) -> Floats:
    return 1 / np.log2(np.arange(depth) + 2)
