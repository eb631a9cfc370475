"""One poster's neighbours by several extractors, side by side, as in the article's figure."""

from __future__ import annotations

import secrets

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from catalog import search
from catalog.embeddings.extractors import why_no_convnet
from catalog.models import Extractor, Movie
from catalog.similarity import search as similarity
from catalog.web.brief_cache import briefly
from catalog.web.merged_movies import follows_merges

from .neighbours import METHODS, chosen_method, sight

MOST_FOUND = 24


@require_safe
def pick(request: HttpRequest) -> HttpResponse:
    """Choose a film to compare for, by search or at random."""
    text = request.GET.get("q", "").strip()
    extractors = similarity.extractors_in_use()
    matching = search.find(text, verbatim="exact" in request.GET)
    shown = matching.best_first().filter(posters__is_primary=True).prefetch_related("posters", "genres")
    found = list(shown[: MOST_FOUND + 1]) if text else []
    return render(
        request,
        "catalog/compare_pick.html",
        {
            "wanted": text,
            "corrected": matching.corrected,
            "found": found[:MOST_FOUND],
            "more": len(found) > MOST_FOUND,
            "extractors": extractors,
            "no_convnet": briefly("no-convnet", why_no_convnet),
            "offer_pixels": not any(map(_is_pixels, extractors)),
        },
    )


@require_safe
@never_cache
def surprise(request: HttpRequest) -> HttpResponse:
    """Off to a random film whose poster has been embedded."""
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
    film = get_object_or_404(Movie.objects.prefetch_related("posters", "genres"), pk=pk)
    extractors = similarity.extractors_in_use()
    wanted = set(request.GET.getlist("extractor"))
    chosen = [each for each in extractors if str(each.pk) in wanted] or extractors
    method = chosen_method(request)
    # In the article raw pixels come first: what is being improved upon.
    chosen = sorted(chosen, key=lambda each: not _is_pixels(each))
    context = {
        "movie": film,
        "poster": film.primary_poster,
        "extractors": extractors,
        "chosen": chosen,
        "method": method,
        "methods": METHODS,
        "rows": [sight(film, extractor, method) for extractor in chosen],
        "no_convnet": briefly("no-convnet", why_no_convnet),
        "offer_pixels": not any(map(_is_pixels, extractors)),
    }
    partial = request.htmx.target == "rows"  # type: ignore[attr-defined]
    template = "catalog/partials/compare_rows.html" if partial else "catalog/compare.html"
    return render(request, template, context)


def _is_pixels(extractor: Extractor) -> bool:
    return extractor.spec.partition(":")[0] == "pixels"
