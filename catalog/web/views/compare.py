"""Look-alikes of one poster by several extractors, side by side, as in the article's figure."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from catalog import search
from catalog.embeddings.extractors import why_no_convnet
from catalog.embeddings.index_files import IndexNotReady
from catalog.models import Extractor, Movie
from catalog.similarity.search import LookAlike, extractors_in_use, lookalikes, metric_name
from catalog.tiles import tiles
from catalog.web.brief_cache import briefly
from catalog.web.merged_movies import follows_merges

METHODS = {"exact": "Exact", "ball_tree": "Euclidean (ball tree of the published recipe)"}
PREPARING = "Look-alikes are being prepared. Try again in a minute."
MAX_FOUND = 24


@dataclass(frozen=True)
class Neighbours:
    """A movie's look-alikes by one extractor. `problem` says why there are none yet, if so."""

    extractor: Extractor
    metric: str
    lookalikes: list[LookAlike]
    problem: str = ""


def find_neighbours(movie: Movie, extractor: Extractor, method: str) -> Neighbours:
    metric = metric_name(extractor, method)
    label = "Euclidean" if metric == "euclidean" else "corrected cosine"
    try:
        return Neighbours(extractor, label, lookalikes(movie, extractor, method=method))
    except IndexNotReady:
        return Neighbours(extractor, label, [], PREPARING)


def chosen_method(request: HttpRequest) -> str:
    """The value of `?method=`, or `exact` if it is unknown."""
    method = request.GET.get("method", "")
    return method if method in METHODS else "exact"


@require_safe
def pick(request: HttpRequest) -> HttpResponse:
    """Choose a movie to compare, by search or at random."""
    text = request.GET.get("q", "").strip()
    extractors = briefly("extractors-in-use", extractors_in_use)
    matching = search.find(text, verbatim="exact" in request.GET)
    with_poster = matching.best_first().filter(posters__is_primary=True)
    found = tiles(with_poster[: MAX_FOUND + 1]) if text else []
    return render(
        request,
        "catalog/compare_pick.html",
        {
            "query": text,
            "corrected": matching.corrected,
            "found": found[:MAX_FOUND],
            "more": len(found) > MAX_FOUND,
            "extractors": extractors,
            "no_convnet": briefly("no-convnet", why_no_convnet),
            "offer_pixels": not any(map(_is_pixels, extractors)),
        },
    )


@require_safe
@never_cache
def surprise(request: HttpRequest) -> HttpResponse:
    """Redirect to a random movie whose poster is embedded."""
    embedded = Movie.objects.filter(posters__is_primary=True, posters__embeddings__isnull=False)
    keys = embedded.order_by("pk").values_list("pk", flat=True).distinct()
    count = keys.count()
    if not count:
        return redirect("catalog:compare_pick")
    return redirect("catalog:compare", keys[secrets.randbelow(count)])


@require_safe
@follows_merges
@vary_on_headers("HX-Request", "HX-Target")
def compare(request: HttpRequest, pk: int) -> HttpResponse:
    movie = get_object_or_404(Movie.objects.prefetch_related("posters", "genres"), pk=pk)
    extractors = briefly("extractors-in-use", extractors_in_use)
    selected = set(request.GET.getlist("extractor"))
    chosen = [each for each in extractors if str(each.pk) in selected] or extractors
    method = chosen_method(request)
    # Raw pixels come first, as in the article: they are the baseline.
    chosen = sorted(chosen, key=lambda each: not _is_pixels(each))
    context = {
        "movie": movie,
        "poster": movie.primary_poster,
        "extractors": extractors,
        "chosen": chosen,
        "method": method,
        "methods": METHODS,
        "rows": [find_neighbours(movie, extractor, method) for extractor in chosen],
        "no_convnet": briefly("no-convnet", why_no_convnet),
        "offer_pixels": not any(map(_is_pixels, extractors)),
    }
    partial = request.htmx.target == "rows"  # type: ignore[attr-defined]
    template = "catalog/partials/compare_rows.html" if partial else "catalog/compare.html"
    return render(request, template, context)


def _is_pixels(extractor: Extractor) -> bool:
    return extractor.spec.partition(":")[0] == "pixels"
