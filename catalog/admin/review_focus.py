"""Focus mode of the review queue: one movie at a time, decided as a whole, with skip, flag and undo."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from catalog.genres import assignment, decision_batches, review
from catalog.genres.review import Selection
from catalog.models import Movie, ReviewFlag, Run, Suggestion
from catalog.runs import lifecycle
from catalog.web.brief_cache import briefly
from catalog.web.pending import pending_counts

from .focus_card import focus_card
from .model_admin import PermissionAdmin, current_user, numbers, page_context, paginated
from .one_at_a_time import MOST_SKIPPED
from .review_decision import InvalidForm
from .review_filter import ORDERS, QueueFilter
from .review_form import decide_form

SKIPPED = "review_skipped"
FLAGS_PER_PAGE = 50
COUNTS = {
    "queue-waiting": "admin/catalog/reviewqueue/waiting.html",
    "pending-count": "pending_count.html",
    "flag-count": "admin/catalog/reviewqueue/flag_count.html",
}


class FocusPages(PermissionAdmin):
    """The views of focus mode. With `Accept: application/json`, POST returns JSON instead of redirecting."""

    def focus_urls(self) -> list[URLPattern]:
        return [
            # The index of the admin links to the first name.
            path("", self.guarded(require_GET(self.focus_view)), name="catalog_reviewqueue_changelist"),
            path("", self.guarded(require_GET(self.focus_view)), name="catalog_reviewqueue_focus"),
            path("next/", self.guarded(require_GET(self.next_view)), name="catalog_reviewqueue_next"),
            path("undo/", self.guarded(require_POST(self.undo_view)), name="catalog_reviewqueue_undo"),
            path("flags/", self.guarded(self.flags_view), name="catalog_reviewqueue_flags"),
            path(
                "<int:pk>/review/",
                self.guarded(require_POST(self.review_view)),
                name="catalog_reviewqueue_review",
            ),
        ]

    def focus_view(self, request: HttpRequest) -> HttpResponse:
        """The movie that `movie` names, or else the next one of the queue that the query string selects."""
        query = _filter_query(request.GET)
        chosen = QueueFilter.read(query)
        if chosen.is_audit:
            return redirect("admin:catalog_reviewqueue_audit")
        named = numbers([request.GET.get("movie", "")])
        pk = next(iter(named or _next(request, chosen, set())), None)
        selection = chosen.selection()
        order = chosen.cleaned_data.get("order") if chosen.is_valid() else ""
        context = {
            **page_context(self, request, "Review"),
            "filter": chosen,
            "filter_text": f"{str(selection) if selection != Selection() else 'all'}, {ORDERS[order or '']}",
            "is_filtered": selection != Selection() or not chosen.lists_all,
            "card": focus_card(pk) if pk is not None else None,
            "back": query.urlencode(),
            "others": assignment.reserved_by_others(current_user(request)),
            "flags": _open_flags().count(),
            "live_run": briefly("live-label-run", _live_run),
            **pending_counts(),
        }
        return TemplateResponse(request, "admin/catalog/reviewqueue/focus.html", context)

    def next_view(self, request: HttpRequest) -> HttpResponse:
        """The card of the next movie, except those in `without`; status 204 if there is none."""
        query = _filter_query(request.GET)
        without = numbers(request.GET.get("without", "").split(","))
        for pk in _next(request, QueueFilter.read(query), without):
            if html := _card_html(request, pk, query):
                return HttpResponse(html)
        return HttpResponse(status=204)

    def review_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Accept, reject, skip or flag one movie: `action` says which."""
        movie = get_object_or_404(Movie, pk=pk)
        reviewer = current_user(request)
        action = request.POST.get("action")
        saved = True
        if action == "skip":
            _skip(request, movie)
            sentence = "skipped."
        elif action == "flag":
            note = request.POST.get("note", "").strip()[:500]
            ReviewFlag.objects.get_or_create(
                movie=movie, resolved_at=None, defaults={"reviewer_id": reviewer.pk, "note": note}
            )
            sentence = "flagged."
        else:
            try:
                saved, sentence = decide_form(movie, request.POST, reviewer)
            except InvalidForm as error:
                return HttpResponse(str(error), status=400, content_type="text/plain; charset=utf-8")
        if saved:
            assignment.release(reviewer, [movie.pk])
        query = _back(request)
        if not _wants_json(request):
            level = messages.SUCCESS if saved else messages.WARNING
            messages.add_message(request, level, f"{movie}: {sentence}")
            is_left = not saved and movie.suggestions.filter(state=Suggestion.State.PENDING).exists()
            return redirect(_address(query, movie.pk if is_left else None))
        response = {"movie": movie.pk, "title": str(movie), "saved": saved, "sentence": sentence}
        if not saved and movie.suggestions.filter(state=Suggestion.State.PENDING).exists():
            response["card"] = _card_html(request, movie.pk, query)
        return JsonResponse(response | {"counts": _counts(request, query)}, status=200 if saved else 409)

    def undo_view(self, request: HttpRequest) -> HttpResponse:
        """Undo what the reviewer did last: a decision, a flag, or a skip in this session."""
        movie, sentence = _undo(request)
        query = _back(request)
        if movie is not None:
            # Decided by this reviewer until now, so nobody else has it open.
            assignment.assign(current_user(request), review.review_queue().filter(movie=movie), 1)
        if not _wants_json(request):
            messages.info(request, sentence)
            return redirect(_address(query, movie, grid="view=grid" in request.POST.get("back", "")))
        card = _card_html(request, movie, query) if movie is not None else ""
        return JsonResponse(
            {"movie": movie, "sentence": sentence, "card": card, "counts": _counts(request, query)}
        )

    def flags_view(self, request: HttpRequest) -> HttpResponse:
        """GET: the open flags. POST: resolve the flag that `flag` names."""
        if request.method == "POST":
            found = ReviewFlag.objects.open().filter(pk__in=numbers([request.POST.get("flag", "")]))
            if found.update(resolved_at=timezone.now()):
                messages.success(request, "Resolved. The movie is in the queue again, if it has suggestions.")
            return redirect("admin:catalog_reviewqueue_flags")
        context = {
            **page_context(self, request, "Flagged movies"),
            **paginated(request, _open_flags().select_related("movie", "reviewer"), FLAGS_PER_PAGE),
        }
        return TemplateResponse(request, "admin/catalog/reviewqueue/flags.html", context)


def _live_run() -> Run | None:
    return lifecycle.live_runs().filter(kind="label").order_by("-pk").first()


def _next(request: HttpRequest, chosen: QueueFilter, without: set[int]) -> list[int]:
    """The id of the next movie in a list, reserved for the reviewer; skipped ones come last."""
    reviewer = current_user(request)
    skipped = [pk for pk, _ in request.session.get(SKIPPED, [])]
    passed = without | set(skipped)
    first = [pk for pk in chosen.first_movies() if pk not in passed]
    if found := assignment.assign(reviewer, chosen.matching_movies(), 1, first):
        return found
    queue = chosen.narrow(review.review_queue()).exclude(movie__in=without)
    if found := assignment.assign(reviewer, queue.exclude(movie__in=skipped), 1):
        return found
    left = _ids(queue.filter(movie__in=skipped))
    for pk in skipped:
        if pk in left and (found := assignment.assign(reviewer, queue.filter(movie=pk), 1)):
            return found
    return []


def _ids(rows: QuerySet[Any, Any]) -> set[int]:
    return set(rows.values_list("movie_id", flat=True))


def _skip(request: HttpRequest, movie: Movie) -> None:
    before = [each for each in request.session.get(SKIPPED, []) if each[0] != movie.pk]
    request.session[SKIPPED] = [*before, [movie.pk, timezone.now().isoformat()]][-MOST_SKIPPED:]


def _undo(request: HttpRequest) -> tuple[int | None, str]:
    """The movie whose last decision, flag or skip was undone, and a sentence about it."""
    reviewer = current_user(request)
    decided = decision_batches.last_decided_at(reviewer)
    flag = ReviewFlag.objects.open().filter(reviewer=reviewer.pk).select_related("movie").first()
    skipped = request.session.get(SKIPPED, [])
    times = [at for at in (decided, flag.created_at if flag else None) if at is not None]
    if skipped and all(datetime.fromisoformat(skipped[-1][1]) > at for at in times):
        request.session[SKIPPED] = skipped[:-1]
        movie = Movie.objects.filter(pk=skipped[-1][0]).first()
        return (movie.pk, f"{movie}: skip undone.") if movie else (None, "The skipped movie was deleted.")
    if flag is not None and (decided is None or flag.created_at > decided):
        flag.delete()
        return flag.movie_id, f"{flag.movie}: flag removed."
    effects = decision_batches.undo_last(reviewer)
    if not effects:
        return None, "There is nothing to undo."
    undone = [each.decision for each in effects if not each.obstacle]
    kept = [
        f"{each.decision.genre} of {each.decision.movie} was not undone: {each.obstacle}."
        for each in effects
        if each.obstacle
    ]
    movies = {each.movie_id: each.movie for each in undone}
    names = f"{len(movies)} movies" if len(movies) > 1 else ", ".join(map(str, movies.values()))
    what = ", ".join(f"{each.genre} {each.verdict}" for each in undone) if len(movies) == 1 else "decisions"
    done = [f"{names}: undone ({what})."] if undone else []
    return next(iter(movies), None), " ".join(done + kept)


def _card_html(request: HttpRequest, pk: int, query: QueryDict) -> str:
    card = focus_card(pk)
    if card is None:
        return ""
    context = {"card": card, "back": query.urlencode()}
    return render_to_string("admin/catalog/reviewqueue/focus_card.html", context, request)


def _open_flags() -> QuerySet[ReviewFlag]:
    return ReviewFlag.objects.open().filter(movie__merged_into=None)


def _counts(request: HttpRequest, query: QueryDict) -> dict[str, str]:
    """The elements of the page that show counts, as HTML by their ids."""
    context = {**pending_counts(), "flags": _open_flags().count(), "back": query.urlencode()}
    return {name: render_to_string(template, context, request) for name, template in COUNTS.items()}


def _filter_query(given: QueryDict) -> QueryDict:
    """The part of a query string that selects movies."""
    query = given.copy()
    for name in ("movie", "page", "without", "view"):
        query.pop(name, None)
    return query


def _back(request: HttpRequest) -> QueryDict:
    """The queue's query string, which forms pass on. It is never a whole URL."""
    return _filter_query(QueryDict(request.POST.get("back", "")))


def _address(query: QueryDict, movie: int | None, *, grid: bool = False) -> str:
    """Focus mode with this movie, or the grid."""
    address = query.copy()
    if grid:
        place = f"#movie-{movie}" if movie is not None else ""
        return (
            f"{reverse('admin:catalog_reviewqueue_grid')}{'?' if address else ''}{address.urlencode()}{place}"
        )
    if movie is not None:
        address["movie"] = str(movie)
    return f"{reverse('admin:catalog_reviewqueue_focus')}{'?' if address else ''}{address.urlencode()}"


def _wants_json(request: HttpRequest) -> bool:
    return request.headers.get("Accept") == "application/json"
