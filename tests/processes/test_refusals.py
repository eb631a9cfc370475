"""What prevents a start is reported in one sentence, with exit status 1 and no traceback."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.processes.site import Site

pytestmark = pytest.mark.process


def refusal(site: Site) -> str:
    ended = site.manage("up")
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1
    assert site.processes() == []
    return ended.stderr


def test_a_database_that_does_not_respond(make_site: Callable[..., Site]) -> None:
    shown = refusal(make_site(DATABASE_URL="postgres://user:secret@127.0.0.1:1/films"))
    assert "127.0.0.1" in shown and "DATABASE_URL" in shown
    assert "secret" not in shown
