"""Genres in Django admin, with numbers of movies and pending suggestions."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from catalog.models import Genre, Suggestion


@admin.register(Genre)
class GenreAdmin(admin.ModelAdmin):
    list_display = ("name", "slug", "tagged_movies", "pending")
    search_fields = ("name",)
    prepopulated_fields = {"slug": ("name",)}

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        linked = request.user.has_perm("catalog.review_suggestion")
        return [*self.list_display[:-1], "pending" if linked else "pending_unlinked"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Genre]:
        is_pending = Q(suggestions__state=Suggestion.State.PENDING)
        return (
            super()
            .get_queryset(request)
            .annotate(
                movie_count=Count("movie_genres", distinct=True),
                pending_count=Count("suggestions", filter=is_pending, distinct=True),
            )
        )

    @admin.display(description="movies", ordering="movie_count")
    def tagged_movies(self, genre: Genre) -> SafeString:
        address = reverse("admin:catalog_movie_changelist", query={"genre": genre.slug})
        return format_html('<a href="{}">{}</a>', address, genre.movie_count)  # type: ignore[attr-defined]

    @admin.display(description="suggestions to review", ordering="pending_count")
    def pending(self, genre: Genre) -> SafeString:
        address = reverse("admin:catalog_reviewqueue_changelist", query={"genre": genre.pk})
        return format_html('<a href="{}">{}</a>', address, genre.pending_count)  # type: ignore[attr-defined]

    @admin.display(description="suggestions to review", ordering="pending_count")
    def pending_unlinked(self, genre: Genre) -> int:
        return genre.pending_count  # type: ignore[attr-defined]
