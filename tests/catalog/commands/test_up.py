"""`manage.py up` refuses what it cannot start with; tests/processes/ starts real sites."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from redis import Redis


def test_an_external_broker_that_does_not_respond(settings: Any) -> None:
    settings.EMBEDDED_BROKER = False
    settings.REDIS_URL = "redis://user:secret@127.0.0.1:1/0"
    with pytest.raises(CommandError, match=r"127\.0\.0\.1:1.*REDIS_URL") as raised:
        call_command("up")
    assert "secret" not in str(raised.value)


def test_a_used_port(broker: Redis, settings: Any) -> None:
    settings.EMBEDDED_BROKER = False
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(CommandError, match=f"PORT={port + 1}"):
            call_command("up", port=port)


def test_a_misspelt_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "eighty")
    with pytest.raises(CommandError, match="PORT"):
        call_command("up")
