"""Accept all suggestions that match a filter, as a wall of posters from which wrong ones are excluded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.paginator import Paginator
from django.db.models import Count, Max, Min, Prefetch, Q
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from catalog.genres import decision_batches, precision, review
from catalog.models import Genre, Movie, Poster, Suggestion

from . import genre_model_figures
from .model_admin import current_user, numbers, page_context
from .review_filter import GenreWithCount, QueueFilter, waiting

PAGE_SIZE = 60
MAX_EXCLUDED = 2000
SESSION_KEY = "excluded_movies"


class AcceptanceFilter(QueueFilter):
    """The queue's filter without an order: the least confident suggestions come first.

    It keeps a genre whose last suggestion was decided meanwhile.
    """

    order = None  # type: ignore[assignment]  # Django's way to remove a field

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        field = cast(GenreWithCount, self.fields["genre"])
        field.queryset, field.lists_all = Genre.objects.all(), True


@dataclass
class Tile:
    """A movie of the wall, with its suggestions that match."""

    movie: Movie
    suggestions: list[Suggestion]
    is_excluded: bool


def address_for(query: QueryDict, **values: Any) -> str:
    """The page's address with the queue's filter and other parameters."""
    rest = QueryDict(mutable=True)
    for name in (*AcceptanceFilter.base_fields, "last"):
        if query.get(name):
            rest[name] = str(query[name])
    for name, value in values.items():
        rest[name] = str(value)
    return f"{reverse('admin:catalog_reviewqueue_accept')}?{rest.urlencode()}"


def accept_view(model_admin: ModelAdmin, request: HttpRequest) -> HttpResponse:
    """GET: a page of the wall. POST: store what is excluded, and go to another page or accept.

    The filter is in the query string of both. `last` is the newest suggestion when the wall was opened:
    later ones are not accepted. Excluded movies are kept in the session, by genre.
    """
    chosen = AcceptanceFilter(request.GET)
    selection = chosen.selection() if chosen.is_valid() else None
    if selection is None or not selection.narrows_suggestions:
        return _choose(model_admin, request, chosen)
    last = (
        max(numbers([request.GET.get("last", "")]), default=0)
        or selection.suggestions().aggregate(last=Max("pk"))["last"]
    )
    selection = replace(selection, last=last or 0)
    if request.method == "POST" and (response := _post(request, selection)):
        return response
    return _wall(model_admin, request, chosen, selection)


def sure_view(request: HttpRequest, query: QueryDict) -> HttpResponse:
    """The former page of sure suggestions. GET leads to the wall of them, POST accepts those up to `last`."""
    wall = address_for(query, sure="on")
    chosen = AcceptanceFilter.read(query)
    if request.method != "POST":
        return redirect(wall)
    last = max(numbers([request.POST.get("last", "")]), default=0)
    return _accept(request, replace(chosen.selection(), sure=True, last=last), wall)


def _accept(request: HttpRequest, selection: review.Selection, wall: str) -> HttpResponse:
    """Start a run that accepts the selection without excluded movies; redirects to its batch."""
    excluded = selection.suggestions().order_by().filter(movie__in=_excluded(request, selection))
    movies = sorted(set(excluded.values_list("movie", flat=True)))
    try:
        batch = decision_batches.start(replace(selection, excluded=movies), current_user(request))
    except decision_batches.BatchError as error:
        messages.warning(request, str(error))
        return redirect(wall)
    _store(request, selection, set())
    return redirect(batch)


def _post(request: HttpRequest, selection: review.Selection) -> HttpResponse | None:
    """Do what the button says. None: render the page again, for htmx."""
    shown, ticked = (numbers(request.POST.getlist(name)) for name in ("shown", "excluded"))
    excluded = (_excluded(request, selection) - shown) | (shown & ticked)
    action = request.POST.get("action", "save")
    if action == "include-all":
        excluded = set()
    if len(excluded) > MAX_EXCLUDED:
        messages.error(
            request,
            f"At most {MAX_EXCLUDED:,} movies can be excluded. Accept only those with a higher score.",
        )
    else:
        _store(request, selection, excluded)
        if action == "accept":
            return _accept(request, selection, address_for(request.GET))
    if getattr(request, "htmx", False):
        return None
    page = action.removeprefix("page-") if action.startswith("page-") else request.GET.get("page", "1")
    return redirect(address_for(request.GET, last=selection.last, page=page))


def _wall(
    model_admin: ModelAdmin, request: HttpRequest, chosen: QueueFilter, selection: review.Selection
) -> HttpResponse:
    excluded = _excluded(request, selection)
    rows = selection.suggestions().order_by().values("movie_id").annotate(lowest=Min("score"))
    paginator = Paginator(rows.order_by("lowest", "movie_id"), PAGE_SIZE)
    page = paginator.get_page(request.GET.get("page"))
    left_out = selection.suggestions().filter(movie__in=excluded)
    number_excluded = left_out.order_by().aggregate(movies=Count("movie", distinct=True))["movies"]
    accepted = replace(selection, excluded=sorted(excluded))
    expected = precision.expectation(accepted)
    context = {
        **page_context(model_admin, request, "Accept by picture"),
        "filter": chosen,
        "is_filtered": True,
        "selection": selection,
        "genre": Genre.objects.filter(pk=selection.genre).first() if selection.genre else None,
        "expected": expected,
        "movies": paginator.count,
        "number_excluded": number_excluded,
        "sure_figures": [
            (model, point) for model in expected.models if (point := genre_model_figures.sure(model))
        ]
        if selection.sure
        else [],
        "page": page,
        "pages": paginator.get_elided_page_range(page.number, on_each_side=2),
        "here": address_for(request.GET, last=selection.last, page=page.number),
    }
    if not getattr(request, "htmx", False):
        ids = [row["movie_id"] for row in page.object_list]
        context["tiles"] = _tiles(ids, selection, excluded)
    return TemplateResponse(request, "admin/catalog/reviewqueue/accept.html", context)


def _tiles(ids: list[int], selection: review.Selection, excluded: set[int]) -> list[Tile]:
    posters = Poster.objects.filter(is_primary=True).only(
        "movie", "thumbnail", "medium", "width", "height", "is_primary"
    )
    movies = Movie.objects.prefetch_related(Prefetch("posters", posters)).in_bulk(ids)
    suggestions = selection.suggestions().filter(movie__in=ids).select_related("genre")
    matching: dict[int, list[Suggestion]] = {}
    for each in suggestions.prefetch_related(review.calibration()):
        matching.setdefault(each.movie_id, []).append(each)
    return [Tile(movies[pk], matching.get(pk, []), pk in excluded) for pk in ids if pk in movies]


def _choose(model_admin: ModelAdmin, request: HttpRequest, chosen: QueueFilter) -> HttpResponse:
    """The genres with their numbers of pending suggestions, while none is chosen."""
    pending = waiting()
    genres = Genre.objects.annotate(
        pending=Count("suggestions", filter=pending),
        sure=Count("suggestions", filter=pending & Q(suggestions__sure=True)),
    ).filter(pending__gt=0)
    context = {
        **page_context(model_admin, request, "Accept by picture"),
        "filter": chosen,
        "genres": genres.order_by("-sure", "-pending", "name"),
        "here": address_for(request.GET),
    }
    return TemplateResponse(request, "admin/catalog/reviewqueue/accept.html", context)


def _key(selection: review.Selection) -> str:
    return str(selection.genre or "")


def _excluded(request: HttpRequest, selection: review.Selection) -> set[int]:
    return set(request.session.get(SESSION_KEY, {}).get(_key(selection), []))


def _store(request: HttpRequest, selection: review.Selection, movies: set[int]) -> None:
    stored = {**request.session.get(SESSION_KEY, {}), _key(selection): sorted(movies)}
    request.session[SESSION_KEY] = {key: kept for key, kept in stored.items() if kept}
