"""Find rows in Django admin by their movie, with the search of the site."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from catalog import search
from catalog.models import Movie


class SearchesMovies(admin.ModelAdmin):
    """Search by movie and by `search_fields`. For Movie itself, the best match comes first."""

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not search_term.strip():
            return queryset, False
        found = search.find(search_term)
        if self.model is Movie:
            rows = queryset.filter(found.where) if "o" in request.GET else found.best_first(queryset)
        else:
            others, _ = super().get_search_results(request, queryset, search_term)
            by_other = Q(pk__in=others.order_by().values("pk"))
            if found.corrected and others.exists():
                return queryset.filter(by_other), False
            movies = found.movies.order_by().values("pk")
            # Decisions stay with a movie that was merged into another.
            rows = queryset.filter(by_other | Q(movie__in=movies) | Q(movie__merged_into__in=movies))
        where = request.resolver_match.url_name if request.resolver_match else ""
        if found.corrected and request.method == "GET" and str(where).endswith("_changelist"):
            messages.info(request, f"Showing results for {found.corrected}.")
        return rows, False
