"""The review queue in Django admin: one card a movie, decided where it stands."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from catalog.genres import review
from catalog.models import Movie, ReviewQueue, Suggestion

from .access import PermissionAdmin, person
from .review_decision import Outcome, UnclearRequest, decide, numbers, wanted
from .review_edit import edit_view
from .review_filter import QueueFilter
from .review_sure import sure_view

PAGE_SIZE = 25


@admin.register(ReviewQueue)
class ReviewQueueAdmin(PermissionAdmin):
    """Two pages, the queue and a movie's genres; both need `catalog.review_suggestion` and nothing else."""

    permission = "catalog.review_suggestion"

    def get_urls(self) -> list[URLPattern]:
        return [
            path("", self.guarded(self.queue_view), name="catalog_reviewqueue_changelist"),
            path("bulk/", self.guarded(require_POST(self.bulk_view)), name="catalog_reviewqueue_bulk"),
            path(
                "<int:pk>/decide/",
                self.guarded(require_POST(self.decide_view)),
                name="catalog_reviewqueue_decide",
            ),
            path("sure/", self.guarded(self.sure_view), name="catalog_reviewqueue_sure"),
            path(
                "<int:pk>/change/", self.guarded(self.change_genres_view), name="catalog_reviewqueue_change"
            ),
        ]

    def queue_view(self, request: HttpRequest) -> HttpResponse:
        """GET: a page of cards, filtered and ordered as the address says."""
        chosen = QueueFilter(request.GET)
        chosen.is_valid()
        paginator = Paginator(chosen.narrow(review.review_queue()), PAGE_SIZE)
        is_filtered = bool(request.GET.keys() - {"page", "order"})
        waiting = _waiting()
        if not is_filtered:
            # Counted once is enough.
            paginator.count = waiting["pending_movies"]
        page = paginator.get_page(request.GET.get("page"))
        movies = review.cards([row["movie_id"] for row in page.object_list])
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Review queue",
            "filter": chosen,
            "is_filtered": is_filtered,
            "page": page,
            "pages": paginator.get_elided_page_range(page.number, on_each_side=2),
            "address": _without_page(request.GET),
            "movies": movies,
            "back": request.GET.urlencode(),
            "matching": _matching_pks(chosen, movies),
            "may_view_movies": request.user.has_perm("catalog.view_movie"),
            **waiting,
        }
        return TemplateResponse(request, "admin/catalog/reviewqueue/queue.html", context)

    def decide_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """POST from one card. The answer to htmx is the card as it now stands, to others a redirect."""
        movie = get_object_or_404(Movie, pk=pk)
        try:
            outcome = decide(movie, wanted(request.POST), person(request))
        except UnclearRequest as error:
            return HttpResponse(str(error), status=400, content_type="text/plain; charset=utf-8")
        if getattr(request, "htmx", False):
            # A decided movie leaves the queue, so its card is drawn from the movie itself.
            left = next((each for each in review.cards([pk]) if each.pending_suggestions), None)  # type: ignore[attr-defined]
            query = _queue_query(request)
            chosen = QueueFilter(query)
            chosen.is_valid()
            context = {
                "movie": left or movie,
                "outcome": outcome,
                "left": left,
                "back": query.urlencode(),
                "matching": _matching_pks(chosen, [movie]),
                "may_view_movies": request.user.has_perm("catalog.view_movie"),
                **_waiting(),
            }
            return TemplateResponse(request, "admin/catalog/reviewqueue/decided.html", context)
        _tell(request, movie, outcome)
        return redirect(f"{_queue_address(request)}#movie-{pk}")

    def bulk_view(self, request: HttpRequest) -> HttpResponse:
        """POST for the ticked cards: accept or reject all they showed, or accept the matching ones."""
        verb = request.POST.get("bulk", "")
        ticked = numbers(request.POST.getlist("movie"))
        shown = numbers(request.POST.getlist("matching" if verb == "accept-matching" else "shown"))
        if verb not in ("accept", "reject", "accept-matching"):
            messages.error(request, "Choose what to do with the ticked movies.")
        elif not ticked:
            messages.warning(request, "Tick at least one movie first; nothing was decided.")
        else:
            asked = list(Suggestion.objects.filter(pk__in=shown, movie__in=ticked))
            still = [suggestion for suggestion in asked if suggestion.state == Suggestion.State.PENDING]
            act = review.reject if verb == "reject" else review.accept
            decided = act(still, person(request))
            if decided:
                word = "Rejected" if verb == "reject" else "Accepted"
                movies = len({suggestion.movie_id for suggestion in still})
                level = messages.INFO if verb == "reject" else messages.SUCCESS
                messages.add_message(
                    request, level, f"{word} {_count(decided, 'suggestion')} of {_count(movies, 'movie')}."
                )
            if late := len(asked) - decided:
                messages.warning(
                    request,
                    f"{_count(late, 'suggestion')} had already been decided by somebody else "
                    f"and {'was' if late == 1 else 'were'} left as decided.",
                )
        return redirect(_queue_address(request))

    def sure_view(self, request: HttpRequest) -> HttpResponse:
        return sure_view(self, request, _queue_query(request), _queue_address(request))

    def change_genres_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return edit_view(self, request, get_object_or_404(Movie, pk=pk), _queue_address(request))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _waiting() -> dict[str, int]:
    return Suggestion.objects.filter(state=Suggestion.State.PENDING).aggregate(
        pending_movies=Count("movie", distinct=True),
        pending_suggestions=Count("pk"),
        pending_sure=Count("pk", filter=Q(sure=True)),
    )


def _matching_pks(chosen: QueueFilter, movies: Any) -> set[int]:
    if not chosen.narrows_suggestions:
        return set()
    return set(chosen.matching().filter(movie__in=list(movies)).values_list("pk", flat=True))


def _without_page(query: QueryDict) -> str:
    """The query string a page link adds its number to."""
    kept = query.copy()
    kept.pop("page", None)
    return f"{kept.urlencode()}&" if kept else ""


def _queue_query(request: HttpRequest) -> QueryDict:
    """The queue's own query string, carried through a form as `back`; never more than a query string."""
    return QueryDict(request.POST.get("back") or request.GET.get("back") or "")


def _queue_address(request: HttpRequest) -> str:
    query = _queue_query(request).urlencode()
    address = reverse("admin:catalog_reviewqueue_changelist")
    return f"{address}?{query}" if query else address


def _tell(request: HttpRequest, movie: Movie, outcome: Outcome) -> None:
    if outcome.sentence:
        # Success is green, which a rejection is not.
        level = messages.SUCCESS if outcome.accepted else messages.INFO
        messages.add_message(request, level, f"{movie}: {outcome.sentence}")
    if outcome.too_late:
        messages.warning(request, f"{movie}: {' '.join(outcome.too_late)} Nothing was decided twice.")
    if not outcome.sentence and not outcome.too_late:
        messages.warning(request, f"{movie}: nothing was chosen, so nothing was decided.")
