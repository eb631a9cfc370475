"""Runs in Django admin: read-only, with retry, cancel, and undoing an import."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin, messages
from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from catalog.models import Run, RunItem
from catalog.runs import kinds, lifecycle
from catalog.runs.progress import duration, progress_of
from catalog.shared_files import exists, fetched
from catalog.titles import undo
from catalog.titles.report import listing_path

from .model_admin import ReadOnlyAdmin, current_user, page_context, paginated
from .starting_runs import add_run_message

UNDO_PERMISSIONS = ("catalog.start_run", "catalog.delete_movie")
KEPT_PER_PAGE = 100


class ImportUndoAdmin(admin.ModelAdmin):
    """Adds pages about imports to the runs' admin. Undo needs UNDO_PERMISSIONS, the others `view_run`."""

    def get_urls(self) -> list[URLPattern]:
        return [
            path("<int:pk>/undo/", self.admin_site.admin_view(self.undo_view), name="catalog_run_undo"),
            path("<int:pk>/kept/", self.admin_site.admin_view(self.kept_view), name="catalog_run_kept"),
            path("<int:pk>/rows/", self.admin_site.admin_view(self.rows_view), name="catalog_run_rows"),
            *super().get_urls(),
        ]

    def undo_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """GET: a confirmation with the preview's result. POST: start a preview (`action=preview`) or undo."""
        if not _may_undo(request):
            raise PermissionDenied(
                f"Undoing an import needs the permissions {' and '.join(UNDO_PERMISSIONS)}."
            )
        run = get_object_or_404(Run, pk=pk)
        try:
            if request.method == "POST" and request.POST.get("action") == "preview":
                undo.start_preview(run, asked_by=current_user(request))
                return redirect("admin:catalog_run_undo", run.pk)
            if request.method == "POST":
                started = undo.start(run, asked_by=current_user(request))
                add_run_message(request, started)
                return redirect(started)
            undo.check_undoable(run)
        except undo.UndoError as error:
            messages.error(request, str(error))
            return redirect("admin:catalog_run_change", run.pk)
        changes = undo.outstanding(run)
        created = changes.filter(created=True).count()
        preview = undo.latest_preview(run)
        report = undo.report_of(preview) if preview and preview.state == Run.State.DONE else None
        context = {
            **page_context(self, request, f"Undo {run}?"),
            "run": run,
            "created": created,
            "changed": changes.count() - created,
            "preview": preview,
            "report": report,
            "more": report.kept - len(report.kept_movies) if report else 0,
        }
        return TemplateResponse(request, "admin/catalog/run/undo.html", context)

    def kept_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """GET: the movies that undoing this import did not change back, and why."""
        self._check_view_permission(request)
        run = get_object_or_404(Run, pk=pk)
        kept = run.import_changes.exclude(kept="").select_related("movie").order_by("movie_id")
        context = {
            **page_context(self, request, f"Kept when {run} was undone"),
            "run": run,
            **paginated(request, kept, KEPT_PER_PAGE),
        }
        return TemplateResponse(request, "admin/catalog/run/kept.html", context)

    def rows_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """GET: the CSV file of all rows that were not imported."""
        self._check_view_permission(request)
        run = get_object_or_404(Run, pk=pk, kind=Run.IMPORT)
        try:
            file = fetched(listing_path(run)).open("rb")
        except OSError:
            raise Http404(
                "There is no file for this run: all rows were imported, or the file has expired."
            ) from None
        return FileResponse(
            file, as_attachment=True, filename=listing_path(run).name, content_type="text/csv"
        )

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        run = self.get_object(request, object_id)
        tools = _tools(request, run) if run is not None and run.kind == Run.IMPORT else []
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "tools": tools})

    def _check_view_permission(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied("This page needs the permission catalog.view_run.")


def _may_undo(request: HttpRequest) -> bool:
    return all(request.user.has_perm(name) for name in UNDO_PERMISSIONS)


def _tools(request: HttpRequest, run: Run) -> list[tuple[str, str]]:
    """Links on the page of an import: (label, URL)."""
    links = [
        ("Undo this import", "undo", _may_undo(request) and not run.is_live),
        ("Kept changes", "kept", "undone" in run.params),
        ("All rows not imported (CSV)", "rows", exists(listing_path(run))),
    ]
    return [
        (label, reverse(f"admin:catalog_run_{name}", args=[run.pk]))
        for label, name, is_shown in links
        if is_shown
    ]


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
class RunAdmin(ImportUndoAdmin, ReadOnlyAdmin):
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
    search_help_text = "A run's number, words of its message, or the user who started it"
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
        return request.user.has_perm(kinds.START_PERMISSION)

    @admin.action(description="Undo the import (asks for confirmation)", permissions=["start_run"])
    def undo_selected(self, request: HttpRequest, queryset: QuerySet[Run]) -> HttpResponseRedirect | None:
        if len(queryset) == 1:
            return redirect("admin:catalog_run_undo", queryset[0].pk)
        messages.error(request, "Select exactly one import. Nothing was changed.")
        return None

    @admin.action(description="Retry failed items", permissions=["start_run"])
    def retry_failed(self, request: HttpRequest, queryset: QuerySet[Run]) -> None:
        for run in queryset:
            if not kinds.may_start(request.user, run.kind):
                messages.warning(
                    request, f"Retrying {run} needs the permission {kinds.permission_of(run.kind)}."
                )
                continue
            try:
                add_run_message(request, lifecycle.retry_failed(run, asked_by=current_user(request)))
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
                messages.success(request, f"{run} is cancelled. Batches in progress will be finished.")

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
            intcomma(run.done + run.failed),
            intcomma(run.total),
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
            return f"{run.rows_not_taken:,} rows not imported"
        if not run.items_failed:
            return "–"
        return format_html('<strong class="run-failed">{}</strong>', run.items_failed)

    @admin.display(description="duration")
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
                str(item.poster or item.movie or "whole run"),
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
            '<table class="run-items"><thead><tr><th>item</th><th>attempts</th><th>error</th></tr></thead>'
            '<tbody>{}</tbody></table><p><a href="{}">{}</a></p>',
            table,
            run.get_absolute_url(),
            f"{more:,} more on the run's page" if more > 0 else "All items on the run's page",
        )
