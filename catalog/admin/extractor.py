"""Extractors in Django admin: what made which vectors."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.http import HttpRequest

from catalog.models import Embedding, Extractor

from .read_only import ReadOnlyAdmin


@admin.register(Extractor)
class ExtractorAdmin(ReadOnlyAdmin):
    list_display = ("spec", "fingerprint", "dims", "vectors", "created_at")
    fields = ("spec", "fingerprint", "dims", "vectors", "created_at")
    search_fields = ("spec", "fingerprint")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Extractor]:
        made = (
            Embedding.objects.filter(extractor=OuterRef("pk"))
            .values("extractor")
            .annotate(number=Count("pk"))
            .values("number")
        )
        return super().get_queryset(request).annotate(vector_count=Subquery(made))

    @admin.display(description="posters embedded", ordering="vector_count")
    def vectors(self, extractor: Extractor) -> int:
        return extractor.vector_count or 0  # type: ignore[attr-defined]
