"""Request ids, health checks, metrics and compression."""

from __future__ import annotations

import re
from collections.abc import Callable
from uuid import uuid4

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware

from catalog.web.views.metrics import metrics
from catalog.web.views.status import healthz, readyz
from postersite.logs import log_context

CHECKS = {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics}
# Those of proxies and load balancers fit; others are replaced.
REQUEST_ID = re.compile(r"[A-Za-z0-9._:=+/-]{1,128}")
# Pictures are compressed already.
COMPRESSED_TYPES = {
    "application/javascript",
    "application/json",
    "image/svg+xml",
    "text/css",
    "text/csv",
    "text/html",
    "text/javascript",
    "text/plain",
}


class RequestIdMiddleware:
    """Gives log lines and the response the id of the request: that of its `X-Request-ID`, or a new one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        request_id = given if REQUEST_ID.fullmatch(given) else uuid4().hex
        with log_context(request_id=request_id):
            response = self.get_response(request)
        response["X-Request-ID"] = request_id
        return response


class HealthMiddleware:
    """Responds to programs that watch the site, over http and for any host name: they use its IP address."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return CHECKS.get(request.path, self.get_response)(request)


class CompressionMiddleware(GZipMiddleware):
    """Compresses text of 200 bytes and more.

    Against BREACH, Django masks CSRF tokens in every response differently; GZipMiddleware adds random bytes.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        kind = response.headers.get("Content-Type", "").partition(";")[0]
        return super().process_response(request, response) if kind in COMPRESSED_TYPES else response
