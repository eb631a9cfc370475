"""Starting runs from the admin: by an action for selected movies, by a button for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
from catalog.posters import fetch
from catalog.runs import kinds, lifecycle
from catalog.runs.kinds import RunKind

from .model_admin import current_user

TRAIN_PERMISSION = kinds.permission_of("train")


def start_run(
    request: HttpRequest,
    kind: str,
    movies: QuerySet[Movie] | None = None,
    params: Mapping[str, Any] | None = None,
) -> None:
    """Start a run and add a message with a link to it, or an error message."""
    try:
        run = lifecycle.start_for_user(kind, current_user(request), movies, params)
    except lifecycle.RunError as error:
        messages.error(request, str(error))
    else:
        add_run_message(request, run)


def add_run_message(request: HttpRequest, run: Run) -> None:
    """Add a message that the run was started, or its result if there was nothing to do."""
    if run.is_live:
        items = f" with {run.total:,} items" if kinds.get(run.kind).select else ""
        text, level = f"started{items}.", messages.SUCCESS
    else:
        text, level = f"{run.get_state_display()}. {run.message}", messages.INFO
    messages.add_message(
        request, level, format_html('<a href="{}">{}</a> {}', run.get_absolute_url(), run, text)
    )


def add_update_message(request: HttpRequest, run: Run | None) -> None:
    """Add a message that look-alikes and suggestions are updated after a change of posters."""
    if run is not None:
        link = format_html('<a href="{}">{}</a>', run.get_absolute_url(), run)
        messages.info(request, format_html("Updating look-alikes and suggestions: {}.", link))


def _action_of(kind: RunKind) -> Callable[[admin.ModelAdmin, HttpRequest, QuerySet[Movie]], None]:
    @admin.action(description=kind.action, permissions=[kind.permission.partition(".")[2]])
    def action(modeladmin: admin.ModelAdmin, request: HttpRequest, queryset: QuerySet[Movie]) -> None:
        start_run(request, kind.name, queryset)

    action.__name__ = f"start_{kind.name}"
    return action


class RunStartingAdmin(admin.ModelAdmin):
    """Adds actions and buttons to the movies' admin. Both need the permission of their kind of run."""

    actions = [
        *(_action_of(kind) for kind in kinds.all_kinds() if kind.action),
        "fetch_alternatives",
    ]

    def has_start_run_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(kinds.START_PERMISSION)

    def has_train_genremodel_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(TRAIN_PERMISSION)

    @admin.action(description="Fetch alternative posters of the selected movies", permissions=["start_run"])
    def fetch_alternatives(self, request: HttpRequest, queryset: QuerySet[Movie]) -> None:
        start_run(request, "scrape", queryset, {fetch.POSTERS_PARAM: fetch.ALTERNATIVES})

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.start_view))
        return [path("start/<str:kind>/", view, name="catalog_movie_start"), *super().get_urls()]

    def start_view(self, request: HttpRequest, kind: str) -> HttpResponseRedirect:
        """POST: start a run over all movies or posters that need it, and return to the page `from`."""
        if not kinds.startable_by(request.user):
            raise PermissionDenied(f"Starting runs needs the permission {kinds.permission_of(kind)}.")
        start_run(request, kind)
        is_audit = request.POST.get("from") == "audit"
        return redirect("admin:catalog_reviewqueue_audit" if is_audit else "admin:catalog_movie_changelist")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        buttons = kinds.startable_by(request.user)
        return super().changelist_view(request, {**(extra_context or {}), "run_buttons": buttons})
