"""`manage.py up` brings up every part, a real worker does real work, and Ctrl-C leaves nothing behind."""

from __future__ import annotations

import signal
import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from PIL import Image

from catalog.sample.site import ReplicaMovie, ReplicaSite
from tests.postersite.permissions import open_to_others
from tests.processes.site import Site, wait_until

pytestmark = pytest.mark.process

FILMS = 3
FIRST_PASSWORD = "correct horse battery"


def poster(folder: Path, number: int) -> Path:
    path = folder / f"{number}.jpg"
    Image.effect_noise((200, 300), 60 + number).convert("RGB").save(path)
    return path


def posters_stored(site: Site) -> int:
    with sqlite3.connect(site.var / "db.sqlite3") as database:
        return int(database.execute("select count(*) from catalog_poster").fetchone()[0])


def leave_stale_socket(path: Path) -> None:
    path.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))


def test_the_whole_site_starts_works_and_ends(make_site: Callable[..., Site], tmp_path: Path) -> None:
    films = [
        ReplicaMovie(
            77_000_000 + number, f"tt770000{number}", f"Film {number}", 1999, "", poster(tmp_path, number)
        )
        for number in range(FILMS)
    ]
    titles = tmp_path / "titles.csv"
    rows = "".join(f"tt770000{number},Film {number},drama\n" for number in range(FILMS))
    titles.write_text(f"id,title,genres\n{rows}")
    with ReplicaSite(films) as replica:
        site = make_site(
            POSTERSITE_REPLICA_URL=replica.url,
            POSTERSITE_POSTER_SOURCES="imdb_page",
            POSTERSITE_REQUESTS_PER_SECOND="200",
            POSTERSITE_ADMIN_PASSWORD=FIRST_PASSWORD,
        )
        leave_stale_socket(site.var / "run" / "broker.sock")
        site.start()
        assert "Account admin created" in site.said and FIRST_PASSWORD not in site.said

        second = site.manage("up")
        assert second.returncode == 1
        assert "already running" in second.stderr and "Traceback" not in second.stderr

        assert site.manage("import_titles", "csv", str(titles)).returncode == 0
        assert site.manage("scrape_posters", "--queue").returncode == 0
        wait_until(lambda: posters_stored(site) == FILMS, "the workers fetched the posters")
        assert "Film 1" in requests.get(f"http://127.0.0.1:{site.port}/", timeout=10).text

        state = site.manage("status")
        assert state.returncode == 0, state.stdout + state.stderr
        assert "takes from io" in state.stdout and "takes from ml" in state.stdout

        assert site.interrupt_group(signal.SIGINT) == 0, site.said
    assert site.processes() == []
    assert not (site.var / "run" / "broker.sock").exists()
    assert "Traceback" not in site.said
    assert open_to_others(site.var) == []

    site.start()
    assert "Account admin created" not in site.said
    assert site.interrupt_group(signal.SIGTERM) == 0
    assert site.processes() == []
