"""Second opinions in Django admin: giving one, agreement by genre, and disagreements to resolve."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_GET, require_POST

from catalog.genres import assignment, review, second_opinions
from catalog.models import Genre, GenreOpinion, Movie, SecondOpinion, Suggestion

from . import one_at_a_time
from .model_admin import PermissionAdmin, current_user, numbers, page_context, paginated

RESOLVE = "catalog.resolve_disagreement"
SKIPPED = "second_opinions_skipped"
PAGE_SIZE = 20


@dataclass(frozen=True)
class Option:
    """A checkbox. `key`: 1 to 9 on the keyboard, 0 for none. `suggestion`: if the genre was suggested.
    `ticked`: whether the queue ticked it."""

    genre: Genre
    key: int = 0
    suggestion: Suggestion | None = None
    ticked: bool = False


class SecondOpinionPages(PermissionAdmin):
    """The page for second opinions and that of agreement."""

    def second_opinion_urls(self) -> list[URLPattern]:
        return [
            path("second/", self.guarded(require_GET(self.second_view)), name="catalog_reviewqueue_second"),
            path(
                "second/give/",
                self.guarded(require_POST(self.second_give_view)),
                name="catalog_reviewqueue_second_give",
            ),
            path(
                "second/undo/",
                self.guarded(require_POST(self.second_undo_view)),
                name="catalog_reviewqueue_second_undo",
            ),
            path(
                "agreement/",
                self.guarded(require_GET(self.agreement_view)),
                name="catalog_reviewqueue_agreement",
            ),
            path(
                "agreement/resolve/",
                self.guarded(require_POST(self.resolve_view)),
                name="catalog_reviewqueue_agreement_resolve",
            ),
        ]

    def second_view(self, request: HttpRequest) -> HttpResponse:
        """The movie that `movie` names, or else the next one that waits for this reviewer's second opinion.

        It shows what the first reviewer was shown, and not what they chose.
        """
        reviewer = current_user(request)
        waiting = second_opinions.due(reviewer)
        pk = one_at_a_time.next_movie(request, waiting, SKIPPED)
        movie = Movie.objects.prefetch_related("posters").filter(pk=pk).first()
        suggested, others = _options(movie) if movie else ([], [])
        context = {
            **page_context(self, request, "Second opinions"),
            "movie": movie,
            "suggested": suggested,
            "others": others,
            "waiting": waiting.count(),
            "share": round(100 * settings.SECOND_OPINIONS),
            "reviewers": assignment.reserved_by_others(reviewer),
        }
        return TemplateResponse(request, "admin/catalog/reviewqueue/second.html", context)

    def second_give_view(self, request: HttpRequest) -> HttpResponse:
        """Store the genres that were ticked, or skip the movie."""
        movie = get_object_or_404(Movie, pk__in=numbers([request.POST.get("movie", "")]))
        reviewer = current_user(request)
        if request.POST.get("action") == "skip":
            one_at_a_time.skip(request, movie.pk, SKIPPED)
            messages.info(request, f"{movie}: skipped.")
        else:
            chosen = Genre.objects.filter(pk__in=numbers(request.POST.getlist("genre")))
            try:
                second_opinions.give(movie, reviewer, [genre.pk for genre in chosen])
            except second_opinions.NotDue as error:
                messages.warning(request, f"{error} Nothing was saved.")
            else:
                names = ", ".join(genre.name for genre in chosen) or "no genre"
                messages.success(request, f"{movie}: your opinion is {names}.")
        assignment.release(reviewer, [movie.pk])
        return redirect("admin:catalog_reviewqueue_second")

    def second_undo_view(self, request: HttpRequest) -> HttpResponse:
        """Delete the reviewer's last opinion, and show that movie."""
        undone = second_opinions.undo_last(current_user(request))
        if undone is None:
            messages.info(request, "There is nothing to undo.")
            return redirect("admin:catalog_reviewqueue_second")
        messages.info(request, f"{undone.movie}: undone.")
        return redirect(f"{reverse('admin:catalog_reviewqueue_second')}?movie={undone.movie_id}")

    def agreement_view(self, request: HttpRequest) -> HttpResponse:
        """Kappa by genre, and a page of the disagreements that were not resolved."""
        by_name = GenreOpinion.objects.select_related("genre").order_by("genre__name")
        disputed = second_opinions.disagreements().select_related("movie", "first", "second")
        context = {
            **page_context(self, request, "Agreement"),
            **paginated(
                request,
                disputed.prefetch_related("movie__posters", Prefetch("genres", by_name)),
                PAGE_SIZE,
            ),
            "agreements": second_opinions.agreements(),
            "opinions": SecondOpinion.objects.count(),
            "may_resolve": request.user.has_perm(RESOLVE),
        }
        return TemplateResponse(request, "admin/catalog/reviewqueue/agreement.html", context)

    def resolve_view(self, request: HttpRequest) -> HttpResponse:
        """Give the movie the disputed genres that were ticked, and take the others away."""
        if not request.user.has_perm(RESOLVE):
            raise PermissionDenied(f"This needs the permission {RESOLVE}.")
        found = SecondOpinion.objects.select_related("movie")
        opinion = get_object_or_404(found, pk__in=numbers([request.POST.get("opinion", "")]))
        try:
            second_opinions.resolve(opinion, current_user(request), numbers(request.POST.getlist("genre")))
        except second_opinions.NotDue as error:
            messages.warning(request, f"{error} Nothing was saved.")
        else:
            messages.success(request, f"{opinion.movie}: resolved.")
        return redirect("admin:catalog_reviewqueue_agreement")


def _options(movie: Movie) -> tuple[list[Option], list[Option]]:
    """The genres that were suggested when the movie was decided, and all others."""
    decided = movie.suggestions.filter(state__in=[Suggestion.State.ACCEPTED, Suggestion.State.REJECTED])
    suggestions: dict[int, Suggestion] = {}
    for each in decided.select_related("genre").prefetch_related(review.calibration()).order_by("-score"):
        suggestions.setdefault(each.genre_id, each)
    suggested = [
        Option(each.genre, number if number < 10 else 0, each, review.is_ticked(each))
        for number, each in enumerate(suggestions.values(), start=1)
    ]
    return suggested, [Option(genre) for genre in Genre.objects.exclude(pk__in=suggestions)]
