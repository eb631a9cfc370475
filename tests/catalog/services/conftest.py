"""What tests of the services share: no weights from outside, and a real broker for those that queue."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from postersite.celery import app
from postersite.embedded.broker import running_broker


@pytest.fixture(autouse=True)
def no_weights_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keras' own folder of downloads may hold some."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))


@pytest.fixture(scope="session")
def broker_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_broker(tmp_path_factory.mktemp("broker")) as url:
        yield url


@pytest.fixture
def broker(broker_url: str, settings: Any) -> Iterator[Redis]:
    """A client of a real, empty Valkey that tasks are queued on and fetching is paced by."""
    settings.REDIS_URL = broker_url
    with Redis.from_url(broker_url) as client, queueing_at(broker_url.replace("unix:", "redis+socket:")):
        client.flushall()
        yield client


class queueing_at:
    """While the block runs, tasks are queued on the broker at `url`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._before = app.conf.broker_url

    def __enter__(self) -> None:
        self._point_at(self._url)

    def __exit__(self, *_: object) -> None:
        self._point_at(self._before)

    @staticmethod
    def _point_at(url: str) -> None:
        app.conf.broker_url = url
        # Connections kept open still lead to the broker before.
        app._after_fork()
