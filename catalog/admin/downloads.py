"""Download of a list in Django admin as a file, with its search, filters and order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.views.decorators.http import require_safe

from catalog.transfer.tables import Table, csv_lines, json_lines

FORMATS = {
    "csv": (csv_lines, "text/csv; charset=utf-8"),
    "json": (json_lines, "application/json; charset=utf-8"),
}


def download_path(
    model_admin: admin.ModelAdmin, table: Callable[[QuerySet[Any]], Table], file: str, url_name: str
) -> URLPattern:
    """The URL of the file, such as `titles.csv`. It needs the permission to view the list."""

    def view(request: HttpRequest) -> StreamingHttpResponse | HttpResponseRedirect:
        """GET: streamed, so that the memory needed does not depend on the number of rows."""
        options = model_admin.opts
        if not model_admin.has_view_permission(request):
            raise PermissionDenied(f"This download needs the permission catalog.view_{options.model_name}.")
        try:
            changelist = model_admin.get_changelist_instance(request)
        except IncorrectLookupParameters:
            return redirect(f"admin:catalog_{options.model_name}_changelist")
        lines, content_type = FORMATS[file.rpartition(".")[2]]
        return StreamingHttpResponse(
            lines(table(changelist.queryset)),
            content_type=content_type,
            headers={"Content-Disposition": f'attachment; filename="{file}"'},
        )

    return path(file, model_admin.admin_site.admin_view(require_safe(view)), name=url_name)
