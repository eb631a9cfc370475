"""Look-alikes of every poster in a set, and how good they are beside neighbours drawn at random.

Most metrics are means over posters. So each poster keeps its own values, and intervals and paired differences
resample posters with all their values. Franchise recall resamples whole series.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from ml.grouping import PosterRelations
from ml.search.hubness import hub_correction
from ml.search.neighbours import BallTreeIndex, ExactIndex, Metric, NeighbourIndex
from ml.stats import Figure, Floats, bootstrap, figure, ratio, weighted_means

SHARE_AT, NDCG_AT, FRANCHISE_AT = 5, 10, 5
DEPTH = 10
NO_NEIGHBOUR = -1
_QUERIES_AT_ONCE = 256

Indexes = npt.NDArray[np.int64]
Labels = npt.NDArray[np.uint8]

SHARE_COLUMNS = ("share_at_5", "share_at_5_random", "share_at_5_lift", "ndcg_at_10")
_MEANS = (*SHARE_COLUMNS, "ndcg_at_10_random", "never_recommended")
_FRANCHISE = ("franchise_recall_at_5", "franchise_recall_at_5_random")
_SERIES = ("series_recall_at_5", "series_recall_at_5_random")
RATIOS = (_FRANCHISE[0], _SERIES[0])
"""Metrics over series, whose ratio between two extractors is reported beside their difference."""


@dataclass(frozen=True)
class Search:
    """How neighbours are searched: exactly by a metric, or by the published recipe's ball tree (Euclidean).

    corrected: with the hub correction that a site uses, made from the posters of the set; cosine only.
    """

    method: Literal["exact", "ball_tree"] = "exact"
    metric: Metric = "cosine"
    corrected: bool = False

    def index(self, vectors: npt.NDArray[np.float32]) -> NeighbourIndex:
        if self.method == "ball_tree":
            return BallTreeIndex(vectors)
        return ExactIndex(vectors, self.metric, hub_correction(vectors) if self.corrected else None)

    def __str__(self) -> str:
        name = f"{self.metric}, {'ball tree' if self.method == 'ball_tree' else 'exact'}"
        return f"{name}, hubs corrected" if self.corrected else name


def lookalikes(
    vectors: npt.NDArray[np.float32],
    search: Search,
    relations: PosterRelations,
    k: int = DEPTH,
    progress: Callable[[int], object] = lambda done: None,
) -> Indexes:
    """The k nearest posters to each poster, without those its relations exclude: (n, k) int64, nearest first.

    vectors: (n, dims) float32. Where fewer than k are allowed the row ends with NO_NEIGHBOUR. Posters at the
    same distance are in the order of their rows. progress receives the number of posters done.
    """
    found = np.full((len(vectors), k), NO_NEIGHBOUR, dtype=np.int64)
    excluded = [np.flatnonzero(relations.excluded(row)) for row in range(len(vectors))]
    # Excluded posters may take the first places, so as many more are needed. Similar numbers go together.
    wanted = np.array([_rounded_up(k + len(rows)) for rows in excluded])
    index, done = search.index(vectors), 0
    for count in np.unique(wanted):
        rows = np.flatnonzero(wanted == count)
        for start in range(0, len(rows), _QUERIES_AT_ONCE):
            chunk = rows[start : start + _QUERIES_AT_ONCE]
            _, near = index.query(vectors[chunk], int(count))
            for row, candidates in zip(chunk, near, strict=True):
                allowed = candidates[~np.isin(candidates, excluded[row])][:k]
                found[row, : len(allowed)] = allowed
            done += len(chunk)
            progress(done)
    return found


@dataclass(frozen=True)
class ChanceLevel:
    """What random neighbours would give n posters, given their labels; NaN where none is allowed.

    Args:
        labels: (n, genres).
        series: (n,) group numbers.
        share: (n,) the share of the allowed posters that have a genre in common with each poster.
        gain: (n,) the mean Jaccard index of its genres with theirs.
        ideal: (n,) the largest possible DCG@10.
        in_series: (n,) how many posters of its own series are allowed.
        allowed: (n,) how many posters are allowed.
    """

    labels: Labels
    series: Indexes
    share: Floats
    gain: Floats
    ideal: Floats
    in_series: Indexes
    allowed: Indexes


@dataclass(frozen=True)
class PosterScores:
    """What each of n posters contributes to the metrics of one extractor.

    Args:
        columns: (n, 7), those of `_MEANS` and whether the worst hub is among the poster's neighbours.
        hits: (n, 4), franchise hit and the chance of one; the share of the other posters of the series that
            were found, and the same for random neighbours. 0 for a poster that is no query.
        queries: (n,), 1 for a poster that counts for franchise recall.
        series: (n,) group numbers.
        worst_hub: row of the poster that most others recommend.
    """

    columns: Floats
    hits: Floats
    queries: Floats
    series: Indexes
    worst_hub: int


def chance_level(labels: Labels, relations: PosterRelations) -> ChanceLevel:
    """Compute the chance level exactly. labels: (n, genres) of 0 and 1, each row with at least one 1."""
    sets, member = np.unique(labels, axis=0, return_inverse=True)
    member = member.reshape(len(labels))
    overlap = sets.astype(np.float64) @ sets.T
    sizes = sets.sum(axis=1, dtype=np.float64)
    jaccard = overlap / (sizes[:, None] + sizes[None, :] - overlap)
    count = len(labels)
    share, gain, ideal = (np.full(count, np.nan) for _ in range(3))
    in_series, allowed = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    discounts = _discounts(NDCG_AT)
    for row in range(count):
        gains = jaccard[member[row]][member[~relations.excluded(row)]]
        allowed[row], in_series[row] = len(gains), relations.same_series(row).sum()
        if len(gains):
            share[row], gain[row] = (gains > 0).mean(), gains.mean()
            best = -np.sort(-gains)[:NDCG_AT]
            ideal[row] = best @ discounts[: len(best)]
    return ChanceLevel(labels, relations.series, share, gain, ideal, in_series, allowed)


def poster_scores(neighbours: Indexes, chance: ChanceLevel) -> PosterScores:
    """Score every poster's ten nearest, (n, 10), NO_NEIGHBOUR where there are fewer.

    - share@5: of the five nearest, the share that have a genre in common with the poster.
    - nDCG@10: gain is the Jaccard index of the two genre sets, discount log2(1 + place), over the largest DCG
      that the allowed posters could give (Järvelin & Kekäläinen, "Cumulated gain-based evaluation of IR
      techniques", 2002). Undefined, and left out of the mean, for a poster that shares a genre with none.
    - franchise recall@5: queries are the posters whose series has another allowed poster in the set. A hit is
      at least one of them among the five nearest. The metric is hits over queries, so a large series counts
      by its size.
    - series recall@5: the share of the other allowed posters of a query's series among the five nearest, of
      five where there are more; the mean over the series of their mean over queries, so that each series
      counts the same.
    - never recommended: the poster is in nobody's top ten.
    - worst hub: how many other posters have the most recommended poster in their top ten. Its interval
      resamples those who recommend it, and keeps the hub.
    """
    count = len(neighbours)
    present = neighbours != NO_NEIGHBOUR
    labels = chance.labels.astype(np.float64)
    sizes = labels.sum(axis=1)
    gains = np.zeros((count, DEPTH))
    for place in range(DEPTH):
        theirs = neighbours[:, place]
        common = np.einsum("ij,ij->i", labels, labels[theirs])
        gains[:, place] = np.where(present[:, place], common / (sizes + sizes[theirs] - common), 0.0)
    share = ratio((gains[:, :SHARE_AT] > 0).sum(axis=1), present[:, :SHARE_AT].sum(axis=1))
    ideal = np.where(chance.ideal > 0, chance.ideal, np.nan)
    discounts = _discounts(NDCG_AT)
    reachable = np.concatenate([[0.0], np.cumsum(discounts)])[np.minimum(chance.allowed, NDCG_AT)]
    appearances = _appearances(neighbours)
    worst_hub = int(appearances.argmax())
    columns = np.stack(
        [
            share,
            chance.share,
            share - chance.share,
            (gains @ discounts) / ideal,
            chance.gain * reachable / ideal,
            (appearances == 0).astype(np.float64),
            (neighbours == worst_hub).any(axis=1).astype(np.float64),
        ],
        axis=1,
    )
    queries = (chance.in_series > 0).astype(np.float64)
    same = present & (chance.series[neighbours] == chance.series[:, None])
    found = same[:, :FRANCHISE_AT].sum(axis=1)
    most = np.maximum(np.minimum(chance.in_series, FRANCHISE_AT), 1)
    drawn = ratio(np.minimum(chance.allowed, FRANCHISE_AT) * chance.in_series, chance.allowed)
    hits = np.stack([found > 0, _chance_of_a_hit(chance), found / most, np.nan_to_num(drawn) / most], axis=1)
    return PosterScores(columns, hits * queries[:, None], queries, chance.series, worst_hub)


def lookalike_figures(
    scores: PosterScores, bytes_per_poster: int, *, resamples: int = 1000, seed: int = 0
) -> dict[str, Figure]:
    """Every look-alike metric with its 95% interval, by name."""
    size = figure(bytes_per_poster, bytes_per_poster, bytes_per_poster)
    return {**_figures([scores], resamples, seed), "bytes_per_poster": size}


def lookalike_differences(
    scores: PosterScores, other: PosterScores, bytes_difference: int, *, resamples: int = 1000, seed: int = 0
) -> dict[str, Figure]:
    """Paired differences (`scores` minus `other`, on the same posters) of every metric, with intervals."""
    found = _figures([scores, other], resamples, seed)
    found["bytes_per_poster"] = figure(bytes_difference, bytes_difference, bytes_difference)
    return {name: row for name, row in found.items() if not name.endswith("_random")}


def lookalike_ratios(
    scores: PosterScores, other: PosterScores, *, resamples: int = 1000, seed: int = 0
) -> dict[str, Figure]:
    """Ratios of RATIOS (`scores` over `other`, on the same posters) with paired intervals over series; None
    where the other's is 0, or where there is no series."""
    tables = [_by_series(each) for each in (scores, other)]

    def ratios(weights: Floats) -> dict[str, Floats]:
        one, two = (_over_series(weights, each) for each in tables)
        return {name: ratio(one[name], two[name]) for name in RATIOS}

    if not len(tables[0]):
        return {name: figure(np.nan, np.nan, np.nan) for name in RATIOS}
    return bootstrap(ratios, len(tables[0]), resamples=resamples, seed=seed)


def share_figures(scores: PosterScores, rows: Indexes, *, resamples: int, seed: int) -> dict[str, Figure]:
    """The metrics of SHARE_COLUMNS over some of the posters, with intervals."""
    columns = scores.columns[rows, : len(SHARE_COLUMNS)]

    def means(weights: Floats) -> dict[str, Floats]:
        return dict(zip(SHARE_COLUMNS, weighted_means(weights, columns).T, strict=True))

    return bootstrap(means, len(columns), resamples=resamples, seed=seed)


def counts(neighbours: Indexes, scores: PosterScores, files: Sequence[str]) -> dict[str, object]:
    """The numbers behind the metrics: queries, series, the worst hub, posters without a value."""
    queries = scores.queries > 0
    percentiles = (50, 90, 99, 99.9)
    appearances = np.percentile(_appearances(neighbours), percentiles).tolist()
    return {
        "franchise_queries": int(queries.sum()),
        "franchise_series": len(np.unique(scores.series[queries])),
        "never_recommended_posters": int(scores.columns[:, _MEANS.index("never_recommended")].sum()),
        "worst_hub_file": files[scores.worst_hub],
        "without_neighbours": int((neighbours[:, 0] == NO_NEIGHBOUR).sum()),
        "ndcg_undefined": int(np.isnan(scores.columns[:, _MEANS.index("ndcg_at_10")]).sum()),
        "appearances_percentiles": {
            f"{at:g}": value for at, value in zip(percentiles, appearances, strict=True)
        },
    }


def _figures(compared: Sequence[PosterScores], resamples: int, seed: int) -> dict[str, Figure]:
    """Every metric of one set of scores, or the difference of every metric between two."""

    def over_posters(weights: Floats) -> dict[str, Floats]:
        means = _difference([weighted_means(weights, each.columns) for each in compared])
        means[:, -1] *= weights.shape[1]
        return dict(zip((*_MEANS, "worst_hub"), means.T, strict=True))

    by_series = [_by_series(each) for each in compared]

    def over_series(weights: Floats) -> dict[str, Floats]:
        each = [_over_series(weights, table) for table in by_series]
        return {name: _difference([found[name] for found in each]) for name in (*_FRANCHISE, *_SERIES)}

    found = bootstrap(over_posters, len(compared[0].columns), resamples=resamples, seed=seed)
    if not len(by_series[0]):
        return found | {name: figure(np.nan, np.nan, np.nan) for name in (*_FRANCHISE, *_SERIES)}
    return found | bootstrap(over_series, len(by_series[0]), resamples=resamples, seed=seed)


def _over_series(weights: Floats, table: Floats) -> dict[str, Floats]:
    """The metrics of _FRANCHISE and _SERIES for weights of the series (r, series), from `_by_series`."""
    sums = weights @ table
    recall = ratio(sums[:, :2], sums[:, -1:])
    shares = weights @ ratio(table[:, 2:4], table[:, -1:]) / weights.sum(axis=1, keepdims=True)
    return dict(zip((*_FRANCHISE, *_SERIES), np.hstack([recall, shares]).T, strict=True))


def _difference(figures: Sequence[Floats]) -> Floats:
    return figures[0] if len(figures) == 1 else figures[0] - figures[1]


def _by_series(scores: PosterScores) -> Floats:
    """Sums of the hits, and the number of queries, of each series with a query: (series, 5)."""
    rows = np.flatnonzero(scores.queries > 0)
    _, member = np.unique(scores.series[rows], return_inverse=True)
    table = np.zeros((int(member.max()) + 1 if len(rows) else 0, scores.hits.shape[1] + 1))
    np.add.at(table, member, np.column_stack([scores.hits[rows], scores.queries[rows]]))
    return table


def _chance_of_a_hit(chance: ChanceLevel) -> Floats:
    """The chance that five posters drawn from those allowed hold at least one of the same series."""
    miss = np.ones(len(chance.in_series))
    for drawn in range(FRANCHISE_AT):
        left = chance.allowed - drawn
        miss *= np.where(left > 0, np.maximum(left - chance.in_series, 0) / np.maximum(left, 1), 1.0)
    return 1 - miss


def _appearances(neighbours: Indexes) -> Indexes:
    """How many posters have each poster among their neighbours, (n,)."""
    return np.bincount(neighbours[neighbours != NO_NEIGHBOUR], minlength=len(neighbours))


def _discounts(depth: int) -> Floats:
    return 1 / np.log2(np.arange(depth) + 2)


def _rounded_up(wanted: int) -> int:
    return wanted if wanted <= 16 else 1 << (wanted - 1).bit_length()
