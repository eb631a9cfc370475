"""One real site: its workers, its web server, recovery from crashes, and a clean stop.

The tests share the site, because its start takes seconds; the last one restarts and stops it.
"""

from __future__ import annotations

import io
import os
import re
import signal
import socket
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from bs4 import BeautifulSoup
from PIL import Image

from catalog.sample.site import ReplicaMovie, ReplicaSite
from tests.processes.site import Site, wait_until

pytestmark = pytest.mark.process

FILMS = 3
PASSWORD = "correct horse battery"
COOKIE = "a" * 32
PATHS = (
    "/",
    "/?q=x",
    "/api/movies",
    "/runs/",
    "/compare/",
    "/admin/login/",
    "/healthz",
    "/readyz",
    "/metrics",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("running-site")


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[Site]:
    films = []
    for number in range(FILMS):
        picture = folder / f"{number}.jpg"
        Image.effect_noise((200, 300), 60 + number).convert("RGB").save(picture)
        films.append(
            ReplicaMovie(77_000_000 + number, f"tt770000{number}", f"Film {number}", 1999, "", picture)
        )
    with ReplicaSite(films) as replica:
        site = Site(
            folder / "var",
            POSTERSITE_REPLICA_URL=replica.url,
            POSTERSITE_POSTER_SOURCES="imdb_page",
            POSTERSITE_REQUESTS_PER_SECOND="200",
            POSTERSITE_ADMIN_PASSWORD=PASSWORD,
            POSTERSITE_WEB_DATABASE_WAIT="1",
        )
        leave_stale_socket(site.var / "run" / "broker.sock")
        try:
            yield site.start("--host", "0.0.0.0")
        finally:
            site.kill()


def leave_stale_socket(path: Path) -> None:
    path.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))


def test_it_warns_of_an_open_address_and_hides_the_password(site: Site) -> None:
    assert "Warning: 0.0.0.0 can be reached" in site.output
    assert "Account admin created" in site.output and PASSWORD not in site.output


def test_a_second_start_is_refused(site: Site) -> None:
    second = site.manage("up")
    assert second.returncode == 1
    assert "already running" in second.stderr and "Traceback" not in second.stderr


def test_workers_fetch_posters(site: Site, tmp_path: Path) -> None:
    titles = tmp_path / "titles.csv"
    rows = "".join(f"tt770000{number},Film {number},drama\n" for number in range(FILMS))
    titles.write_text(f"id,title,genres\n{rows}")
    commands = (
        f"call_command('import_titles', 'csv', {str(titles)!r}); call_command('scrape_posters', queue=True)"
    )
    done = site.manage("shell", "-c", f"from django.core.management import call_command; {commands}")
    assert done.returncode == 0, done.stderr
    wait_until(lambda: posters_stored(site) == FILMS, "the workers have fetched the posters")
    assert "Film 1" in get(site, "/").text
    state = site.manage("status")
    assert state.returncode == 0, state.stdout + state.stderr
    assert "processes io" in state.stdout and "processes ml" in state.stdout


def posters_stored(site: Site) -> int:
    with sqlite3.connect(site.var / "db.sqlite3") as database:
        return int(database.execute("select count(*) from catalog_poster").fetchone()[0])


def get(site: Site, path: str) -> requests.Response:
    return requests.get(site.url + path, timeout=5)


def sign_in(site: Site) -> requests.Response:
    form = {"username": "admin", "password": "wrong", "csrfmiddlewaretoken": COOKIE}
    return requests.post(
        f"{site.url}/admin/login/", form, cookies={"csrftoken": COOKIE}, timeout=20, allow_redirects=False
    )


def test_only_staff_may_upload_more_than_a_megabyte(site: Site) -> None:
    assert upload_poster(site).status_code == 302
    upload = requests.post(
        f"{site.url}/admin/login/",
        data=iter([b"x" * 100_000] * 50),
        headers={"Content-Type": "application/octet-stream"},
        timeout=20,
    )
    assert upload.status_code == 413


def upload_poster(site: Site) -> requests.Response:
    """The admin's response to a movie with a picture of more than a megabyte."""
    picture = io.BytesIO()
    Image.effect_noise((1200, 1800), 100).convert("RGB").save(picture, "JPEG", quality=95)
    assert picture.tell() > 1_000_000
    admin = requests.Session()
    admin.cookies.set("csrftoken", COOKIE)
    form: dict[str, str] = {"username": "admin", "password": PASSWORD, "csrfmiddlewaretoken": COOKIE}
    admin.post(f"{site.url}/admin/login/", form, timeout=20)
    address = f"{site.url}/admin/catalog/movie/add/"
    page = BeautifulSoup(admin.get(address, timeout=20).content, "lxml")
    fields = page.select("#movie_form input[type=hidden]")
    form = {str(field["name"]): str(field.get("value", "")) for field in fields} | {"title": "A film"}
    files = {"poster_upload": ("poster.jpg", picture.getvalue(), "image/jpeg")}
    return admin.post(address, form, files=files, timeout=20, allow_redirects=False)


def test_readers_do_not_wait_for_a_locked_database(site: Site) -> None:
    assert sign_in(site).status_code == 200
    with sqlite3.connect(site.var / "db.sqlite3", timeout=20) as holder:
        holder.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        for path in PATHS:
            assert get(site, path).status_code == 200, path
        assert time.monotonic() - began < 5  # a second each if they waited
        refused = sign_in(site)
        assert refused.status_code == 503 and int(refused.headers["Retry-After"]) > 0
        holder.rollback()
    assert sign_in(site).status_code == 200


def test_metrics_are_those_of_all_web_processes(site: Site) -> None:
    for _ in range(8):
        get(site, "/api/movies")
    sample = re.compile(
        r'^postersite_http_requests_total\{method="GET",route="/api/movies",status="200"\} (.+)$', re.M
    )
    counts = {sample.findall(get(site, "/metrics").text)[0] for _ in range(6)}
    assert len(counts) == 1 and float(counts.pop()) >= 8
    beat = re.compile("^postersite_beat_running 1.0$", re.M)
    wait_until(lambda: beat.search(get(site, "/metrics").text), "beat has the lock")
    assert site.manage("health_check", "beat").returncode == 0
    assert site.manage("health_check", "worker", "ml").returncode == 0
    assert site.manage("health_check", "worker", "other").returncode == 1


def test_it_recovers_from_crashes_and_stops_without_leftovers(site: Site) -> None:
    assert site.process is not None
    site.process.kill()
    site.process.wait()
    # At once, while the processes of the killed one may still be ending.
    site.start()
    assert "Traceback" not in site.output and "Account admin created" not in site.output

    beat = site.program("beat")
    os.kill(beat, signal.SIGKILL)
    wait_until(lambda: site.program("beat") not in (0, beat), "beat is started again")
    assert "beat ended by SIGKILL; starting it again" in site.output

    assert site.stop(signal.SIGINT) == 0, site.output
    assert site.processes() == []
    assert not (site.var / "run" / "broker.sock").exists()
    assert [path for path in (site.var, *site.var.rglob("*")) if open_to_others(path)] == []


def open_to_others(path: Path) -> bool:
    """Whether group or others may read, write or enter it."""
    return path.exists() and not path.is_symlink() and path.lstat().st_mode & 0o077 != 0
