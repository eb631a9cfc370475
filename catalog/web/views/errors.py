"""Error responses: Django's pages from templates, and JSON below /api/."""

from __future__ import annotations

import sys
from functools import cache
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.views import csrf, defaults

from catalog.web.http_methods import API_PREFIX, is_api
from postersite.database_waits import is_unavailable

# Errors that the web server also reports without calling Django.
DETAILS = {
    413: "The request is too large.",
    503: "The site is busy. Please try again in a few seconds.",
}
RETRY_AFTER_S = 5


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _json(400, "Bad Request") if is_api(request) else defaults.bad_request(request, exception)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _json(403, "Forbidden") if is_api(request) else defaults.permission_denied(request, exception)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _json(403, reason) if is_api(request) else csrf.csrf_failure(request, reason)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _json(404, "Not Found") if is_api(request) else defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """503 when the database was not available, 500 otherwise."""
    if is_unavailable(sys.exception()):
        return error_response(request.path_info, 503)
    return _json(500, "Internal Server Error") if is_api(request) else defaults.server_error(request)


def error_response(path: str, status: int) -> HttpResponse:
    """The response with ``status``, a key of DETAILS, to a request for ``path``."""
    in_api = path.startswith(API_PREFIX)
    response = _json(status, DETAILS[status]) if in_api else HttpResponse(_page(status), status=status)
    response["Cache-Control"] = "no-store"
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response["Retry-After"] = str(RETRY_AFTER_S)
    return response


@cache
def _page(status: int) -> str:
    return render_to_string("error.html", {"title": HTTPStatus(status).phrase, "detail": DETAILS[status]})


def _json(status: int, detail: str) -> JsonResponse:
    return JsonResponse({"detail": detail}, status=status)
