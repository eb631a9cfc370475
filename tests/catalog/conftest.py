"""What tests of the catalogue share: no weights from outside, and a real broker for those that queue."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from postersite.launcher.broker import private_broker
from tests.catalog.queueing import queueing_at


@pytest.fixture(autouse=True)
def no_weights_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keras' own folder of downloads may hold some."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))


@pytest.fixture(scope="session")
def broker_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with private_broker(tmp_path_factory.mktemp("broker")) as url:
        yield url


@pytest.fixture
def broker(broker_url: str, settings: Any) -> Iterator[Redis]:
    """A client of a real, empty Valkey that tasks are queued on and fetching is paced by."""
    settings.REDIS_URL = broker_url
    with Redis.from_url(broker_url) as client, queueing_at(broker_url.replace("unix:", "redis+socket:")):
        client.flushall()
        yield client
