"""Genre models in Django admin: their figures, and promoting one."""

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
from django.views.decorators.http import require_POST

from catalog.genres import model_comparison, model_differences, promotion
from catalog.models import GenreModel, Suggestion

from . import genre_model_cards, genre_model_figures
from .model_admin import ReadOnlyAdmin, current_user, page_context

PERMISSION = "catalog.change_genremodel"
ACTIVE = GenreModel.State.ACTIVE
BUNDLED = "bundled with Postersite"


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
                    "compared_with_bundled",
                    "recipe",
                    "reads",
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
        return BUNDLED if model.shipped else "trained here"

    @admin.display(description="compared with the model before")
    def compared_with_bundled(self, model: GenreModel) -> str:
        reason = model_comparison.reason(model) or model_differences.when_trained(model)
        if model.shipped or not reason:
            return "is bundled" if model.shipped else "not compared"
        return f"{reason[:1].upper()}{reason[1:].rstrip('.')}."

    @admin.display(description="recipe", ordering="recipe")
    def recipe_and_extractor(self, model: GenreModel) -> str:
        return f"{model.recipe} on {model.extractor}"

    @admin.display(description="reads")
    def reads(self, model: GenreModel) -> str:
        left_out = [part for part in model.parts if part not in model.parts_used]
        unused = f" (not used: {', '.join(left_out)}; see POSTERSITE_GENRE_EVIDENCE)" if left_out else ""
        return f"{', '.join(model.parts)}{unused}"

    @admin.display(description="macro F1")
    def macro_f1(self, model: GenreModel) -> str:
        return str(genre_model_figures.figure(genre_model_figures.card(model).get("macro_f1")))

    @admin.display(description="mAP")
    def mean_average_precision(self, model: GenreModel) -> str:
        return str(genre_model_figures.figure(genre_model_figures.card(model).get("mean_average_precision")))

    @admin.display(description="promoted", ordering="promoted_at")
    def promoted(self, model: GenreModel) -> str:
        return date_format(localtime(model.promoted_at), "j M Y") if model.promoted_at else "–"

    @admin.action(description="Promote", permissions=["promote"])
    def promote_selected(self, request: HttpRequest, queryset: QuerySet[GenreModel]) -> Any:
        return self._confirm_one(request, queryset, "promote")

    @admin.action(description="Roll back", permissions=["promote"])
    def undo_selected(self, request: HttpRequest, queryset: QuerySet[GenreModel]) -> Any:
        return self._confirm_one(request, queryset, "undo")

    def _confirm_one(self, request: HttpRequest, queryset: QuerySet[GenreModel], verb: str) -> Any:
        if len(queryset) != 1:
            messages.error(request, "Select exactly one model. Nothing was changed.")
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
            path(
                "<int:pk>/keep/",
                self.admin_site.admin_view(require_POST(self.keep_view)),
                name="catalog_genremodel_keep",
            ),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Cards above the list of all models."""
        page = {
            "title": "Genre models",
            "cards": genre_model_cards.cards(),
            "active": promotion.active_model(),
            "previous": promotion.previous_model(),
            "may_promote": self.has_promote_permission(request),
        }
        return super().changelist_view(request, {**(extra_context or {}), **page})

    def promote_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """GET: a confirmation with the figures of both models. POST: promote."""
        model = self._permitted(request, pk)
        if model.state == ACTIVE:
            messages.info(request, f"Genre model {model.version} is already active.")
        elif request.method == "POST":
            before = promotion.active_model()
            try:
                run = promotion.promote(model, by=current_user(request))
            except promotion.CannotPromote as error:
                messages.error(request, str(error))
                return redirect("admin:catalog_genremodel_changelist")
            instead = f" instead of genre model {before.version}" if before else ""
            self.log_change(request, model, f"Promoted{instead}.")
            messages.success(
                request,
                f"Genre model {model.version} is active.{' Suggestions are being updated.' if run else ''}",
            )
        else:
            return self._confirm(request, model, "Promote", "Promote", _active())
        return redirect("admin:catalog_genremodel_changelist")

    def undo_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """GET: a confirmation with the figures of both models. POST: undo the promotion."""
        model = self._permitted(request, pk)
        if model.state != ACTIVE:
            messages.error(request, f"Genre model {model.version} is not active.")
        elif request.method == "POST":
            try:
                before = promotion.undo_promotion(model, by=current_user(request))
            except promotion.CannotPromote as error:
                messages.error(request, str(error))
                return redirect("admin:catalog_genremodel_changelist")
            self.log_change(request, model, "The promotion was undone.")
            if before:
                self.log_change(request, before, f"Active again instead of genre model {model.version}.")
            messages.success(
                request,
                f"Genre model {before.version} is active again. Suggestions are being updated."
                if before
                else "No genre model is active. Nothing is suggested until one is promoted.",
            )
        else:
            before = promotion.previous_model()
            return self._confirm(request, model, "Roll back", "Roll back", before)
        return redirect("admin:catalog_genremodel_changelist")

    def keep_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """POST: keep the active model and set the candidate aside."""
        model = self._permitted(request, pk)
        try:
            promotion.set_aside(model)
        except promotion.CannotPromote as error:
            messages.error(request, str(error))
        else:
            active = promotion.active_model()
            kept = f"Genre model {active.version} stays active." if active else "No genre model is active."
            self.log_change(request, model, f"Set aside. {kept}")
            messages.success(request, f"{kept} Genre model {model.version} was set aside.")
        return redirect("admin:catalog_genremodel_changelist")

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        model = self.get_object(request, object_id)
        page: dict[str, Any] = {}
        if model is not None:
            active = promotion.active_model()
            page = {
                "title": f"Genre model {model.version}",
                "subtitle": f"{model.recipe}, {model.get_state_display()}",
                "model": model,
                "beside": genre_model_cards.card_of(model, active),
                "active": active,
                "history": genre_model_cards.history(model),
                "data": genre_model_cards.data_facts(model),
                "figures": genre_model_figures.rows(model),
                "genre_rows": genre_model_figures.genre_rows(model),
                "card": genre_model_figures.card(model),
                "points": genre_model_figures.points(model),
                "abstention": genre_model_figures.abstention(model),
                "combinations": genre_model_figures.combinations(model),
                "disabled_genres": genre_model_figures.disabled_genres(model),
                "calibration": genre_model_figures.calibration(model),
                "measured_on": (model.metrics or {}).get("measured_on", ""),
                "left_out": (model.metrics or {}).get("left_out", []),
                "suggestion_counts": _suggestion_counts(model),
                "may_promote": self.has_promote_permission(request),
            }
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **page})

    def _permitted(self, request: HttpRequest, pk: int) -> GenreModel:
        if not self.has_promote_permission(request):
            raise PermissionDenied("Promoting a genre model needs the permission catalog.change_genremodel.")
        return get_object_or_404(GenreModel, pk=pk)

    def _confirm(
        self, request: HttpRequest, model: GenreModel, title: str, verb: str, other: GenreModel | None
    ) -> HttpResponse:
        wanted, current = (model, other) if verb == "Promote" else (other, model)
        context = {
            **page_context(self, request, f"{title} genre model {model.version}?"),
            "model": model,
            "other": other,
            "verb": verb,
            "beside": genre_model_cards.card_of(wanted, current) if wanted else None,
            "current": current,
            "problem": promotion.file_problem(wanted) if wanted else "",
            "models": [(one, genre_model_figures.rows(one)) for one in (model, other) if one is not None],
        }
        return TemplateResponse(request, "admin/catalog/genremodel/confirm.html", context)


def _active() -> GenreModel | None:
    return GenreModel.objects.filter(state=ACTIVE).first()


def _suggestion_counts(model: GenreModel) -> list[tuple[str, int]]:
    counts = Suggestion.objects.filter(model=model).order_by().values_list("state").annotate(Count("pk"))
    by_state = dict(counts)
    return [(label, by_state[state]) for state, label in Suggestion.State.choices if state in by_state]
