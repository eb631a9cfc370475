"""Batches of decisions in Django admin: list, progress, and undo."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST, require_safe

from catalog.genres import decision_batches, review
from catalog.models import DecisionBatch
from catalog.runs import lifecycle

from .model_admin import BULK_PERMISSION, PermissionAdmin, current_user, page_context, paginated

DECISIONS_PER_PAGE = 50


@admin.register(DecisionBatch)
class DecisionBatchAdmin(PermissionAdmin):
    """Pages for reviewers. All of them need `catalog.review_suggestion`.

    Only who may accept in bulk undoes or cancels batches of others.
    """

    permission = "catalog.review_suggestion"
    list_display = ("__str__", "created_at", "reviewer", "filter", "suggestions", "accepted", "undone")
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
            path(
                "<int:pk>/change/",
                self.guarded(require_safe(self.batch_view)),
                name="catalog_decisionbatch_change",
            ),
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

    @admin.display(description="filter", ordering="chosen")
    def filter(self, batch: DecisionBatch) -> str:
        return batch.chosen

    @admin.display(description="accepted", ordering="accepted")
    def accepted(self, batch: DecisionBatch) -> int:
        return batch.accepted  # type: ignore[attr-defined]

    @admin.display(description="undone", ordering="undone")
    def undone(self, batch: DecisionBatch) -> int:
        return batch.undone  # type: ignore[attr-defined]

    def batch_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """GET: counts, progress, and a page of decisions.

        `?show=` is `standing` for decisions that were not undone, or `undone`. The default is `standing` if
        there are any.
        """
        batch = get_object_or_404(DecisionBatch.objects.select_related("reviewer"), pk=pk)
        standing = decision_batches.not_undone(batch)
        counts = {"accepted": batch.decisions.count(), "standing": standing.count()}
        is_undone = request.GET.get("show", "" if counts["standing"] else "undone") == "undone"
        shown = batch.decisions.exclude(reversal=None) if is_undone else standing
        shown = shown.select_related("movie", "genre", "suggestion", "reversal__reviewer")
        shown = shown.prefetch_related(review.calibration("suggestion__model"))
        rows = paginated(request, shown.order_by("pk"), DECISIONS_PER_PAGE)
        genres = batch.decisions.order_by().values(name=F("genre__name")).annotate(number=Count("pk"))
        context: dict[str, Any] = {
            **page_context(self, request, str(batch)),
            "batch": batch,
            "may_change": may_change(request, batch),
            **counts,
            "undone": counts["accepted"] - counts["standing"],
            "runs": decision_batches.runs_of(batch).select_related("asked_by"),
            "live": decision_batches.live_run(batch),
            "genres": genres.order_by("-number", "name"),
            "is_undone": is_undone,
            **rows,
            "address": f"show={'undone' if is_undone else 'standing'}&",
            # For this page only: the reasons why decisions cannot be undone.
            "rows": [(each, "") for each in rows["page"]]
            if is_undone
            else [(each.decision, each.obstacle) for each in decision_batches.plan_undo(list(rows["page"]))],
        }
        return TemplateResponse(request, "admin/catalog/decisionbatch/batch.html", context)

    def undo_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """POST: start a run that undoes the batch."""
        batch = _changeable(request, pk)
        try:
            decision_batches.start_undo(batch, current_user(request))
        except decision_batches.BatchError as error:
            messages.warning(request, str(error))
        return redirect(batch)

    def cancel_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """POST: cancel the run. Finished decisions are kept."""
        batch = _changeable(request, pk)
        if live := decision_batches.live_run(batch):
            try:
                lifecycle.cancel(live)
            except lifecycle.RunError as error:
                messages.warning(request, str(error))
        return redirect(batch)


def may_change(request: HttpRequest, batch: DecisionBatch) -> bool:
    """Whether the user may cancel and undo the batch."""
    return batch.reviewer_id == request.user.pk or request.user.has_perm(BULK_PERMISSION)


def _changeable(request: HttpRequest, pk: int) -> DecisionBatch:
    batch = get_object_or_404(DecisionBatch, pk=pk)
    if not may_change(request, batch):
        raise PermissionDenied(f"Undoing a batch of others needs the permission {BULK_PERMISSION}.")
    return batch
