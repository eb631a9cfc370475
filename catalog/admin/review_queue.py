"""The review queue as a grid: cards, bulk decisions, accepting all sure suggestions, editing genres."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_GET, require_POST, require_safe

from catalog.genres import review
from catalog.models import Genre, Movie, MovieGenre, ReviewDecision, ReviewQueue, Suggestion
from catalog.web.pending import pending_counts

from . import bulk_acceptance
from .model_admin import BULK_PERMISSION, current_user, numbers, page_context, paginated
from .review_audit import AuditPages
from .review_decision import InvalidForm, Outcome, decide, verdicts_of
from .review_filter import QueueFilter
from .review_focus import FocusPages
from .review_history import history_view
from .review_quality import quality_view
from .second_opinions import SecondOpinionPages

PAGE_SIZE = 25
DECISIONS_SHOWN = 20
PENDING = Suggestion.State.PENDING


@dataclass
class Choice:
    """A checkbox of the edit page: a genre, the movie's row of it, and the pending suggestion, if any."""

    genre: Genre
    ticked: bool
    held: MovieGenre | None
    suggestion: Suggestion | None


class GenresForm(forms.Form):
    """All genres of a movie. `seen` is the state that the page showed."""

    genres = forms.ModelMultipleChoiceField(
        Genre.objects.all(), required=False, widget=forms.CheckboxSelectMultiple
    )
    seen = forms.CharField(widget=forms.HiddenInput, max_length=2000)

    def __init__(self, *args: object, state: str, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.state = state

    def clean_seen(self) -> str:
        if self.cleaned_data["seen"] != self.state:
            raise forms.ValidationError(
                "Somebody else has changed this movie's genres since you opened the page. Nothing was saved. "
                "Your ticks are kept; check them against the current genres and save again.",
                code="changed",
            )
        return self.state


@admin.register(ReviewQueue)
class ReviewQueueAdmin(FocusPages, AuditPages, SecondOpinionPages):
    """Pages for reviewers. All of them need `catalog.review_suggestion`; `sure/` also BULK_PERMISSION."""

    permission = "catalog.review_suggestion"

    def get_urls(self) -> list[URLPattern]:
        return [
            *self.focus_urls(),
            *self.audit_urls(),
            *self.second_opinion_urls(),
            path("grid/", self.guarded(require_GET(self.queue_view)), name="catalog_reviewqueue_grid"),
            path("bulk/", self.guarded(require_POST(self.bulk_view)), name="catalog_reviewqueue_bulk"),
            path(
                "<int:pk>/decide/",
                self.guarded(require_POST(self.decide_view)),
                name="catalog_reviewqueue_decide",
            ),
            path(
                "sure/", self.guarded(self.sure_view, also=BULK_PERMISSION), name="catalog_reviewqueue_sure"
            ),
            path(
                "accept/",
                self.guarded(self.accept_view, also=BULK_PERMISSION),
                name="catalog_reviewqueue_accept",
            ),
            path("<int:pk>/change/", self.guarded(self.edit_view), name="catalog_reviewqueue_change"),
            path(
                "<int:pk>/history/",
                self.guarded(partial(history_view, self)),
                name="catalog_reviewqueue_history",
            ),
            path(
                "quality/",
                self.guarded(require_safe(partial(quality_view, self))),
                name="catalog_reviewqueue_quality",
            ),
        ]

    def queue_view(self, request: HttpRequest) -> HttpResponse:
        """GET: a page of cards, filtered and ordered by the query string."""
        chosen = QueueFilter.read(request.GET)
        if chosen.is_audit:
            return redirect("admin:catalog_reviewqueue_audit")
        is_filtered = bool(request.GET.keys() - {"page", "order"}) or not chosen.lists_all
        counts = pending_counts()
        total = None if is_filtered else counts["pending_movies"]
        rows = paginated(request, chosen.narrow(review.review_queue()), PAGE_SIZE, total)
        movies = review.cards([row["movie_id"] for row in rows["page"].object_list])
        context = {
            **page_context(self, request, "Review queue"),
            "filter": chosen,
            "is_filtered": is_filtered,
            **rows,
            "address": _without_page(request.GET),
            "movies": movies,
            "back": _grid_query(request.GET),
            "filtered_by": request.GET.urlencode(),
            "matching": _matching_pks(chosen, movies),
            "may_view_movies": request.user.has_perm("catalog.view_movie"),
            **counts,
        }
        return TemplateResponse(request, "admin/catalog/reviewqueue/queue.html", context)

    def decide_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """POST from one card. The response to htmx is the updated card, otherwise a redirect."""
        movie = get_object_or_404(Movie, pk=pk)
        try:
            outcome = decide(movie, verdicts_of(request.POST), current_user(request))
        except InvalidForm as error:
            return HttpResponse(str(error), status=400, content_type="text/plain; charset=utf-8")
        if getattr(request, "htmx", False):
            # The movie may no longer match the filter, but its card stays until all is decided.
            left = next((each for each in review.cards([pk]) if each.pending_suggestions), None)  # type: ignore[attr-defined]
            query = _queue_query(request)
            context = {
                "movie": left or movie,
                "outcome": outcome,
                "left": left,
                "back": query.urlencode(),
                "matching": _matching_pks(QueueFilter.read(query), [movie]),
                "may_view_movies": request.user.has_perm("catalog.view_movie"),
                **pending_counts(),
            }
            return TemplateResponse(request, "admin/catalog/reviewqueue/decided.html", context)
        _add_messages(request, movie, outcome)
        return redirect(f"{_queue_url(request, grid=True)}#movie-{pk}")

    def bulk_view(self, request: HttpRequest) -> HttpResponse:
        """POST for the ticked cards: accept or reject all that they showed, or accept those that match."""
        verb = request.POST.get("bulk", "")
        ticked = numbers(request.POST.getlist("movie"))
        shown = numbers(request.POST.getlist("matching" if verb == "accept-matching" else "shown"))
        if verb not in ("accept", "reject", "accept-matching"):
            messages.error(request, "Choose what to do with the ticked movies.")
        elif not ticked:
            messages.warning(request, "Tick at least one movie. Nothing was decided.")
        else:
            chosen = list(Suggestion.objects.filter(pk__in=shown, movie__in=ticked))
            pending = [suggestion for suggestion in chosen if suggestion.state == PENDING]
            act = review.reject if verb == "reject" else review.accept
            decided = act(pending, current_user(request))
            if decided:
                word = "Rejected" if verb == "reject" else "Accepted"
                movies = len({suggestion.movie_id for suggestion in pending})
                level = messages.INFO if verb == "reject" else messages.SUCCESS
                messages.add_message(
                    request, level, f"{word} {_count(decided, 'suggestion')} of {_count(movies, 'movie')}."
                )
            if late := len(chosen) - decided:
                messages.warning(
                    request,
                    f"{_count(late, 'suggestion')} had already been decided by somebody else.",
                )
        return redirect(_queue_url(request, grid=True))

    def sure_view(self, request: HttpRequest) -> HttpResponse:
        """The former address of `accept_view` with sure suggestions only."""
        return bulk_acceptance.sure_view(request, _queue_query(request))

    def accept_view(self, request: HttpRequest) -> HttpResponse:
        """Accept all suggestions that match a filter, by picture."""
        return bulk_acceptance.accept_view(self, request)

    def edit_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """GET: all genres as checkboxes; present and suggested ones are ticked. POST: save."""
        movie = get_object_or_404(Movie, pk=pk)
        held = {row.genre_id: row for row in movie.movie_genres.select_related("genre")}
        pending = movie.suggestions.filter(state=PENDING).select_related("genre")
        suggested = {each.genre_id: each for each in pending.prefetch_related(review.calibration())}
        state = f"{_joined(held)};{_joined(each.pk for each in suggested.values())}"
        form = GenresForm(request.POST or None, state=state)
        if request.method == "POST" and form.is_valid():
            review.set_genres(movie, form.cleaned_data["genres"], current_user(request))
            names = ", ".join(genre.name for genre in form.cleaned_data["genres"]) or "no genre"
            messages.success(request, f"{movie}: saved with {names}.")
            return redirect(_queue_url(request))
        if request.method == "POST":
            ticked = numbers(request.POST.getlist("genres"))
        else:
            ticked = held.keys() | suggested.keys()
        # Including decisions on movies that were merged into this one.
        decisions = ReviewDecision.objects.filter(Q(movie=movie) | Q(movie__merged_into=movie))
        context = {
            **page_context(self, request, "Edit genres"),
            "subtitle": str(movie),
            "movie": movie,
            "flag": review.open_flag(movie),
            "form": form,
            "state": state,
            "choices": [
                Choice(genre, genre.pk in ticked, held.get(genre.pk), suggested.get(genre.pk))
                for genre in Genre.objects.all()
            ],
            "decisions": decisions.select_related("genre", "reviewer", "suggestion").prefetch_related(
                review.calibration("suggestion__model")
            )[:DECISIONS_SHOWN],
            "back": request.POST.get("back", request.GET.get("back", "")),
            "queue_url": _queue_url(request),
        }
        return TemplateResponse(request, "admin/catalog/reviewqueue/edit.html", context)


def _joined(keys: Iterable[int]) -> str:
    return ",".join(map(str, sorted(keys)))


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _matching_pks(chosen: QueueFilter, movies: Any) -> set[int]:
    if not chosen.narrows_suggestions:
        return set()
    return set(chosen.matching().filter(movie__in=list(movies)).values_list("pk", flat=True))


def _without_page(query: QueryDict) -> str:
    """The query string to which links add the number of a page."""
    rest = query.copy()
    rest.pop("page", None)
    return f"{rest.urlencode()}&" if rest else ""


def _queue_query(request: HttpRequest) -> QueryDict:
    """The queue's query string, which forms pass on as `back`. It is never a whole URL."""
    return QueryDict(request.POST.get("back") or request.GET.get("back") or "")


def _grid_query(query: QueryDict) -> str:
    """The query string by which other pages lead back to the grid."""
    back = query.copy()
    back["view"] = "grid"
    return back.urlencode()


def _queue_url(request: HttpRequest, *, grid: bool = False) -> str:
    """Where the reviewer came from: focus mode, the grid, or the audit."""
    query = _queue_query(request).copy()
    views = query.pop("view", [])
    if "audit" in views:
        return reverse("admin:catalog_reviewqueue_audit")
    is_grid = "grid" in views or grid
    address = reverse(f"admin:catalog_reviewqueue_{'grid' if is_grid else 'focus'}")
    return f"{address}?{query.urlencode()}" if query else address


def _add_messages(request: HttpRequest, movie: Movie, outcome: Outcome) -> None:
    if outcome.sentence:
        # A rejection is not shown in green.
        level = messages.SUCCESS if outcome.accepted else messages.INFO
        messages.add_message(request, level, f"{movie}: {outcome.sentence}")
    if outcome.too_late:
        messages.warning(request, f"{movie}: {' '.join(outcome.too_late)}")
    if not outcome.sentence and not outcome.too_late:
        messages.warning(request, f"{movie}: nothing was selected.")
