"""`/metrics`: who may read it, what it says, and that it costs the same however many rows there are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django.fixtures import Settings
from redis import Redis

from catalog.fetching.counts import KEY
from catalog.models import DecisionBatch, GenreModel, ReviewDecision, Run, RunItem
from postersite.beat_lock import BeatLock
from postersite.launcher.broker import private_broker
from tests.factories import (
    GenreFactory,
    GenreModelFactory,
    MovieFactory,
    RunFactory,
    RunItemFactory,
    SuggestionFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
TOKEN = "a token of sixteen characters"
Labels = frozenset[tuple[str, str]]
ELSEWHERE: dict[str, Any] = {"REMOTE_ADDR": "203.0.113.9"}


def read(client: Client) -> dict[tuple[str, Labels], float]:
    """The value of each metric by name and labels."""
    response = client.get("/metrics")
    assert response.status_code == 200
    families = text_string_to_metric_families(response.content.decode())
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def value(found: dict[tuple[str, Labels], float], name: str, **labels: str) -> float:
    return found[f"postersite_{name}", frozenset(labels.items())]


@pytest.fixture(autouse=True)
def no_broker(settings: Settings, tmp_path: Path) -> None:
    settings.REDIS_URL = f"unix://{tmp_path}/no-broker.sock"


@pytest.mark.parametrize(
    ("token", "authorization", "status"),
    [
        ("", "", 404),
        ("", "Bearer ", 404),
        (TOKEN, "", 404),
        (TOKEN, f"Bearer {TOKEN[:-1]}", 404),
        (TOKEN, f"Basic {TOKEN}", 404),
        (TOKEN, "Bearer \xe9", 404),
        (TOKEN, f"Bearer {TOKEN}", 200),
        (TOKEN, f"bearer  {TOKEN} ", 200),
    ],
)
def test_others_need_the_token(
    client: Client, settings: Settings, token: str, authorization: str, status: int
) -> None:
    settings.METRICS_TOKEN = token
    settings.SECURE_SSL_REDIRECT = True
    headers = {**ELSEWHERE, "HTTP_HOST": "10.1.2.3:8000"}
    response = client.get("/metrics", HTTP_AUTHORIZATION=authorization, **headers)
    assert response.status_code == status
    assert (b"postersite_up" in response.content) == (status == 200)
    assert "no-store" in response["Cache-Control"]


def test_a_superuser_elsewhere_needs_the_token_too(admin_client: Client) -> None:
    assert admin_client.get("/metrics", **ELSEWHERE).status_code == 404
    assert admin_client.get("/metrics").status_code == 200
    assert admin_client.post("/metrics").status_code == 405


def test_live_runs_are_counted_by_kind_and_state(client: Client) -> None:
    moved = timezone.now() - timedelta(seconds=300)
    run = RunFactory(kind="scrape", state=Run.State.RUNNING, total=10, done=4, failed=1, moved_at=moved)
    RunItemFactory.create_batch(2, run=run, state=RunItem.State.RUNNING)
    RunFactory(kind="scrape", state=Run.State.QUEUED, total=7)
    RunFactory(kind="scrape", state=Run.State.DONE, total=100, done=100)
    found = read(client)
    assert value(found, "live_runs", kind="scrape") == 2
    states = {"done": 4, "failed": 1, "running": 2, "waiting": 10}
    assert states == {state: value(found, "live_run_items", kind="scrape", state=state) for state in states}
    assert 299 < value(found, "live_run_idle_seconds", kind="scrape") < 360
    assert value(found, "live_runs", kind="embed") == 0
    assert value(found, "live_run_items", kind="embed", state="waiting") == 0


def test_review_and_the_active_model(client: Client) -> None:
    now, reviewer, genre = timezone.now(), UserFactory(), GenreFactory()
    batch = DecisionBatch.objects.create(reviewer=reviewer, suggestions=1)

    def decide(ago: timedelta, **fields: object) -> ReviewDecision:
        return ReviewDecision.objects.create(
            reviewer=reviewer,
            movie=MovieFactory(),
            genre=genre,
            created_at=now - ago,
            **{"verdict": "added", **fields},
        )

    first = decide(timedelta(minutes=5))
    decide(timedelta(minutes=1), verdict="undone", reverses=first)
    decide(timedelta(hours=3))
    decide(timedelta(minutes=2), batch=batch)
    decide(timedelta(days=2))
    model = GenreModelFactory(state=GenreModel.State.ACTIVE, recipe='the "best"')
    SuggestionFactory(model=model)
    found = read(client)
    expected = {("1h", "no"): 1, ("1d", "no"): 2, ("1h", "yes"): 1, ("1d", "yes"): 1}
    for (within, batched), number in expected.items():
        assert value(found, "review_decisions", within=within, batch=batched) == number
    assert value(found, "pending_suggestions") == 1
    [labels] = [dict(labels) for name, labels in found if name == "postersite_active_genre_model_info"]
    assert (labels["version"], labels["recipe"]) == (str(model.version), 'the "best"')


def test_the_number_of_queries_is_constant(client: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            read(client)
        return len(captured)

    few = queries()
    for kind in ("scrape", "embed", "label", "import"):
        run = RunFactory(kind=kind, state=Run.State.RUNNING, total=9)
        RunItemFactory.create_batch(3, run=run, state=RunItem.State.RUNNING)
    SuggestionFactory.create_batch(5)
    assert queries() == few <= 7


@pytest.mark.slow
def test_requests_are_counted_by_route_and_not_by_address(client: Client) -> None:
    movie = MovieFactory()
    before = read(client)
    client.get(f"/movie/{movie.pk}/?q=secret")
    client.get("/no/such/page/")
    client.generic("BREW", "/")
    client.get("/healthz")
    found = read(client)
    changed = {
        key for key in found if key[0] == "postersite_http_requests_total" and found[key] != before.get(key)
    }
    assert changed == {
        (
            "postersite_http_requests_total",
            frozenset({"method": method, "route": route, "status": status}.items()),
        )
        for method, route, status in (
            ("GET", "/movie/<int:pk>/", "200"),
            ("GET", "none", "404"),
            ("other", "none", "405"),
        )
    }
    assert value(found, "http_request_seconds_count", route="/movie/<int:pk>/") >= 1


def test_without_a_broker_the_rest_is_shown(client: Client) -> None:
    found = read(client)
    assert value(found, "up", part="database") == 1 and value(found, "up", part="broker") == 0
    assert not any(name == "postersite_queue_tasks" for name, _ in found)


@pytest.fixture
def broker(settings: Settings, tmp_path: Path) -> Iterator[Redis]:
    with private_broker(tmp_path / "broker") as url, Redis.from_url(url) as client:
        settings.REDIS_URL = url
        yield client


@pytest.mark.process
def test_queues_beat_and_responses_of_hosts(client: Client, settings: Settings, broker: Redis) -> None:
    settings.POSTER_SOURCES = ["tmdb_page"]
    found = read(client)
    assert value(found, "up", part="broker") == 1 and value(found, "beat_running") == 0
    assert value(found, "queue_tasks", queue="ml") == 0
    assert value(found, "host_failing", host="www.themoviedb.org") == 0
    broker.lpush("io", "task", "task")
    broker.hset("unacked", "tag", "task")
    broker.hset(KEY, mapping={"www.themoviedb.org ok": 5, "www.themoviedb.org try_later": 2})
    broker.hset("postersite:breaker:{www.themoviedb.org}", mapping={"till": 9e15, "failures": 5, "why": "x"})
    BeatLock(settings.REDIS_URL).hold()
    found = read(client)
    assert value(found, "queue_tasks", queue="io") == 2 and value(found, "queue_tasks", queue="ml") == 0
    assert value(found, "unacknowledged_tasks") == 1 and value(found, "beat_running") == 1
    assert value(found, "fetches_total", host="www.themoviedb.org", result="ok") == 5
    assert value(found, "fetches_total", host="www.themoviedb.org", result="try_later") == 2
    assert value(found, "host_failing", host="www.themoviedb.org") == 1
