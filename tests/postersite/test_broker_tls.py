"""A broker with TLS and a password: each way to connect to it checks both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from celery import Celery
from redis import Redis
from redis.exceptions import AuthenticationError, ConnectionError

from postersite import env
from postersite.beat_lock import BeatLock
from postersite.redis_client import redis_client
from tests.redis_with_tls import IN_URL, redis_with_tls

pytestmark = pytest.mark.process

Read = Callable[..., str]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    with redis_with_tls(tmp_path_factory.mktemp("redis")) as found:
        yield found


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Read:
    """read(url, ca_file) gives the URL that the settings make of these."""

    def settings(url: str, ca_file: Path | str = "") -> str:
        monkeypatch.setenv("REDIS_URL", url)
        monkeypatch.setenv("REDIS_CA_FILE", str(ca_file))
        return env.broker_url()

    return settings


def ask_redis(url: str) -> None:
    with redis_client(url, 5) as client:
        client.ping()


def ask_with_retries(url: str) -> None:
    with Redis.from_url(url) as client:
        client.ping()


def ask_celery(url: str) -> None:
    with Celery(broker=url).connection_for_write() as connection, connection.channel() as channel:
        channel.client.ping()


def ask_beat_lock(url: str) -> None:
    lock = BeatLock(url)
    assert lock.hold()
    lock.release()


@pytest.mark.parametrize("ask", [ask_redis, ask_with_retries, ask_celery, ask_beat_lock])
def test_certificate_name_and_password_are_checked(
    broker: tuple[str, Path], read: Read, ask: Callable[[str], None]
) -> None:
    url, ca_file = broker
    ask(read(url, ca_file))
    for wrong in (read(url), read(url.replace("127.0.0.1", "localhost"), ca_file)):
        with pytest.raises(ConnectionError, match="CERTIFICATE_VERIFY_FAILED"):
            ask(wrong)
    with pytest.raises(AuthenticationError):
        ask(read(url.replace(IN_URL, "wrong"), ca_file))
    # Whoever wants this has to say so.
    ask(read(f"{url}?ssl_cert_reqs=none"))
