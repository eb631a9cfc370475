"""The poster wall, with search, genre filter, order and pages."""

from __future__ import annotations

from django.conf import settings
from django.core.paginator import Paginator
from django.db.models import Value
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from catalog import search
from catalog.embeddings.extractors import why_no_convnet
from catalog.models import Genre
from catalog.runs import lifecycle
from catalog.tiles import tiles
from catalog.web.brief_cache import briefly
from catalog.web.movie_filters import (
    BEST,
    ORDERS,
    UNTAGGED,
    all_genres,
    chosen_order,
    count_of,
    genres_of_tiles,
    genres_with_films,
    ordered,
    recent_counts,
)


@require_safe
@vary_on_headers("HX-Request", "HX-Target")
def home(request: HttpRequest) -> HttpResponse:
    text = request.GET.get("q", "").strip()
    slug = request.GET.get("genre", "")
    found = search.find(text, verbatim="exact" in request.GET)
    order = chosen_order(request.GET.get("order", ""), text)
    movies = ordered(found, slug, order)
    paginator = Paginator(movies, settings.POSTERS_PER_PAGE)
    number = request.GET.get("page")
    # Most searches find less than a page, which need not be counted.
    first = tiles(movies[: paginator.per_page]) if text and number is None else []
    is_all = 0 < len(first) < paginator.per_page
    paginator.count = len(first) if is_all else count_of(movies, text, slug)
    page = paginator.get_page(number)
    start = (page.number - 1) * paginator.per_page
    shown = first or tiles(movies[start : start + paginator.per_page])
    live = list(lifecycle.live_runs())
    context = {
        "page": page,
        "tiles": shown,
        "pages": paginator.get_elided_page_range(page.number, on_each_side=2, on_ends=1),
        "text": text,
        "corrected": found.corrected,
        "slug": slug,
        "only_untagged": slug == UNTAGGED,
        "filtered": bool(text or slug),
        # While posters are being fetched, the wall is updated without a reload.
        "filling": bool(live) and any(tile.picture is None for tile in shown),
    }
    if request.htmx.target == "wall":  # type: ignore[attr-defined]
        return render(request, "catalog/partials/wall.html", context)
    counts = recent_counts()
    if not text:
        genres, untagged = all_genres(), counts["untagged"]
    elif is_all and not slug:
        genres, untagged = genres_of_tiles(shown), sum(not tile.genres for tile in shown)
    else:
        genres, untagged = genres_with_films(found.movies), found.movies.untagged().count()
    chosen = next((genre for genre in genres if genre.slug == slug), None)
    if text and slug and chosen is None and "\0" not in slug:
        chosen = Genre.objects.annotate(films=Value(0)).filter(slug=slug).first()
        genres += [chosen] if chosen else []
    context |= {
        "genre": chosen,
        "order": order,
        "orders": {name: label for name, (label, _) in ORDERS.items() if text or name != BEST},
        "genres": genres,
        "untagged": untagged,
        "counts": counts,
        "live_runs": live,
        "is_staff": request.user.is_staff,
        "no_convnet": briefly("no-convnet", why_no_convnet) if counts["movies"] else "",
    }
    return render(request, "catalog/home.html", context)
