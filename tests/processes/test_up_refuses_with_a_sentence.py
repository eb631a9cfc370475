"""What keeps the site from starting is said in one sentence, with exit status 1 and no traceback."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from tests.processes.site import Site

pytestmark = pytest.mark.process


def refusal(site: Site, *arguments: str) -> str:
    ended = site.manage("up", *arguments)
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1
    assert site.processes() == []
    return ended.stderr


def test_a_taken_port(make_site: Callable[..., Site]) -> None:
    site = make_site()
    with socket.socket() as other:
        other.bind(("127.0.0.1", site.port))
        other.listen()
        assert f"Port {site.port} is already taken" in refusal(site)
        assert f"PORT={site.port + 1}" in refusal(site)


def test_a_folder_that_cannot_be_written(make_site: Callable[..., Site]) -> None:
    # Not even root may create folders there, so the test holds for every user.
    assert "Cannot write" in refusal(make_site(POSTERSITE_VAR="/proc/postersite"))


def test_a_broker_of_ones_own_that_does_not_answer(make_site: Callable[..., Site]) -> None:
    said = refusal(make_site(REDIS_URL="redis://user:secret@127.0.0.1:1/0"))
    assert "127.0.0.1:1" in said and "does not answer" in said
    assert "secret" not in said


def test_a_database_that_does_not_answer(make_site: Callable[..., Site]) -> None:
    said = refusal(make_site(DATABASE_URL="postgres://user:secret@127.0.0.1:1/films"))
    assert "127.0.0.1" in said and "secret" not in said


def test_a_misspelt_setting(make_site: Callable[..., Site]) -> None:
    assert "PORT must be a whole number" in refusal(make_site(PORT="eighty"))
