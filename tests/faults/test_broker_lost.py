"""The broker is killed while chunks of a run are left, and returns empty: the run continues."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from ml.processes import dies_with_parent
from postersite.launcher.broker import command, find_server, responds
from tests.catalog.posters.films import film
from tests.faults.sites import SCRAPE, Site
from tests.processes.site import wait_until
from tests.replica.faults import FaultySite, slow

pytestmark = pytest.mark.process

FILMS = 52
CHUNK = 8


@contextmanager
def broker(folder: Path, socket_file: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A broker that is killed at the end, so it stores nothing."""
    folder.mkdir()
    process = subprocess.Popen(
        command(find_server(), folder, socket_file),
        stdout=subprocess.DEVNULL,
        preexec_fn=dies_with_parent(signal.SIGTERM),
    )
    try:
        wait_until(lambda: responds(f"unix://{socket_file}"), "the broker")
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_run_continues_when_the_broker_has_lost_its_data(site: Site) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="postersite-") as private,
        FaultySite([film(n) for n in range(FILMS)]) as replica,
    ):
        replica.spoil("/movie/", slow(0.05))
        socket_file, folder = Path(private) / "broker.sock", Path(private) / "queue"
        site.settings["REDIS_URL"] = f"unix://{socket_file}"
        site.fetch_from(replica.url)
        state, done = "SELECT state FROM catalog_run", "SELECT done FROM catalog_run"
        left = "SELECT count(*) FROM catalog_runchunk"

        def has_ended() -> bool:
            # Films whose turn came while there was no broker wait for half a minute.
            if site.value("SELECT count(*) FROM catalog_runitem WHERE state = 'pending' AND not_before"):
                site.rows("UPDATE catalog_runitem SET not_before = NULL WHERE state = 'pending'")
            return bool(site.value(state) == "done")

        with ExitStack() as stack:
            with broker(folder, socket_file):
                run = int(site.run_python(f"{SCRAPE}scrape()", FILMS, CHUNK))
                assert site.value(left) == FILMS // CHUNK
                stack.enter_context(site.worker("io", 2, beat=True))
                wait_until(lambda: site.value(done) >= 5, "five posters")
            assert site.value(done) < FILMS and site.value(left) > 0
            shutil.rmtree(folder)
            socket_file.unlink(missing_ok=True)
            with broker(folder, socket_file):
                wait_until(has_ended, "the end of the run")

    assert site.rows("SELECT id, total, done, failed FROM catalog_run") == [(run, FILMS, FILMS, 0)]
    assert site.rows("SELECT state, count(*) FROM catalog_runitem GROUP BY state") == [("done", FILMS)]
    assert site.value("SELECT count(DISTINCT movie_id) FROM catalog_poster WHERE is_primary") == FILMS
