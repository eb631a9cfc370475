"""A replica with faults, virtual time, and a real Redis."""

from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis

from tests.catalog.fetching.clients import faulty_site
from tests.catalog.fetching.virtual_time import VirtualTime
from tests.replica.faults import FaultySite


@pytest.fixture
def site() -> Iterator[FaultySite]:
    with faulty_site() as site:
        yield site


@pytest.fixture(autouse=True)
def redis_client(broker_url: str, settings: Any) -> Iterator[Redis]:
    """A client of an empty Redis, which all clients of the test share."""
    settings.REDIS_URL = broker_url
    with Redis.from_url(broker_url) as client:
        client.flushall()
        yield client


@pytest.fixture
def virtual_time(redis_client: Redis, broker_url: str) -> Iterator[VirtualTime]:
    time = VirtualTime(broker_url)
    with time.in_use():
        yield time
