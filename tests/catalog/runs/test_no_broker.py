"""Without a broker a run waits in the database, and no page fails or hangs."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from catalog.models import Movie, Run
from catalog.runs import leases, lifecycle
from catalog.runs.recovery import sweep
from tests.catalog.queueing import queueing_at
from tests.factories import MovieFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def movie() -> None:
    MovieFactory()


def unused_port() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"redis://127.0.0.1:{taken.getsockname()[1]}/0"


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", ["socket", "port"])
def test_a_run_is_queued_in_the_database_and_waits(
    kind: str, tmp_path: Path, movie: None, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"redis+socket://{tmp_path}/nowhere.sock" if kind == "socket" else unused_port()
    with queueing_at(url):
        run = lifecycle.start("scrape")
        assert sweep() == 0
    run.refresh_from_db()
    assert (run.state, run.total) == (Run.State.QUEUED, 1)
    assert "broker cannot be reached" in caplog.text


@pytest.mark.timeout(20)
def test_a_sweep_does_not_wait_for_the_length_of_the_queue(
    movie: None, caplog: pytest.LogCaptureFixture
) -> None:
    run = lifecycle.start("scrape", queue=False, movies=Movie.objects.all())
    MovieFactory.create_batch(9)
    moving = lifecycle.start("scrape", queue=False)
    leases.finish(leases.acquire_batch(moving.pk)[0])
    with queueing_at(unused_port()):
        assert sweep() == 0
    assert f"{run} waits" in caplog.text and f"{moving} waits" in caplog.text
