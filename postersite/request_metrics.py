"""Counts the requests of the web server's processes, and how long they take, for /metrics."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from catalog.web.http_methods import PAGE_METHODS

# Where gunicorn's processes share their counts (postersite/web/gunicorn_settings.py).
SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_registry = CollectorRegistry()
REQUESTS = Counter(
    "postersite_http_requests",
    "Requests by method, route and status, without health checks",
    ["method", "route", "status"],
    registry=_registry,
)
SECONDS = Histogram(
    "postersite_http_request_seconds",
    "Seconds until the response was ready, by route",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=_registry,
)


def measured(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware. Routes and methods are those of the site, so visitors cannot add labels."""

    def middleware(request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        # Others may change it on the way.
        method = request.method if request.method in PAGE_METHODS else "other"
        response = get_response(request)
        route = route_of(request)
        SECONDS.labels(route).observe(time.perf_counter() - began)
        REQUESTS.labels(method, route, response.status_code).inc()
        return response

    return middleware


def route_of(request: HttpRequest) -> str:
    """The pattern of the address, such as /movie/<int:pk>/; "static files", or "none" without a view."""
    if request.resolver_match is not None:
        return f"/{request.resolver_match.route}"
    return "static files" if request.path_info.startswith(settings.STATIC_URL) else "none"


def request_metrics() -> bytes:
    """The metrics of all processes of this web server, in Prometheus' text format."""
    if SHARED_FOLDER not in os.environ:
        return generate_latest(_registry)
    shared = CollectorRegistry()
    MultiProcessCollector(shared)
    return generate_latest(shared)
