"""Error responses: pages, and JSON below /api/."""

from __future__ import annotations

import sys
from functools import cache
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views import defaults

from catalog.web.http_methods import API_PREFIX, is_api
from postersite.database_waits import is_unavailable

RETRY_AFTER_S = 5
# The web server also reports 413 and 503, without calling Django.
DETAILS = {
    403: "You do not have permission. Ask an administrator, or sign in with another account.",
    404: "There is no page at this address. The film may have been deleted.",
    413: "The request is too large.",
    500: "Something went wrong. The error has been logged. Please try again in a moment.",
    503: "The site is busy. Please try again in a few seconds.",
}


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _json(400, "Bad Request") if is_api(request) else defaults.bad_request(request, exception)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_api(request):
        return _json(403, "Forbidden")
    return _site_page(request, 403, str(exception) or DETAILS[403])


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    if is_api(request):
        return _json(403, reason)
    detail = "Nothing was changed. Go back, reload the page and try again. Cookies must be allowed."
    return _site_page(request, 403, detail, title="The form has expired")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _json(404, "Not Found") if is_api(request) else _site_page(request, 404, DETAILS[404])


def server_error(request: HttpRequest) -> HttpResponse:
    """503 when the database was not available, 500 otherwise."""
    if is_unavailable(sys.exception()):
        return error_response(request.path_info, 503)
    return _json(500, "Internal Server Error") if is_api(request) else error_response(request.path_info, 500)


def error_response(path: str, status: int) -> HttpResponse:
    """The response with `status`, a key of DETAILS, to a request for `path`. Needs no database."""
    in_api = path.startswith(API_PREFIX)
    response = _json(status, DETAILS[status]) if in_api else HttpResponse(_bare_page(status), status=status)
    response["Cache-Control"] = "no-store"
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response["Retry-After"] = str(RETRY_AFTER_S)
    return response


def _site_page(request: HttpRequest, status: int, detail: str, title: str = "") -> HttpResponse:
    context = {"layout": "base.html", "title": title or HTTPStatus(status).phrase, "detail": detail}
    return render(request, "error.html", context, status=status)


@cache
def _bare_page(status: int) -> str:
    context = {"layout": "bare_page.html", "title": HTTPStatus(status).phrase, "detail": DETAILS[status]}
    return render_to_string("error.html", context)


def _json(status: int, detail: str) -> JsonResponse:
    return JsonResponse({"detail": detail}, status=status)
