"""Start runs from admin: for ticked movies by an action, for all that lack something by a button."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.views.decorators.http import require_POST

from catalog.models import Movie, Run
from catalog.posters import scraping
from catalog.runs import lifecycle

from .person import person

PERMISSION = "catalog.start_run"
FOR_THESE = {lifecycle.SAME_MOVIES: True}
# What the buttons above the list of movies say: (kind, label, what it covers).
BUTTONS = (
    (Run.Kind.SCRAPE, "Fetch posters", "for every movie without one"),
    (Run.Kind.REFRESH, "Refresh posters", "that no source was asked about for long"),
    (Run.Kind.EMBED, "Embed posters", "every poster that lacks a vector"),
    (Run.Kind.LABEL, "Suggest genres", "for every untagged movie"),
    (Run.Kind.TRAIN, "Train genre model", "on all movies with trusted genres"),
)


def start_and_tell(
    request: HttpRequest, kind: str, movies: QuerySet[Movie] | None = None, **options: Any
) -> Run | None:
    """Start a run and leave a message that links to it; a refusal becomes an error message and None."""
    if kind in scraping.FETCHING and (why := scraping.why_not()):
        messages.error(request, why)
        return None
    try:
        run = lifecycle.start(kind, movies=movies, asked_by=person(request), **options)
    except lifecycle.RunError as error:
        messages.error(request, str(error))
        return None
    tell(request, run)
    return run


def tell(request: HttpRequest, run: Run) -> None:
    """Say that `run` was started, or at once what it has to say when there was nothing to do."""
    if run.is_live:
        things = "" if run.kind == Run.Kind.TRAIN else f" ({run.total} to do)"
        text, level = f"started{things}. Follow it on its page.", messages.SUCCESS
    else:
        text, level = f"{run.get_state_display()}. {run.message}", messages.INFO
    messages.add_message(
        request, level, format_html('<a href="{}">{}</a> {}', run.get_absolute_url(), run, text)
    )


def tell_renewal(request: HttpRequest, run: Run | None) -> None:
    """Say that look-alikes and suggestions are updated after a change of posters, with a link to the run."""
    if run is not None:
        link = format_html('<a href="{}">{}</a>', run.get_absolute_url(), run)
        messages.info(request, format_html("Updating look-alikes and suggestions: {}.", link))


class StartsRuns(admin.ModelAdmin):
    """Adds the actions and the buttons to the movies' admin; both need `catalog.start_run`."""

    actions = [
        "fetch_posters",
        "fetch_alternatives",
        "refresh_posters",
        "embed_posters",
        "suggest_genres",
        "train_genre_model",
    ]

    def has_start_run_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(PERMISSION)

    @admin.action(description="Fetch posters of the selected movies", permissions=["start_run"])
    def fetch_posters(self, request: HttpRequest, queryset: QuerySet[Movie]) -> None:
        start_and_tell(
            request, Run.Kind.SCRAPE, queryset, params=FOR_THESE, followed_by=lifecycle.AFTER_FETCHING
        )

    @admin.action(description="Fetch alternative posters of the selected movies", permissions=["start_run"])
    def fetch_alternatives(self, request: HttpRequest, queryset: QuerySet[Movie]) -> None:
        params = FOR_THESE | {scraping.WANTED: scraping.ALTERNATIVES}
        start_and_tell(
            request, Run.Kind.SCRAPE, queryset, params=params, followed_by=lifecycle.AFTER_FETCHING
        )

    @admin.action(description="Refresh posters of the selected movies", permissions=["start_run"])
    def refresh_posters(self, request: HttpRequest, queryset: QuerySet[Movie]) -> None:
        start_and_tell(
            request, Run.Kind.REFRESH, queryset, params=FOR_THESE, followed_by=lifecycle.AFTER_FETCHING
        )

    @admin.action(description="Embed posters of the selected movies", permissions=["start_run"])
    def embed_posters(self, request: HttpRequest, queryset: QuerySet[Movie]) -> None:
        start_and_tell(request, Run.Kind.EMBED, queryset)

    @admin.action(description="Suggest genres for the selected movies", permissions=["start_run"])
    def suggest_genres(self, request: HttpRequest, queryset: QuerySet[Movie]) -> None:
        start_and_tell(request, Run.Kind.LABEL, queryset)

    @admin.action(description="Train a genre model on the selected movies", permissions=["start_run"])
    def train_genre_model(self, request: HttpRequest, queryset: QuerySet[Movie]) -> None:
        start_and_tell(request, Run.Kind.TRAIN, queryset)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.start_view))
        return [path("start/<str:kind>/", view, name="catalog_movie_start"), *super().get_urls()]

    def start_view(self, request: HttpRequest, kind: str) -> HttpResponseRedirect:
        """POST: a run over everything that lacks it."""
        if not self.has_start_run_permission(request):
            raise PermissionDenied("Starting runs needs the permission catalog.start_run.")
        if kind in scraping.FETCHING:
            start_and_tell(request, kind, params=FOR_THESE, followed_by=lifecycle.AFTER_FETCHING)
        else:
            start_and_tell(request, kind)
        return redirect("admin:catalog_movie_changelist")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        buttons = BUTTONS if self.has_start_run_permission(request) else ()
        return super().changelist_view(request, {**(extra_context or {}), "run_buttons": buttons})
