"""The embedded broker: private, without a network port, and its queue outlives it."""

from __future__ import annotations

import os
import signal
import socket
import stat
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from postersite.launcher import broker
from postersite.launcher.errors import StartError

pytestmark = pytest.mark.process


@pytest.mark.parametrize("killed", [False, True])
def test_queued_messages_survive_a_restart(tmp_path: Path, killed: bool) -> None:
    with broker.private_broker(tmp_path) as url, Redis.from_url(url) as client:
        client.lpush("io", "task")
        if killed:
            client.waitaof(1, 0, 5000)  # the queue file is flushed every second
            server: Any = client.info("server")
            os.kill(server["process_id"], signal.SIGKILL)
    with broker.private_broker(tmp_path) as url, Redis.from_url(url) as client:
        assert client.lrange("io", 0, -1) == [b"task"]


def test_only_this_user_can_reach_it(tmp_path: Path) -> None:
    folder = tmp_path / "queue"
    with broker.private_broker(folder) as url, Redis.from_url(url) as client:
        socket_file = Path(url.removeprefix("unix://"))
        assert stat.S_IMODE(socket_file.stat().st_mode) == 0o700
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        settings: Any = client.config_get("*")
        assert settings["port"] == "0"
        assert settings["appendonly"] == "yes"
        assert settings["maxmemory-policy"] == "noeviction"
    assert not socket_file.exists()


def test_a_damaged_queue_file_is_reported(tmp_path: Path) -> None:
    with broker.private_broker(tmp_path) as url, Redis.from_url(url) as client:
        client.lpush("io", *["task"] * 100)
    for file in (tmp_path / "appendonlydir").glob("*.aof"):
        file.write_bytes(b"not a queue\r\n" * 50)
    with pytest.raises(StartError, match="did not start"), broker.private_broker(tmp_path):
        pytest.fail("started")


def test_a_leftover_broker_is_stopped(tmp_path: Path) -> None:
    with broker.private_broker(tmp_path) as url:
        broker.stop_leftover(url)
        assert not broker.responds(url)


def test_a_stale_socket_does_not_respond(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "stale.sock"))
    broker.stop_leftover(f"unix://{tmp_path / 'stale.sock'}")


def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StartError, match="not a folder of this user"):
        broker.make_private(tmp_path / "link")
    (tmp_path / "file").write_text("")
    with pytest.raises(StartError, match="Cannot prepare"):
        broker.make_private(tmp_path / "file")


def test_a_command_gets_a_broker_when_none_answers(tmp_path: Path, settings: Any) -> None:
    settings.EMBEDDED_BROKER = True
    settings.REDIS_URL = configured = f"unix://{tmp_path / 'absent.sock'}"
    with broker.broker_running():
        with Redis.from_url(settings.REDIS_URL) as client:
            assert client.ping()
        ours = settings.REDIS_URL
        with broker.broker_running():
            assert ours == settings.REDIS_URL
    assert configured == settings.REDIS_URL
    assert not broker.responds(ours)


def test_a_command_starts_no_broker_beside_an_external_one(settings: Any) -> None:
    settings.EMBEDDED_BROKER = False
    settings.REDIS_URL = configured = "redis://127.0.0.1:1/0"
    with broker.broker_running():
        assert configured == settings.REDIS_URL
