"""The replica handles conditional requests, HEAD and keep-alive, stops cleanly, and can have faults."""

import http.client
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import requests

from catalog.sample.site import ReplicaSite, Response
from tests.catalog.sample.pictures import film


@pytest.mark.parametrize("header", [("If-None-Match", "ETag"), ("If-Modified-Since", "Last-Modified")])
def test_an_unchanged_image_is_not_sent_again(header: tuple[str, str]) -> None:
    movie = film()
    with ReplicaSite([movie]) as site:
        address = f"{site.url}/t/p/w154/{movie.image_name}.jpg"
        first = requests.get(address, timeout=5)
        again = requests.get(address, headers={header[0]: first.headers[header[1]]}, timeout=5)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["ETag"] == first.headers["ETag"]
        other = requests.get(address, headers={"If-None-Match": '"another"'}, timeout=5)
        assert other.status_code == 200


def test_an_invalid_date_is_ignored() -> None:
    with ReplicaSite([film()]) as site:
        response = requests.get(
            f"{site.url}/movie/701", headers={"If-Modified-Since": "yesterday"}, timeout=5
        )
        assert response.status_code == 200


def test_head_gives_the_length_without_the_body() -> None:
    with ReplicaSite([film()]) as site:
        whole = requests.get(f"{site.url}/movie/701", timeout=5)
        head = requests.head(f"{site.url}/movie/701", timeout=5)
    assert head.content == b""
    assert int(head.headers["Content-Length"]) == len(whole.content)


def test_one_connection_carries_many_requests() -> None:
    with ReplicaSite([film()]) as site:
        connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=5)
        connection.connect()
        first = connection.sock.getsockname()
        for path in ("/movie/701", "/nothing", "/robots.txt", "/title/tt8000001/"):
            connection.request("GET", path)
            connection.getresponse().read()
            assert connection.sock.getsockname() == first
        connection.close()


def test_many_clients_are_served_at_once() -> None:
    movies = [film(number) for number in range(1, 41)]
    with ReplicaSite(movies) as site, ThreadPoolExecutor(8) as pool:
        responses = list(
            pool.map(lambda m: requests.get(f"{site.url}/movie/{m.tmdb_id}", timeout=10), movies)
        )
        assert all(m.title in response.text for m, response in zip(movies, responses, strict=True))
        assert len(site.log) == 40


def test_requests_are_logged() -> None:
    with ReplicaSite([film()]) as site:
        requests.get(f"{site.url}/movie/701?language=en", timeout=5)
        requests.get(f"{site.url}/nothing", timeout=5)
        assert [(path, status) for _, path, status in site.log] == [
            ("/movie/701?language=en", 200),
            ("/nothing", 404),
        ]
        assert site.log[0][0] <= site.log[1][0]


def test_stop_frees_the_port_and_closes_open_connections() -> None:
    site = ReplicaSite([film()]).start()
    session = requests.Session()
    session.get(f"{site.url}/movie/701", timeout=5)
    site.stop()
    site.stop()
    with pytest.raises(requests.ConnectionError):
        session.get(f"{site.url}/movie/701", timeout=5)
    with ReplicaSite([film()], port=site.port) as again:
        assert session.get(f"{again.url}/movie/701", timeout=5).status_code == 200


def test_stop_ends_serve_forever_in_the_foreground() -> None:
    site = ReplicaSite([film()])
    thread = threading.Thread(target=site.serve_forever, daemon=True)
    thread.start()
    assert requests.get(f"{site.url}/robots.txt", timeout=5).status_code == 200
    site.stop()
    thread.join(5)
    assert not thread.is_alive()


def test_a_site_that_never_served_can_be_stopped() -> None:
    site = ReplicaSite([film()])
    site.stop()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", site.port)) != 0


def test_a_port_in_use_is_an_error_at_once() -> None:
    with ReplicaSite([film()]) as site, pytest.raises(OSError):
        ReplicaSite([film()], port=site.port)


class Faulty(ReplicaSite):
    """Has a path with too many requests, a slow one, a truncated one, and one that fails."""

    def override(self, path: str) -> Response | None:
        if path == "/busy":
            return Response(429, {"Retry-After": "3"}, b"slow down")
        if path == "/slow":
            return Response(200, {"Content-Type": "text/plain"}, b"late", delay_s=0.2)
        if path == "/movie/701":
            return replace(self.respond(path), truncate_to=100)
        if path == "/broken":
            raise RuntimeError
        return None


def test_a_fault_can_have_a_status_and_headers() -> None:
    with Faulty([film()]) as site:
        response = requests.get(f"{site.url}/busy", timeout=5)
        assert (response.status_code, response.headers["Retry-After"], response.text) == (
            429,
            "3",
            "slow down",
        )
        assert requests.get(f"{site.url}/title/tt8000001/", timeout=5).status_code == 200
        assert site.log[0][2] == 429


def test_a_response_can_be_late() -> None:
    with Faulty([film()]) as site:
        before = time.monotonic()
        assert requests.get(f"{site.url}/slow", timeout=5).text == "late"
        assert time.monotonic() - before >= 0.2
        with pytest.raises(requests.Timeout):
            requests.get(f"{site.url}/slow", timeout=0.05)


def test_stopping_does_not_wait_for_late_responses() -> None:
    class Endless(ReplicaSite):
        def override(self, path: str) -> Response | None:
            return Response(delay_s=3600)

    site = Endless([film()]).start()
    with pytest.raises(requests.Timeout):
        requests.get(site.url, timeout=0.05)
    before = time.monotonic()
    site.stop()
    assert time.monotonic() - before < 60


def test_a_body_can_be_truncated() -> None:
    with Faulty([film()]) as site:
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            requests.get(f"{site.url}/movie/701", timeout=5)
        response = requests.get(f"{site.url}/movie/701", stream=True, timeout=5)
        assert int(response.headers["Content-Length"]) > 100


def test_an_exception_is_an_error_of_that_request_only() -> None:
    with Faulty([film()]) as site:
        assert requests.get(f"{site.url}/broken", timeout=5).status_code == 500
        assert requests.get(f"{site.url}/robots.txt", timeout=5).status_code == 200
