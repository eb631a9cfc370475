"""The server that `make test-postgres` starts: private, temporary, and never silently left out."""

from __future__ import annotations

import stat
from pathlib import Path

import psycopg
import pytest

from tests import postgresql


def test_without_postgresql_it_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(postgresql, "programs", lambda: None)
    assert postgresql.main(["true"]) == 1
    assert "Not run" in capsys.readouterr().err


@pytest.mark.slow
def test_only_this_user_can_reach_the_server_and_nothing_is_left() -> None:
    folder = postgresql.programs()
    if folder is None:
        pytest.skip(postgresql.MISSING)
    with postgresql.postgresql_server(folder) as url:
        home = Path(url.removeprefix("postgres://postgres@/")).parent
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        with psycopg.connect(host=str(home), user="postgres", dbname="postgres") as connection:
            assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
    assert not home.exists()
