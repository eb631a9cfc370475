"""The real web server: slow clients, a locked database and a full house do not keep visitors waiting."""

from __future__ import annotations

import io
import signal
import socket
import sqlite3
import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest
import requests
from bs4 import BeautifulSoup
from PIL import Image

from tests.processes.site import Site

pytestmark = pytest.mark.process

COOKIE = "a" * 32
PASSWORD = "a long enough one"
POST = f"POST /admin/login/ HTTP/1.1\r\nHost: localhost\r\nCookie: csrftoken={COOKIE}\r\n"
HALF = (
    "GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
    f"{POST}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nusername=",
    f"{POST}Content-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n50\r\nuser",
)


def get(site: Site, path: str) -> requests.Response:
    return requests.get(f"http://127.0.0.1:{site.port}{path}", timeout=5)


def sign_in(site: Site) -> requests.Response:
    form = {"username": "admin", "password": "wrong", "csrfmiddlewaretoken": COOKIE}
    address = f"http://127.0.0.1:{site.port}/admin/login/"
    return requests.post(address, form, cookies={"csrftoken": COOKIE}, timeout=20, allow_redirects=False)


def upload_poster(site: Site) -> requests.Response:
    """The admin's response to a movie with a picture of more than a megabyte."""
    picture = io.BytesIO()
    Image.effect_noise((1200, 1800), 100).convert("RGB").save(picture, "JPEG", quality=95)
    assert picture.tell() > 1_000_000
    admin = requests.Session()
    admin.cookies.set("csrftoken", COOKIE)
    form: dict[str, str] = {"username": "admin", "password": PASSWORD, "csrfmiddlewaretoken": COOKIE}
    admin.post(f"http://127.0.0.1:{site.port}/admin/login/", form, timeout=20)
    address = f"http://127.0.0.1:{site.port}/admin/catalog/movie/add/"
    page = BeautifulSoup(admin.get(address, timeout=20).content, "lxml")
    fields = page.select("#movie_form input[type=hidden]")
    form = {str(field["name"]): str(field.get("value", "")) for field in fields} | {"title": "A film"}
    files = {"poster_upload": ("poster.jpg", picture.getvalue(), "image/jpeg")}
    return admin.post(address, form, files=files, timeout=20, allow_redirects=False)


def test_visitors_are_served_whatever_others_do(make_site: Callable[..., Site]) -> None:
    # One start for all, because it takes seconds.
    site = make_site(POSTERSITE_WEB_DATABASE_WAIT="1", POSTERSITE_ADMIN_PASSWORD=PASSWORD).start(
        "--host", "0.0.0.0"
    )
    assert "Warning: 0.0.0.0 can be reached" in site.said
    assert sign_in(site).status_code == 200

    with ExitStack() as slow:
        for half in HALF * 20:
            client = slow.enter_context(socket.create_connection(("127.0.0.1", site.port)))
            client.sendall(half.encode())
        for path in ("/", "/api/movies", "/admin/login/", "/healthz"):
            assert get(site, path).status_code == 200

    assert upload_poster(site).status_code == 302
    assert len(list((site.var / "media" / "posters").rglob("*.jpg"))) > 0
    upload = requests.post(
        f"http://127.0.0.1:{site.port}/admin/login/",
        data=iter([b"x" * 100_000] * 50),
        headers={"Content-Type": "application/octet-stream"},
        timeout=20,
    )
    assert upload.status_code == 413

    with sqlite3.connect(site.var / "db.sqlite3", timeout=20) as holder:
        holder.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        for path in (
            "/",
            "/?q=x",
            "/api/movies",
            "/runs/",
            "/compare/",
            "/admin/login/",
            "/healthz",
            "/readyz",
        ):
            assert get(site, path).status_code == 200, path
        assert time.monotonic() - began < 5  # readers do not wait a second each
        refused = sign_in(site)
        assert refused.status_code == 503 and int(refused.headers["Retry-After"]) > 0
        holder.rollback()
    assert sign_in(site).status_code == 200
    assert site.interrupt_group(signal.SIGTERM) == 0
    assert site.processes() == []
