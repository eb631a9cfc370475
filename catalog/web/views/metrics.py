"""`/metrics` for Prometheus: queues, runs, fetching and review, as in database and broker at that moment.

Every process of every machine gives the same figures, except those of the requests to its own web server.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import redis
from django.conf import settings
from django.db import DatabaseError
from django.db.models import Count, Max, Min, Q, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from catalog.counts import pending_suggestions
from catalog.fetching.counts import fetch_counts
from catalog.models import GenreModel, ReviewDecision, RunItem
from catalog.posters.failing_hosts import circuits
from catalog.runs import kinds, lifecycle
from catalog.web.views.errors import error_response
from catalog.web.views.status import BROKER_TIMEOUT_S
from postersite.beat_lock import LOCK_KEY
from postersite.client_address import is_local
from postersite.redis_client import redis_client
from postersite.request_metrics import request_metrics

# Older decisions are not counted, so that the query takes the same time however many there are.
LATEST_DECISIONS = 50_000
WINDOWS = {"1h": timedelta(hours=1), "1d": timedelta(days=1)}


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Metrics in Prometheus' text format, for programs on this machine or with the token; 404 for others."""
    if not (is_local(request) or has_token(request)):
        return error_response(request.path, 404)
    registry = CollectorRegistry()
    registry.register(SiteCollector())
    return HttpResponse(generate_latest(registry) + request_metrics(), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def has_token(request: HttpRequest) -> bool:
    """Whether the request has the header `Authorization: Bearer POSTERSITE_METRICS_TOKEN`."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not settings.METRICS_TOKEN:
        return False
    return secrets.compare_digest(token.strip().encode(), settings.METRICS_TOKEN.encode())


class SiteCollector(Collector):
    """What database and broker say. If one does not respond, its metrics are left out and its `up` is 0."""

    def describe(self) -> list[Metric]:
        return []  # else registering would collect

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily("postersite", "The version of Postersite", {"version": settings.VERSION})
        up = GaugeMetricFamily("postersite_up", "Whether database and broker respond", labels=["part"])
        try:
            found = [*run_metrics(), *review_metrics(), *genre_model_metrics()]
        except DatabaseError:
            found = []
        up.add_metric(["database"], bool(found))
        yield from found
        try:
            found = list(broker_metrics())
        except (redis.RedisError, OSError, ValueError):
            found = []
        up.add_metric(["broker"], bool(found))
        yield from found
        yield up


def run_metrics() -> Iterator[Metric]:
    """Live runs and their items by kind. Done items are counted on the run, so this takes two queries."""
    now = timezone.now()
    runs = GaugeMetricFamily("postersite_live_runs", "Live runs", labels=["kind"])
    items = GaugeMetricFamily("postersite_live_run_items", "Items of live runs", labels=["kind", "state"])
    idle = GaugeMetricFamily(
        "postersite_live_run_idle_seconds",
        "Seconds since an item of a live run was last leased or finished, of the run that rests longest",
        labels=["kind"],
    )
    rows = lifecycle.live_runs().order_by().values("kind")
    live: dict[str, dict[str, Any]] = {
        row["kind"]: dict(row)
        for row in rows.annotate(
            number=Count("pk"),
            expected=Sum("total"),
            done=Sum("done"),
            failed=Sum("failed"),
            moved=Min(Coalesce("moved_at", "created_at")),
        )
    }
    leased = dict(
        RunItem.objects.filter(state=RunItem.State.RUNNING, run__in=lifecycle.live_runs())
        .order_by()
        .values_list("run__kind")
        .annotate(Count("pk"))
    )
    for kind in sorted({kind.name for kind in kinds.all_kinds()} | live.keys()):
        row = live.get(kind, {"number": 0, "expected": 0, "done": 0, "failed": 0, "moved": now})
        running = leased.get(kind, 0)
        waiting = max(0, row["expected"] - row["done"] - row["failed"] - running)
        counts = {"done": row["done"], "failed": row["failed"], "running": running, "waiting": waiting}
        runs.add_metric([kind], row["number"])
        for state, number in counts.items():
            items.add_metric([kind, state], number)
        idle.add_metric([kind], max(0.0, (now - row["moved"]).total_seconds()))
    yield from (runs, items, idle)


def review_metrics() -> Iterator[Metric]:
    """Pending suggestions, and decisions of the last hour and day, in batches or not."""
    yield GaugeMetricFamily(
        "postersite_pending_suggestions", "Suggestions to review", pending_suggestions().count()
    )
    family = GaugeMetricFamily(
        "postersite_review_decisions",
        f"Decisions of reviewers in the last hour and day, of the latest {LATEST_DECISIONS:,}",
        labels=["within", "batch"],
    )
    last = ReviewDecision.objects.aggregate(last=Max("pk"))["last"] or 0
    latest = ReviewDecision.objects.order_by().filter(pk__gt=last - LATEST_DECISIONS, reverses=None)
    now = timezone.now()
    decided = latest.aggregate(
        **{
            f"{name}_{batch}": Count("pk", filter=Q(created_at__gt=now - window, batch__isnull=batch == "no"))
            for name, window in WINDOWS.items()
            for batch in ("no", "yes")
        }
    )
    for key, number in decided.items():
        family.add_metric(key.split("_"), number)
    yield family


def genre_model_metrics() -> Iterator[Metric]:
    """The active genre model as labels, none if no model is active."""
    family = InfoMetricFamily("postersite_active_genre_model", "The active genre model")
    for model in GenreModel.objects.filter(state=GenreModel.State.ACTIVE).select_related("extractor"):
        family.add_metric(
            [],
            {
                "version": str(model.version),
                "recipe": model.recipe,
                "extractor": model.extractor.spec,
                "bundled": "yes" if model.shipped else "no",
            },
        )
    yield family


def broker_metrics() -> Iterator[Metric]:
    """Queues, beat, and what the hosts of posters responded, for all workers together. Raises RedisError."""
    queues = GaugeMetricFamily("postersite_queue_tasks", "Tasks that wait for a worker", labels=["queue"])
    fetches = CounterMetricFamily(
        "postersite_fetches", "Responses of hosts of posters", labels=["host", "result"]
    )
    failing = GaugeMetricFamily(
        "postersite_host_failing", "Whether a host gets no requests because it keeps failing", labels=["host"]
    )
    with redis_client(settings.REDIS_URL, BROKER_TIMEOUT_S) as broker:
        for queue in kinds.queues():
            queues.add_metric([queue], int(broker.llen(queue)))
        unacknowledged = int(broker.hlen("unacked"))
        has_beat = bool(broker.exists(LOCK_KEY))
        for labels, number in sorted(fetch_counts(broker).items()):
            fetches.add_metric(labels, number)
        for host, circuit in circuits(broker).items():
            failing.add_metric([host], circuit is not None)
    yield from (queues, fetches, failing)
    yield GaugeMetricFamily(
        "postersite_unacknowledged_tasks", "Tasks that a worker has and has not finished", unacknowledged
    )
    yield GaugeMetricFamily("postersite_beat_running", "Whether a beat sends the scheduled tasks", has_beat)
