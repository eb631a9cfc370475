"""Extractors in Django admin, with numbers of embedded posters and what each is used for."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.http import HttpRequest

from catalog.embeddings import extractors
from catalog.genres import promotion
from catalog.models import Embedding, Extractor

from .model_admin import ReadOnlyAdmin


@admin.register(Extractor)
class ExtractorAdmin(ReadOnlyAdmin):
    list_display = ("spec", "fingerprint", "dims", "vectors", "used_for", "created_at")
    fields = ("spec", "fingerprint", "dims", "vectors", "used_for", "created_at")
    search_fields = ("spec", "fingerprint")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Extractor]:
        counts = (
            Embedding.objects.filter(extractor=OuterRef("pk"))
            .values("extractor")
            .annotate(number=Count("pk"))
            .values("number")
        )
        return super().get_queryset(request).annotate(vector_count=Subquery(counts))

    @admin.display(description="posters embedded", ordering="vector_count")
    def vectors(self, extractor: Extractor) -> int:
        return extractor.vector_count or 0  # type: ignore[attr-defined]

    @admin.display(description="used for")
    def used_for(self, extractor: Extractor) -> str:
        model = promotion.active_model()
        uses = []
        if extractor == extractors.default_extractor():
            uses.append("look-alikes")
        if model is not None and model.extractor_id == extractor.pk:
            uses.append(f"genre model {model.version}")
        configured, _ = extractors.available(extractors.configured_specs())
        if not uses and extractor.fingerprint in configured.values():
            uses.append("comparison")
        return " and ".join(uses) or (
            "nothing: new posters are not embedded with it. Delete it with manage.py forget_extractor"
        )
