"""HTTP methods: pages accept GET, HEAD and POST; below /api/, HEAD, OPTIONS and 405 responses are added."""

from __future__ import annotations

import json
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed

API_PREFIX = "/api/"
PAGE_METHODS = ("GET", "HEAD", "POST")


def is_api(request: HttpRequest) -> bool:
    """Whether the request is to the JSON API, also at an address that does not exist."""
    return request.path_info.startswith(API_PREFIX)


def http_methods(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[..., HttpResponse]:
    """Middleware. It must come before CSRF protection, which responds to other methods with 403."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response: HttpResponse
        if is_api(request):
            response = _api_response(request, get_response)
        elif request.method in PAGE_METHODS:
            response = get_response(request)
        else:
            response = HttpResponseNotAllowed(PAGE_METHODS)
        if request.method == "HEAD":
            # Not every web server drops the body, and gunicorn logs a warning for each.
            if response.streaming:
                response.streaming_content = ()  # type: ignore[attr-defined]
            else:
                response.content = b""
        return response

    return middleware


def _api_response(request: HttpRequest, get_response: Callable[[HttpRequest], HttpResponse]) -> HttpResponse:
    method = request.method
    if method == "HEAD":
        request.method = "GET"
    response = get_response(request)
    request.method = method
    if response.status_code != 405:
        return response
    allowed = {name.strip() for name in response["Allow"].split(",")}
    response["Allow"] = ", ".join(sorted(allowed | {"OPTIONS"} | ({"HEAD"} if "GET" in allowed else set())))
    if method == "OPTIONS":
        response.status_code = 204
        response.content = b""
        del response["Content-Type"], response["Content-Length"]
    else:
        response.content = json.dumps({"detail": f"{method} is not allowed here."}).encode()
        response["Content-Type"] = "application/json; charset=utf-8"
        response["Content-Length"] = str(len(response.content))
    return response
