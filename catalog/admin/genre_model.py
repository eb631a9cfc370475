"""Genre models in Django admin: how good each is, and the switch that says which one suggests."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.formats import date_format
from django.utils.timezone import localtime

from catalog.genres import model_comparison, promotion
from catalog.models import GenreModel, Suggestion

from . import operating_points, scorecard
from .access import ReadOnlyAdmin, person

PERMISSION = "catalog.change_genremodel"
ACTIVE = GenreModel.State.ACTIVE
SHIPPED = "shipped with Postersite"


@admin.register(GenreModel)
class GenreModelAdmin(ReadOnlyAdmin):
    list_display = (
        "version",
        "state",
        "origin",
        "recipe_and_extractor",
        "macro_f1",
        "mean_average_precision",
        "promoted",
    )
    list_filter = ("state", "shipped", "recipe", "extractor")
    list_select_related = ("extractor",)
    actions = ("promote_selected", "undo_selected")
    fieldsets = (
        (
            "Where it comes from",
            {
                "fields": (
                    "origin",
                    "beside_the_shipped",
                    "recipe",
                    "extractor",
                    "run",
                    ("created_at", "promoted_at"),
                )
            },
        ),
        (
            "Files and settings",
            {
                "classes": ("collapse",),
                "fields": ("weights_file", "weights_sha256", "dataset_fingerprint", "config"),
            },
        ),
    )

    def has_promote_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(PERMISSION)

    @admin.display(description="origin", ordering="shipped")
    def origin(self, model: GenreModel) -> str:
        return SHIPPED if model.shipped else "trained here"

    @admin.display(description="beside the shipped model")
    def beside_the_shipped(self, model: GenreModel) -> str:
        why = model_comparison.reason(model)
        if model.shipped or not why:
            return "it is a shipped one itself" if model.shipped else "was not set beside it"
        return f"{why[:1].upper()}{why[1:].rstrip('.')}."

    @admin.display(description="recipe", ordering="recipe")
    def recipe_and_extractor(self, model: GenreModel) -> str:
        return f"{model.recipe} on {model.extractor}"

    @admin.display(description="macro F1")
    def macro_f1(self, model: GenreModel) -> str:
        return str(scorecard.figure(scorecard.card(model).get("macro_f1")))

    @admin.display(description="mAP")
    def mean_average_precision(self, model: GenreModel) -> str:
        return str(scorecard.figure(scorecard.card(model).get("mean_average_precision")))

    @admin.display(description="promoted", ordering="promoted_at")
    def promoted(self, model: GenreModel) -> str:
        return date_format(localtime(model.promoted_at), "j M Y") if model.promoted_at else "–"

    @admin.action(description="Promote: suggest with it from now on", permissions=["promote"])
    def promote_selected(self, request: HttpRequest, queryset: QuerySet[GenreModel]) -> Any:
        return self._confirm_one(request, queryset, "promote")

    @admin.action(description="Undo its promotion", permissions=["promote"])
    def undo_selected(self, request: HttpRequest, queryset: QuerySet[GenreModel]) -> Any:
        return self._confirm_one(request, queryset, "undo")

    def _confirm_one(self, request: HttpRequest, queryset: QuerySet[GenreModel], verb: str) -> Any:
        if len(queryset) != 1:
            messages.error(request, "One model suggests at a time: tick exactly one. Nothing was changed.")
            return None
        return redirect(f"admin:catalog_genremodel_{verb}", queryset[0].pk)

    def get_urls(self) -> list[URLPattern]:
        return [
            path(
                "<int:pk>/promote/",
                self.admin_site.admin_view(self.promote_view),
                name="catalog_genremodel_promote",
            ),
            path(
                "<int:pk>/undo/", self.admin_site.admin_view(self.undo_view), name="catalog_genremodel_undo"
            ),
            *super().get_urls(),
        ]

    def promote_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """GET asks, beside the figures of the model in use; POST promotes."""
        model = self._permitted(request, pk)
        if model.state == ACTIVE:
            messages.info(request, f"Genre model {model.version} is in use already.")
        elif request.method == "POST":
            try:
                run = promotion.promote(model, by=person(request))
            except promotion.CannotPromote as error:
                messages.error(request, str(error))
                return redirect("admin:catalog_genremodel_changelist")
            messages.success(
                request,
                f"Genre model {model.version} is in use.{' New suggestions follow.' if run else ''}",
            )
        else:
            return self._ask(request, model, "Promote", "Promote", _active())
        return redirect("admin:catalog_genremodel_changelist")

    def undo_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """GET asks, beside the figures of the model that would come back; POST undoes."""
        model = self._permitted(request, pk)
        if model.state != ACTIVE:
            messages.error(
                request, f"Genre model {model.version} is not in use, so there is no promotion to undo."
            )
        elif request.method == "POST":
            try:
                before = promotion.undo_promotion(model, by=person(request))
            except promotion.CannotPromote as error:
                messages.error(request, str(error))
                return redirect("admin:catalog_genremodel_changelist")
            messages.success(
                request,
                f"Genre model {before.version} is in use again. Its suggestions follow."
                if before
                else "No genre model is in use now: nothing is suggested until one is promoted.",
            )
        else:
            before = (
                GenreModel.objects.filter(state=GenreModel.State.RETIRED, promoted_at__isnull=False)
                .order_by("-promoted_at")
                .first()
            )
            return self._ask(request, model, "Undo the promotion", "Undo", before)
        return redirect("admin:catalog_genremodel_changelist")

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        model = self.get_object(request, object_id)
        shown: dict[str, Any] = {}
        if model is not None:
            shown = {
                "model": model,
                "figures": scorecard.rows(model),
                "genre_rows": scorecard.genre_rows(model),
                "card": scorecard.card(model),
                "points": operating_points.points(model),
                "abstention": operating_points.abstention(model),
                "no_evidence": operating_points.no_evidence(model),
                "calibration": operating_points.calibration(model),
                "measured_on": (model.metrics or {}).get("measured_on", ""),
                "left_out": (model.metrics or {}).get("left_out", []),
                "suggestion_counts": _suggestion_counts(model),
                "may_promote": self.has_promote_permission(request),
            }
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})

    def _permitted(self, request: HttpRequest, pk: int) -> GenreModel:
        if not self.has_promote_permission(request):
            raise PermissionDenied("Promoting a genre model needs the permission catalog.change_genremodel.")
        return get_object_or_404(GenreModel, pk=pk)

    def _ask(
        self, request: HttpRequest, model: GenreModel, title: str, verb: str, other: GenreModel | None
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"{title}: genre model {model.version}?",
            "model": model,
            "other": other,
            "verb": verb,
            "models": [(one, scorecard.rows(one)) for one in (model, other) if one is not None],
        }
        return TemplateResponse(request, "admin/catalog/genremodel/confirm.html", context)


def _active() -> GenreModel | None:
    return GenreModel.objects.filter(state=ACTIVE).first()


def _suggestion_counts(model: GenreModel) -> list[tuple[str, int]]:
    found = Suggestion.objects.filter(model=model).order_by().values_list("state").annotate(Count("pk"))
    numbers = dict(found)
    return [(label, numbers[state]) for state, label in Suggestion.State.choices if state in numbers]
