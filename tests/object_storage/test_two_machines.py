"""Two machines with nothing in common but PostgreSQL, Redis with TLS and a bucket work on one catalogue."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
import requests
from psycopg import sql

from postersite.env import BASE_DIR
from tests.catalog.posters.films import FIRST_ID, film
from tests.faults.sites import Site
from tests.ml.imaging.drawings import drawing, encoded
from tests.postgresql import LOCALE, MISSING, postgresql_server, programs
from tests.processes.site import TIMEOUT_S, free_port, wait_until
from tests.redis_with_tls import redis_with_tls
from tests.replica.faults import FaultySite

# Nine processes one after the other import Django: minutes on a busy machine.
pytestmark = [pytest.mark.process, pytest.mark.slow, pytest.mark.timeout(600)]

FILMS = 8
START = """
from catalog.runs import lifecycle
lifecycle.start("scrape", followed_by=["embed", "label"])
"""
BUILD_INDEXES = "from catalog.tasks import build_indexes; build_indexes.delay()"
REACHES_BROKER = "from catalog.web.views.status import broker_state; print(broker_state())"


@pytest.fixture
def database_url() -> Iterator[str]:
    """A new database of a user who is no superuser, reached over the network with a password."""
    folder = programs()
    if folder is None:
        pytest.skip(MISSING)
    port = free_port()
    with postgresql_server(folder, *LOCALE, listen_addresses="127.0.0.1", port=str(port)) as local:
        socket_folder = str(Path(local.removeprefix("postgres://postgres@/")).parent)
        with psycopg.connect(host=socket_folder, port=port, user="postgres", autocommit=True) as owner:
            owner.execute(sql.SQL("CREATE ROLE films LOGIN PASSWORD {}").format(sql.Literal("secret")))
            owner.execute("CREATE DATABASE films OWNER films")
        yield f"postgres://films:secret@127.0.0.1:{port}/films"


@pytest.fixture
def machines(
    database_url: str, storage_settings: dict[str, str], tmp_path: Path
) -> Iterator[tuple[Site, Site]]:
    """Machine A and machine B, each with a folder of its own."""
    with redis_with_tls(tmp_path / "redis") as (redis_url, certificate):
        made = []
        for name in "ab":
            var = tmp_path / name
            var.mkdir()
            # Each has its own copy of the certificate.
            shutil.copy(certificate, var)
            settings = {
                **storage_settings,
                "POSTERSITE_S3_URLS": "site",
                "SECRET_KEY": "of all machines",
                "DATABASE_URL": database_url,
                "REDIS_URL": redis_url,
                "REDIS_CA_FILE": str(var / certificate.name),
                "POSTERSITE_SWEEP_EVERY": "1",
            }
            made.append(Site(var, settings))
        yield made[0], made[1]


@contextmanager
def web(machine: Site) -> Iterator[str]:
    """The machine's web server; yields its address."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--config", "python:postersite.web.gunicorn_settings"]
    log = machine.var / "web.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--bind", f"127.0.0.1:{port}", "--workers", "1"],
            cwd=BASE_DIR,
            env=machine.environment,
            stdout=output,
            stderr=output,
        )
    address = f"http://127.0.0.1:{port}"

    def is_ready() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            return requests.get(f"{address}/readyz", timeout=20).ok
        except requests.ConnectionError:
            return False

    try:
        wait_until(is_ready, "the web server of a machine")
        yield address
    finally:
        process.terminate()
        process.wait()


def manage(machine: Site, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=BASE_DIR,
        env=machine.environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def look_alikes(address: str, movie: int) -> dict[str, Any]:
    """What the machine's API answers, without its own address."""
    found = requests.get(f"{address}/api/movies/{movie}/lookalikes", timeout=20)
    assert found.ok
    return dict(json.loads(found.text.replace(address, "")))


def test_one_serves_what_the_other_fetched_and_embedded(
    machines: tuple[Site, Site], database_url: str, tmp_path: Path
) -> None:
    a, b = machines
    titles = tmp_path / "titles.csv"
    rows = [f"tt{FIRST_ID + n},Film {n},drama\n" for n in range(FILMS)]
    titles.write_text("id,title,genres\n" + "".join(rows))
    manage(a, "setup")
    with (
        FaultySite([film(n, encoded(drawing(n))) for n in range(FILMS)]) as replica,
        psycopg.connect(database_url, autocommit=True) as database,
    ):

        def value(query: LiteralString, *arguments: object) -> Any:
            row = database.execute(query, arguments).fetchone()
            return row and row[0]

        # Only B can fetch: at A's address nobody responds.
        for machine, url in ((a, "http://127.0.0.1:1"), (b, replica.url)):
            machine.fetch_from(url)
            machine.settings["POSTERSITE_POSTER_SOURCES"] = "imdb_page"
        with web(a) as site_a:
            manage(a, "import_titles", "csv", str(titles))
            a.run_python(START)
            with b.worker("io,ml", 1, beat=True):
                wait_until(lambda: value("SELECT count(*) FROM catalog_embedding") == FILMS, "the vectors")
                wait_until(
                    lambda: value("SELECT count(*) FROM catalog_run WHERE state NOT IN ('done')") == 0,
                    "the end of all runs",
                )
                a.run_python(BUILD_INDEXES)
                wait_until(lambda: value("SELECT count(*) FROM catalog_similarityindex"), "the index")

                # Beat runs on B; its lock, the counts of responses and the queues are seen from A.
                metrics = requests.get(f"{site_a}/metrics", timeout=20).text
                assert re.search(r'^postersite_up\{part="broker"\} 1', metrics, re.M)
                assert re.search(r"^postersite_beat_running 1", metrics, re.M)
                assert "\npostersite_fetches_total{" in metrics
                assert "WRONG" not in manage(a, "status")

            movie = value("SELECT id FROM catalog_movie WHERE title = 'Film 0'")
            with web(b) as site_b:
                on_b = look_alikes(site_b, movie)
            # Whatever was only on B's disk is gone.
            shutil.rmtree(b.var)

            page = requests.get(f"{site_a}/movie/{movie}/", timeout=20).text
            poster = value("SELECT medium FROM catalog_poster WHERE movie_id = %s", movie)
            assert f"/media/{poster}" in page
            picture = requests.get(f"{site_a}/media/{poster}", timeout=20)
            assert picture.ok and picture.headers["Content-Type"] == "image/jpeg"
            assert look_alikes(site_a, movie) == on_b and len(on_b["lookalikes"]) == 5
            shown = {each["movie"]["title"] for each in on_b["lookalikes"]}
            assert all(title in page for title in shown)

        assert list((a.var / "media").rglob("*.jpg")) == []
        # Without its certificate, the broker is not trusted.
        del a.settings["REDIS_CA_FILE"]
        assert a.run_python(REACHES_BROKER) == "unreachable"
