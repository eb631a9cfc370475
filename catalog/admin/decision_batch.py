"""Batches of decisions in Django admin: list, progress, and undoing a whole batch."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db.models import Count, F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST

from catalog.genres import decision_batches, review
from catalog.models import DecisionBatch
from catalog.runs import lifecycle

from .access import PermissionAdmin, person

DECISIONS_PER_PAGE = 50


@admin.register(DecisionBatch)
class DecisionBatchAdmin(PermissionAdmin):
    """The list, and a page for each batch. All of it needs the permission to review suggestions."""

    permission = "catalog.review_suggestion"
    list_display = ("__str__", "created_at", "reviewer", "chosen", "suggestions", "accepted", "undone")
    list_select_related = ("reviewer",)
    list_filter = (("reviewer", admin.RelatedOnlyFieldListFilter),)
    date_hierarchy = "created_at"
    list_per_page = 25

    def get_queryset(self, request: HttpRequest) -> QuerySet[DecisionBatch]:
        return (
            super()
            .get_queryset(request)
            .annotate(accepted=Count("decisions"), undone=Count("decisions__reversal"))
        )

    def get_urls(self) -> list[URLPattern]:
        return [
            path("<int:pk>/change/", self.guarded(self.batch_view), name="catalog_decisionbatch_change"),
            path(
                "<int:pk>/undo/",
                self.guarded(require_POST(self.undo_view)),
                name="catalog_decisionbatch_undo",
            ),
            path(
                "<int:pk>/cancel/",
                self.guarded(require_POST(self.cancel_view)),
                name="catalog_decisionbatch_cancel",
            ),
            *super().get_urls(),
        ]

    @admin.display(description="accepted", ordering="accepted")
    def accepted(self, batch: DecisionBatch) -> int:
        return batch.accepted  # type: ignore[attr-defined]

    @admin.display(description="undone", ordering="undone")
    def undone(self, batch: DecisionBatch) -> int:
        return batch.undone  # type: ignore[attr-defined]

    def batch_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """GET: counts, progress, and a page of the decisions not undone, or (`show=undone`) of those undone.

        Without `show` it lists those not undone, if there are any.
        """
        batch = get_object_or_404(DecisionBatch.objects.select_related("reviewer"), pk=pk)
        standing = decision_batches.not_undone(batch)
        counts = {"accepted": batch.decisions.count(), "standing": standing.count()}
        is_undone = request.GET.get("show", "" if counts["standing"] else "undone") == "undone"
        shown = batch.decisions.exclude(reversal=None) if is_undone else standing
        shown = shown.select_related("movie", "genre", "suggestion", "reversal__reviewer")
        shown = shown.prefetch_related(review.calibration("suggestion__model"))
        paginator = Paginator(shown.order_by("pk"), DECISIONS_PER_PAGE)
        page = paginator.get_page(request.GET.get("page"))
        genres = batch.decisions.order_by().values(name=F("genre__name")).annotate(number=Count("pk"))
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": str(batch),
            "batch": batch,
            **counts,
            "undone": counts["accepted"] - counts["standing"],
            "runs": decision_batches.runs_of(batch).select_related("asked_by"),
            "live": decision_batches.live_run(batch),
            "genres": genres.order_by("-number", "name"),
            "is_undone": is_undone,
            "page": page,
            "pages": paginator.get_elided_page_range(page.number, on_each_side=2),
            "address": f"show={'undone' if is_undone else 'standing'}&",
            # For this page only: which decisions an undo would keep, and why.
            "rows": [(each, "") for each in page]
            if is_undone
            else [(each.decision, each.obstacle) for each in decision_batches.plan_undo(list(page))],
        }
        return TemplateResponse(request, "admin/catalog/decisionbatch/batch.html", context)

    def undo_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """POST: start to undo the whole batch."""
        batch = get_object_or_404(DecisionBatch, pk=pk)
        try:
            decision_batches.start_undo(batch, person(request))
        except decision_batches.BatchError as error:
            messages.warning(request, str(error))
        return redirect(batch)

    def cancel_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """POST: cancel accepting or undoing. What was done so far stays."""
        batch = get_object_or_404(DecisionBatch, pk=pk)
        if live := decision_batches.live_run(batch):
            try:
                lifecycle.cancel(live)
            except lifecycle.RunError as error:
                messages.warning(request, str(error))
        return redirect(batch)
