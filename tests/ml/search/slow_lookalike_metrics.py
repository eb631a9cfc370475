"""A slow reference of the look-alike metrics."""

from __future__ import annotations

import math

from scipy.spatial.distance import cdist


def jaccard(one: set[int], other: set[int]) -> float:
    return len(one & other) / len(one | other)


def neighbours(vectors, allowed, k, metric):
    """For each row its k nearest allowed rows, by (distance, row)."""
    distances = cdist(vectors, vectors, metric)
    return [
        sorted(rows, key=lambda other: (far[other], other))[:k]
        for far, rows in zip(distances, allowed, strict=True)
    ]


def figures(near, sets, series, allowed):
    """All look-alike metrics from lists of neighbours, sets of genres, series ("" for none), allowed rows."""
    count = len(sets)
    share, chance, gain, hits, queries = [], [], [], 0, 0
    parts: dict[str, list[float]] = {}
    for row in range(count):
        five = near[row][:5]
        share.append(sum(bool(sets[row] & sets[other]) for other in five) / len(five))
        chance.append(sum(bool(sets[row] & sets[other]) for other in allowed[row]) / len(allowed[row]))
        found = sum(
            jaccard(sets[row], sets[o]) / math.log2(place + 2) for place, o in enumerate(near[row][:10])
        )
        best = sorted((jaccard(sets[row], sets[o]) for o in allowed[row]), reverse=True)[:10]
        ideal = sum(value / math.log2(place + 2) for place, value in enumerate(best))
        if ideal:
            gain.append(found / ideal)
        if series[row] and any(series[other] == series[row] for other in allowed[row]):
            queries += 1
            hits += any(series[other] == series[row] for other in five)
            others = sum(series[other] == series[row] for other in allowed[row])
            part = sum(series[other] == series[row] for other in five) / min(others, 5)
            parts.setdefault(series[row], []).append(part)
    shown = [sum(row in others[:10] for others in near) for row in range(count)]
    return {
        "share_at_5": sum(share) / count,
        "share_at_5_random": sum(chance) / count,
        "ndcg_at_10": sum(gain) / len(gain) if gain else None,
        "franchise_recall_at_5": hits / queries if queries else None,
        "series_recall_at_5": sum(sum(p) / len(p) for p in parts.values()) / len(parts) if parts else None,
        "never_recommended": sum(times == 0 for times in shown) / count,
        "worst_hub": max(shown),
    }
