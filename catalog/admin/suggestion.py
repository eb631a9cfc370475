"""Suggestions and decisions in Django admin, read-only: decisions are made in the review queue."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from catalog.genres import review
from catalog.models import ReviewDecision, Suggestion
from catalog.templatetags.wording import likelihood, threshold_text
from catalog.transfer.tables import decisions

from .downloads import FORMATS, download_path
from .model_admin import MovieSearchAdmin, ReadOnlyAdmin


@admin.register(Suggestion)
class SuggestionAdmin(MovieSearchAdmin, ReadOnlyAdmin):
    list_display = (
        "of_movie",
        "genre",
        "score_",
        "threshold_",
        "sure",
        "state",
        "by_model",
        "created_at",
        "decided_at",
        "heat_map",
    )
    readonly_fields = ("heat_map",)
    list_filter = ("state", "sure", "genre", "model")
    list_select_related = ("movie", "genre", "model")
    search_fields = ("=movie__imdb_id",)
    date_hierarchy = "created_at"
    list_per_page = 100

    @admin.display(description="movie", ordering="movie__title")
    def of_movie(self, suggestion: Suggestion) -> str:
        return str(suggestion.movie)

    @admin.display(description="score", ordering="score")
    def score_(self, suggestion: Suggestion) -> str:
        return likelihood(suggestion)

    @admin.display(description="threshold", ordering="threshold")
    def threshold_(self, suggestion: Suggestion) -> str:
        return threshold_text(suggestion)

    @admin.display(description="model", ordering="model__version")
    def by_model(self, suggestion: Suggestion) -> str:
        return f"{suggestion.model.version}"

    @admin.display(description="heat map")
    def heat_map(self, suggestion: Suggestion) -> SafeString:
        return format_html('<a href="{}">Show</a>', reverse("catalog:heat_map", args=[suggestion.pk]))


@admin.register(ReviewDecision)
class ReviewDecisionAdmin(MovieSearchAdmin, ReadOnlyAdmin):
    """Decisions are append-only."""

    list_display = (
        "created_at",
        "reviewer",
        "verdict",
        "genre",
        "of_movie",
        "score_",
        "threshold_",
        "of_batch",
    )
    list_filter = ("verdict", "genre", "reviewer")
    list_select_related = ("movie", "genre", "reviewer", "suggestion")
    search_fields = ("reviewer__username",)
    date_hierarchy = "created_at"
    list_per_page = 100

    def get_urls(self) -> list[URLPattern]:
        files = [
            download_path(self, decisions, f"decisions.{each}", f"catalog_reviewdecision_{each}")
            for each in FORMATS
        ]
        return [*files, *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReviewDecision]:
        return super().get_queryset(request).prefetch_related(review.calibration("suggestion__model"))

    @admin.display(description="movie", ordering="movie__title")
    def of_movie(self, decision: ReviewDecision) -> SafeString:
        address = reverse("admin:catalog_movie_change", args=[decision.movie_id])
        return format_html('<a href="{}">{}</a>', address, decision.movie)

    @admin.display(description="batch", ordering="batch")
    def of_batch(self, decision: ReviewDecision) -> str:
        return f"#{decision.batch_id}" if decision.batch_id else "–"

    @admin.display(description="score", ordering="score")
    def score_(self, decision: ReviewDecision) -> str:
        return likelihood(decision) if decision.score is not None else "–"

    @admin.display(description="threshold", ordering="threshold")
    def threshold_(self, decision: ReviewDecision) -> str:
        return threshold_text(decision)
