"""Runs in Django admin: read-only, with retry and cancel; their own pages show them live."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from catalog.models import Run, RunItem
from catalog.runs import kinds, lifecycle
from catalog.runs.progress import duration, progress_of

from .access import ReadOnlyAdmin, person
from .starting_runs import PERMISSION, tell
from .undoing_imports import UndoesImports

ITEMS_SHOWN = 20


class KindFilter(admin.SimpleListFilter):
    """Runs of one kind."""

    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [(kind.name, kind.label) for kind in kinds.all_kinds()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Run]) -> QuerySet[Run]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(Run)
class RunAdmin(UndoesImports, ReadOnlyAdmin):
    list_display = (
        "number",
        "kind_name",
        "state",
        "progress",
        "failures",
        "asked_by",
        "created_at",
        "took",
        "page",
    )
    list_filter = (KindFilter, "state", ("asked_by", admin.RelatedOnlyFieldListFilter), "created_at")
    list_select_related = ("asked_by",)
    search_fields = ("=id", "message", "asked_by__username")
    search_help_text = "A run's number, words of its message, or who started it"
    actions = ("undo_selected", "retry_failed", "cancel")
    fields = (
        ("state", "progress", "time_left"),
        "message",
        ("asked_by", "created_at"),
        ("started_at", "finished_at", "took"),
        ("followed_by_kinds", "relations"),
        "failed_items",
        "parameters",
    )

    def get_fields(self, request: HttpRequest, obj: Run | None = None) -> list[Any]:
        is_import = obj is not None and obj.kind == Run.IMPORT
        return ["failures" if is_import and name == "failed_items" else name for name in self.fields]

    def has_start_run_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(PERMISSION)

    @admin.action(description="Undo the import (asks first)", permissions=["start_run"])
    def undo_selected(self, request: HttpRequest, queryset: QuerySet[Run]) -> HttpResponseRedirect | None:
        if len(queryset) == 1:
            return redirect("admin:catalog_run_undo", queryset[0].pk)
        messages.error(request, "Imports are undone one at a time: tick exactly one. Nothing was changed.")
        return None

    @admin.action(description="Retry what failed", permissions=["start_run"])
    def retry_failed(self, request: HttpRequest, queryset: QuerySet[Run]) -> None:
        for run in queryset:
            try:
                tell(request, lifecycle.retry_failed(run, asked_by=person(request)))
            except lifecycle.RunError as error:
                messages.warning(request, str(error))

    @admin.action(description="Cancel", permissions=["start_run"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Run]) -> None:
        for run in queryset:
            try:
                lifecycle.cancel(run)
            except lifecycle.RunError as error:
                messages.warning(request, str(error))
            else:
                messages.success(request, f"{run} is cancelled. Batches in progress are still finished.")

    @admin.display(description="run", ordering="pk")
    def number(self, run: Run) -> str:
        return f"#{run.pk}"

    @admin.display(description="kind", ordering="kind")
    def kind_name(self, run: Run) -> str:
        return run.kind_label

    @admin.display(description="progress")
    def progress(self, run: Run) -> SafeString:
        return format_html(
            '<progress max="{}" value="{}" aria-label="Progress of {}"></progress> '
            '<span class="run-figures">{} of {}</span>',
            run.total or 1,
            run.done + run.failed if run.total else (0 if run.is_live else 1),
            run,
            run.done + run.failed,
            run.total,
        )

    @admin.display(description="time left")
    def time_left(self, run: Run) -> str:
        progress = progress_of(run)
        return (
            ". ".join(filter(None, [progress.text[:1].upper() + progress.text[1:], progress.reason])) or "–"
        )

    @admin.display(description="failed", ordering="failed")
    def failures(self, run: Run) -> SafeString | str:
        if run.rows_not_taken:
            return f"{run.rows_not_taken} rows not imported"
        if not run.items_failed:
            return "–"
        return format_html('<strong class="run-failed">{}</strong>', run.items_failed)

    @admin.display(description="took")
    def took(self, run: Run) -> str:
        return "–" if run.seconds is None else duration(run.seconds)

    @admin.display(description="page")
    def page(self, run: Run) -> SafeString:
        return format_html('<a href="{}">{}</a>', run.get_absolute_url(), "Follow" if run.is_live else "Open")

    @admin.display(description="parameters")
    def parameters(self, run: Run) -> SafeString | str:
        if not run.params:
            return "–"
        return format_html(
            '<pre class="run-params">{}</pre>', json.dumps(run.params, indent=2, ensure_ascii=False)
        )

    @admin.display(description="then")
    def followed_by_kinds(self, run: Run) -> str:
        return ", ".join(Run.kind_labels.get(kind, kind) for kind in run.followed_by) or "–"

    @admin.display(description="belongs to")
    def relations(self, run: Run) -> SafeString | str:
        related = [("retry of", run.retry_of), ("follows", run.previous)]
        rows = [
            (label, reverse("admin:catalog_run_change", args=[other.pk]), other)
            for label, other in related
            if other is not None
        ]
        return format_html_join(", ", '{} <a href="{}">{}</a>', rows) or "–"

    @admin.display(description="failed items")
    def failed_items(self, run: Run) -> SafeString | str:
        failed = run.items.filter(state=RunItem.State.FAILED).select_related("movie", "poster__movie")
        rows = [
            (
                str(item.poster or item.movie or "the whole run"),
                item.attempts,
                item.error or "no reason recorded",
            )
            for item in failed[:ITEMS_SHOWN]
        ]
        if not rows:
            return "none"
        table = format_html_join("", "<tr><td>{}</td><td>{}</td><td>{}</td></tr>", rows)
        more = run.failed - len(rows)
        return format_html(
            '<table class="run-items"><thead><tr><th>what</th><th>attempts</th><th>error</th></tr></thead>'
            '<tbody>{}</tbody></table><p><a href="{}">{}</a></p>',
            table,
            run.get_absolute_url(),
            f"{more} more on the run's page" if more > 0 else "All items on the run's page",
        )
