"""On an import's page in admin: undo it, after a look at what that would do, and the rows it did not take."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from catalog.models import Run
from catalog.titles import undo as undoing
from catalog.titles.report import listing_path

from .access import person
from .starting_runs import tell

PERMISSIONS = ("catalog.start_run", "catalog.delete_movie")
KEPT_PER_PAGE = 100


class UndoesImports(admin.ModelAdmin):
    """Adds the pages to the runs' admin. Undoing needs PERMISSIONS, the rest what seeing the run needs."""

    def get_urls(self) -> list[URLPattern]:
        return [
            path("<int:pk>/undo/", self.admin_site.admin_view(self.undo_view), name="catalog_run_undo"),
            path("<int:pk>/kept/", self.admin_site.admin_view(self.kept_view), name="catalog_run_kept"),
            path("<int:pk>/rows/", self.admin_site.admin_view(self.rows_view), name="catalog_run_rows"),
            *super().get_urls(),
        ]

    def undo_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """GET asks, with what a preview found; POST starts the preview (`action=preview`) or the undo."""
        if not _may_undo(request):
            raise PermissionDenied(f"Undoing an import needs the permissions {' and '.join(PERMISSIONS)}.")
        run = get_object_or_404(Run, pk=pk)
        try:
            if request.method == "POST" and request.POST.get("action") == "preview":
                undoing.start_preview(run, asked_by=person(request))
                return redirect("admin:catalog_run_undo", run.pk)
            if request.method == "POST":
                undo = undoing.start(run, asked_by=person(request))
                tell(request, undo)
                return redirect(undo)
            undoing.check_undoable(run)
        except undoing.UndoError as error:
            messages.error(request, str(error))
            return redirect("admin:catalog_run_change", run.pk)
        changes = undoing.outstanding(run)
        created = changes.filter(created=True).count()
        preview = undoing.latest_preview(run)
        report = undoing.report_of(preview) if preview and preview.state == Run.State.DONE else None
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Undo {run}?",
            "run": run,
            "created": created,
            "changed": changes.count() - created,
            "preview": preview,
            "report": report,
            "more": report.kept - len(report.kept_movies) if report else 0,
        }
        return TemplateResponse(request, "admin/catalog/run/undo.html", context)

    def kept_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """GET: what an undo of this import left as it is, and why."""
        self._refuse_who_may_not_see(request)
        run = get_object_or_404(Run, pk=pk)
        kept = run.import_changes.exclude(kept="").select_related("movie").order_by("movie_id")
        paginator = Paginator(kept, KEPT_PER_PAGE)
        page = paginator.get_page(request.GET.get("page"))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Kept when {run} was undone",
            "run": run,
            "page": page,
            "pages": paginator.get_elided_page_range(page.number, on_each_side=2),
        }
        return TemplateResponse(request, "admin/catalog/run/kept.html", context)

    def rows_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """GET: the CSV file of all rows that the import did not take."""
        self._refuse_who_may_not_see(request)
        run = get_object_or_404(Run, pk=pk, kind=Run.IMPORT)
        try:
            file = listing_path(run).open("rb")
        except FileNotFoundError:
            raise Http404(
                "There is no list of rows for this run: it took all, or the list is too old."
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

    def _refuse_who_may_not_see(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied("This page needs the permission catalog.view_run.")


def _may_undo(request: HttpRequest) -> bool:
    return all(request.user.has_perm(name) for name in PERMISSIONS)


def _tools(request: HttpRequest, run: Run) -> list[tuple[str, str]]:
    """What can be done about the import: (label, address)."""
    wanted = [
        ("Undo this import", "undo", _may_undo(request) and not run.is_live),
        ("What was kept", "kept", "undone" in run.params),
        ("All rows not taken (CSV)", "rows", listing_path(run).is_file()),
    ]
    return [
        (label, reverse(f"admin:catalog_run_{name}", args=[run.pk])) for label, name, is_on in wanted if is_on
    ]
