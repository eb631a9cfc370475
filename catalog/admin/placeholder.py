"""Placeholders in Django admin: what was taken for "no image available", and may be a poster after all."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from catalog.models import Placeholder


@admin.register(Placeholder)
class PlaceholderAdmin(admin.ModelAdmin):
    list_display = ("found_at", "source", "movies", "source_url", "is_poster")
    list_editable = ("is_poster",)
    list_filter = ("is_poster", "source")
    fields = ("found_at", "source", "source_url", "sha256", "movies", "is_poster")
    readonly_fields = ("found_at", "source", "source_url", "sha256", "movies")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
