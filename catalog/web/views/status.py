"""Pages for programs: health checks, robots.txt and the favicon."""

from __future__ import annotations

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.templatetags.static import static
from django.urls import reverse
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.http import require_safe

from postersite.redis_client import redis_client

BROKER_TIMEOUT_S = 2.0
_is_migrated = False


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """Liveness: 200 as long as this process responds."""
    return JsonResponse({"web": "ok"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Readiness: 200 when database and broker can be used, else 503. Does not reveal any details."""
    database = database_state()
    migrations = migrations_state() if database == "ok" else "unknown"
    report = {"database": database, "migrations": migrations, "broker": broker_state()}
    return JsonResponse(report, status=200 if set(report.values()) == {"ok"} else 503)


@cache_control(public=True, max_age=86_400)
@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    disallowed = [
        reverse("admin:index"),
        reverse("api:api-root"),
        reverse("catalog:runs"),
        reverse("catalog:surprise"),
        reverse("catalog:heat_map", args=[0]).removesuffix("0/"),
    ]
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in disallowed)]
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")


@cache_control(public=True, max_age=86_400)
@require_safe
def favicon(request: HttpRequest) -> HttpResponse:
    """For browsers that request /favicon.ico even though pages name another icon."""
    return HttpResponse(status=302, headers={"Location": static("catalog/favicon.svg")})


def database_state() -> str:
    """`ok` or `unreachable`."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "unreachable"
    return "ok"


def migrations_state() -> str:
    """`ok`, `unapplied` or `unknown`. Not checked again once it was ok: migrations cannot be undone."""
    global _is_migrated
    if not _is_migrated:
        try:
            executor = MigrationExecutor(connection)
            _is_migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
        except DatabaseError:
            return "unknown"
    return "ok" if _is_migrated else "unapplied"


def broker_state() -> str:
    """`ok`, `unreachable`, or `refuses writes`: a replica, or its memory or disk is full."""
    try:
        with redis_client(settings.REDIS_URL, BROKER_TIMEOUT_S) as broker:
            broker.set("postersite:readyz", "1", ex=60)
    except redis.ResponseError:
        return "refuses writes"
    except (redis.RedisError, OSError, ValueError):
        return "unreachable"
    return "ok"
