"""Filters beside the list of movies."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, Exists, OuterRef, QuerySet
from django.http import HttpRequest

from catalog.models import Genre, Movie, MovieGenre, Poster, Suggestion


class GenreFilter(admin.SimpleListFilter):
    title = "genre"
    parameter_name = "genre"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        genres = Genre.objects.values_list("slug", "name")
        return [("-", "untagged"), *genres]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Movie]) -> QuerySet[Movie]:
        if self.value() is None:
            return queryset
        held = MovieGenre.objects.filter(movie=OuterRef("pk"))
        if self.value() == "-":
            return queryset.filter(~Exists(held))
        return queryset.filter(Exists(held.filter(genre__slug=self.value())))


class PosterFilter(admin.SimpleListFilter):
    title = "poster"
    parameter_name = "poster"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("yes", "has a poster"),
            ("no", "has none"),
            ("locked", "chosen by a person"),
            ("bare", "has one, not embedded"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Movie]) -> QuerySet[Movie]:
        posters = Poster.objects.filter(movie=OuterRef("pk"))
        match self.value():
            case "yes":
                return queryset.filter(Exists(posters))
            case "no":
                return queryset.filter(~Exists(posters))
            case "locked":
                return queryset.filter(Exists(posters.filter(locked=True)))
            case "bare":
                return queryset.filter(Exists(posters.filter(is_primary=True, embeddings__isnull=True)))
        return queryset


class SuggestionFilter(admin.SimpleListFilter):
    title = "suggestions"
    parameter_name = "suggested"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state, f"has {label} ones") for state, label in Suggestion.State.choices[:3]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Movie]) -> QuerySet[Movie]:
        if self.value() is None:
            return queryset
        return queryset.filter(Exists(Suggestion.objects.filter(movie=OuterRef("pk"), state=self.value())))


class FranchiseFilter(admin.SimpleListFilter):
    """The largest franchises; the others are found by search."""

    title = "franchise"
    parameter_name = "franchise"
    most = 20

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        largest = (
            Movie.objects.exclude(franchise="")
            .order_by()
            .values("franchise")
            .annotate(movies=Count("pk"))
            .order_by("-movies", "franchise")[: self.most]
        )
        return [(row["franchise"], f"{row['franchise']} ({row['movies']})") for row in largest]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Movie]) -> QuerySet[Movie]:
        return queryset if self.value() is None else queryset.filter(franchise=self.value())
