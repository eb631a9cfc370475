"""Error responses: Django's pages from templates, and JSON below /api/."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import csrf, defaults

from catalog.http_methods import is_api


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _json(400, "Bad Request") if is_api(request) else defaults.bad_request(request, exception)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _json(403, "Forbidden") if is_api(request) else defaults.permission_denied(request, exception)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _json(403, reason) if is_api(request) else csrf.csrf_failure(request, reason)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _json(404, "Not Found") if is_api(request) else defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    return _json(500, "Internal Server Error") if is_api(request) else defaults.server_error(request)


def _json(status: int, detail: str) -> JsonResponse:
    return JsonResponse({"detail": detail}, status=status)
