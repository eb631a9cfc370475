"""How one extractor sees one poster: its nearest posters, the metric, and why there are none."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest

from catalog.embeddings.index_files import IndexNotReady
from catalog.models import Extractor, Movie
from catalog.similarity import search

METHODS = {"exact": "Exact", "ball_tree": "Euclidean (the recipe’s ball tree)"}
PREPARING = "Look-alikes are being prepared. Look again in a minute."


@dataclass(frozen=True)
class Sight:
    """One extractor's answer; `problem` is a sentence when it cannot answer yet."""

    extractor: Extractor
    metric: str
    neighbours: list[search.LookAlike]
    problem: str = ""


def sight(film: Movie, extractor: Extractor, method: str) -> Sight:
    metric = search.metric_name(extractor, method)
    label = "Euclidean" if metric == "euclidean" else "corrected cosine"
    try:
        return Sight(extractor, label, search.lookalikes(film, extractor, method=method))
    except IndexNotReady:
        return Sight(extractor, label, [], PREPARING)


def chosen_method(request: HttpRequest) -> str:
    """What `?method=` names; the exact index for anything unknown."""
    method = request.GET.get("method", "")
    return method if method in METHODS else "exact"
