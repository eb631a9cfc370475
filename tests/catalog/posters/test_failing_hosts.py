"""Staff see which hosts are failing, and until when they get no requests; their items wait."""

from __future__ import annotations

import re
from typing import Any

import pytest
from bs4 import BeautifulSoup
from django.urls import reverse
from redis import Redis

from catalog.fetching.circuit_breaker import CircuitBreaker, CircuitPolicy
from catalog.management.commands import status as status_command
from catalog.models import RunItem
from catalog.posters import fetch
from catalog.posters.failing_hosts import failing_hosts
from catalog.runs import leases, lifecycle
from tests.catalog.posters.conftest import Serve
from tests.catalog.posters.films import film, known
from tests.factories import RunFactory
from tests.replica.faults import FaultySite, status

pytestmark = [pytest.mark.django_db, pytest.mark.process]

FILMS = 4
FAILING = r"^127\.0\.0\.1:\d+ is failing \(5 times in a row, the last time: status 503\): no requests before "


@pytest.fixture
def site(serve: Serve) -> FaultySite:
    return serve([film(n) for n in range(FILMS)], ["tmdb_page"])


def process_due(run_id: int) -> dict[str, int]:
    while leases.process_batch(run_id, fetch.fetch_items):
        pass
    states = list(RunItem.objects.filter(run_id=run_id).values_list("state", flat=True))
    return {state: states.count(state) for state in sorted(set(states))}


def test_an_outage_postpones_items_and_is_reported(site: FaultySite, broker: Redis) -> None:
    for movie in site.movies:
        known(movie)
    site.spoil("/movie/", status(503))
    run = lifecycle.start("scrape", queue=False)
    assert process_due(run.pk) == {"failed": 1, "pending": FILMS - 1}
    assert len(site.paths("/movie/")) == 5
    [sentence] = failing_hosts()
    assert re.search(FAILING + r"\d\d:\d\d:\d\d\.$", sentence)
    assert (False, sentence) in list(status_command.poster_sources())

    site.mend()
    host = site.url.partition("://")[2]
    broker.hset(f"postersite:breaker:{{{host}}}", "till", 1)  # its time has come
    [sentence] = failing_hosts()
    assert "before" not in sentence
    RunItem.objects.filter(run=run).update(not_before=None)
    assert process_due(run.pk) == {"done": FILMS - 1, "failed": 1}
    assert failing_hosts() == []


def test_it_is_shown_to_users_who_may_view_runs(
    site: FaultySite, admin_client: Any, reviewer_client: Any, broker: Redis
) -> None:
    host = site.url.partition("://")[2]
    for _ in range(5):
        CircuitBreaker(broker).record_failure(host, "status 503", CircuitPolicy())
    index = reverse("admin:index")
    page = BeautifulSoup(admin_client.get(index).content, "lxml")
    [row] = page.select(".status-failing li")
    assert re.search(FAILING, row.get_text())
    assert b"is failing" not in reviewer_client.get(index).content
    live = RunFactory(kind="scrape", state="running", total=2)
    over = RunFactory(kind="scrape", state="done", total=2, done=2)
    other = RunFactory(kind="embed", state="running", total=2)
    shown = [
        "is failing" in admin_client.get(run.get_absolute_url()).content.decode()
        for run in (live, over, other)
    ]
    assert shown == [True, False, False]


def test_without_a_broker_no_host_is_reported(settings: Any) -> None:
    settings.POSTER_SOURCES = ["tmdb_page"]
    for url in ("unix:///nowhere/broker.sock", "redis://127.0.0.1:1/0"):
        settings.REDIS_URL = url
        assert failing_hosts() == []


def test_the_status_lists_the_rate_of_each_host(settings: Any, broker: Redis) -> None:
    settings.REQUESTS_PER_SECOND, settings.REQUESTS_PER_SECOND_OF = None, {"image.tmdb.org": 12.5}
    settings.POSTER_SOURCES = ["tmdb_api"]
    [(is_healthy, rates)] = status_command.poster_sources()
    assert is_healthy and "api.themoviedb.org 20/s, image.tmdb.org 12.5/s" in rates
    settings.POSTER_SOURCES = []
    assert list(status_command.poster_sources()) == [(True, "none is enabled")]
