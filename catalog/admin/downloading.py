"""Download the movies that the list in admin shows, all pages of it, as CSV."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.views.decorators.http import require_safe

from catalog.transfer.tables import csv_lines, titles


class DownloadsTitles(admin.ModelAdmin):
    """Adds an address that answers with the list's movies, its search, filters and order applied."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_safe(self.titles_view))
        return [path("titles.csv", view, name="catalog_movie_titles"), *super().get_urls()]

    def titles_view(self, request: HttpRequest) -> StreamingHttpResponse | HttpResponseRedirect:
        """GET: as a stream, so that sixty thousand movies need no more memory than sixty."""
        if not self.has_view_permission(request):
            raise PermissionDenied("Downloading titles needs the permission to view movies.")
        try:
            shown = self.get_changelist_instance(request)
        except IncorrectLookupParameters:
            return redirect("admin:catalog_movie_changelist")
        return StreamingHttpResponse(
            csv_lines(titles(shown.queryset)),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="titles.csv"'},
        )
