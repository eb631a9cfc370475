"""Bodies that are too large are refused before they are read; pictures may be larger, for staff alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from postersite.web import uploads
from postersite.web.limits import MIB, Limits

from .serving import request, serving, until

UPLOAD = "/admin/catalog/movie/add/"


def length(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    body = environ["wsgi.input"].read()
    assert int(environ["CONTENT_LENGTH"] or 0) == len(body)
    start_response("200 OK", [])
    return [str(len(body)).encode()]


def chunked(size: int, part: int = 1000) -> bytes:
    parts = b"%x\r\n%s\r\n" % (part, b"x" * part) * (size // part)
    return request("POST", "/", "Connection: close", "Transfer-Encoding: chunked", body=parts + b"0\r\n\r\n")


def test_the_limits_are_those_promised() -> None:
    assert (Limits().body_bytes, Limits().upload_bytes) == (MIB, 25 * MIB)


def test_a_declared_length_is_enough_to_refuse() -> None:
    with serving(length) as site:
        response = site.exchange(request("POST", "/admin/login/", "Content-Length: 400000000"))
        assert response.startswith(b"HTTP/1.1 413 ") and b"<!doctype html>" in response
        assert site.calls == []


@pytest.mark.parametrize("declared", ["1000001", "9" * 5000])
def test_the_api_refuses_with_json(declared: str) -> None:
    with serving(length, body_bytes=1_000_000) as site:
        response = site.exchange(request("POST", "/api/x", f"Content-Length: {declared}"))
        headers, _, body = response.partition(b"\r\n\r\n")
        assert headers.startswith(b"HTTP/1.1 413 ") and b"application/json" in headers
        assert json.loads(body)["detail"]
        assert site.calls == []


def test_a_body_in_chunks_is_refused_once_it_is_too_long() -> None:
    with serving(length, body_bytes=10_000) as site:
        assert site.exchange(chunked(10_000)).endswith(b"10000")
        assert site.exchange(chunked(11_000)).startswith(b"HTTP/1.1 413 ")
        assert len(site.calls) == 1


@pytest.mark.parametrize("staff", [True, False])
def test_pictures_of_staff_may_be_larger(monkeypatch: pytest.MonkeyPatch, staff: bool) -> None:
    monkeypatch.setattr(uploads, "is_staff", lambda cookies: staff and cookies == "who=staff")
    with serving(length, body_bytes=1000, upload_bytes=5000) as site:

        def status(path: str, size: int, *headers: str) -> int:
            sent = request("POST", path, f"Content-Length: {size}", "Connection: close", *headers)
            return int(site.exchange(sent + b"x" * size).split()[1])

        assert status(UPLOAD, 5000, "Cookie: who=staff") == (200 if staff else 413)
        assert status(UPLOAD, 5001, "Cookie: who=staff") == 413
        assert status(UPLOAD, 5000) == 413
        assert status("/admin/login/", 5000, "Cookie: who=staff") == 413
        assert status(UPLOAD, 1000) == 200


def test_large_bodies_share_a_bounded_memory_and_small_ones_always_fit() -> None:
    large = request("POST", "/", "Content-Length: 2000", body=b"x" * 1000)
    with serving(length, free_body_bytes=100, buffered_bytes=1000) as site, site.connect(large):
        until(lambda: site.server.buffered > 0)
        assert site.exchange(request("POST", "/", "Content-Length: 900", body=b"x" * 900))[9:12] == b"503"
        small = request("POST", "/", "Content-Length: 90", "Connection: close", body=b"x" * 90)
        assert site.exchange(small).endswith(b"90")


@pytest.mark.parametrize("path", [UPLOAD, "/admin/catalog/movie/12/change/"])
def test_the_movie_form_takes_pictures(path: str) -> None:
    assert uploads.takes_pictures(path)


@pytest.mark.parametrize("path", ["/admin/catalog/movie/", "/admin/login/", "/", "/no/such/page"])
def test_other_pages_take_no_pictures(path: str) -> None:
    assert not uploads.takes_pictures(path)


def test_only_a_session_of_staff_counts(
    admin_client: Client, stranger_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On PostgreSQL it closes the connection, and with it the test's transaction.
    monkeypatch.setattr(uploads, "close_old_connections", lambda: None)

    def cookies(client: Client) -> str:
        return f"a=b; {settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"

    assert uploads.is_staff(cookies(admin_client))
    assert not uploads.is_staff(cookies(stranger_client))
    assert not uploads.is_staff(f"{settings.SESSION_COOKIE_NAME}=invented")
    assert not uploads.is_staff("")
