"""The replica speaks HTTP as a grown-up site does: conditional requests, HEAD, keep-alive, a clean stop."""

import http.client
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from catalog.sample.site import ReplicaSite
from tests.catalog.sample.pictures import film


@pytest.mark.parametrize("header", [("If-None-Match", "ETag"), ("If-Modified-Since", "Last-Modified")])
def test_an_unchanged_picture_is_not_sent_twice(header: tuple[str, str]) -> None:
    movie = film()
    with ReplicaSite([movie]) as site:
        address = f"{site.url}/t/p/w154/{movie.image_name}.jpg"
        first = requests.get(address, timeout=5)
        again = requests.get(address, headers={header[0]: first.headers[header[1]]}, timeout=5)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["ETag"] == first.headers["ETag"]
        other = requests.get(address, headers={"If-None-Match": '"another"'}, timeout=5)
        assert other.status_code == 200


def test_a_senseless_date_is_ignored() -> None:
    with ReplicaSite([film()]) as site:
        answer = requests.get(f"{site.url}/movie/701", headers={"If-Modified-Since": "yesterday"}, timeout=5)
        assert answer.status_code == 200


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
        answers = list(pool.map(lambda m: requests.get(f"{site.url}/movie/{m.tmdb_id}", timeout=10), movies))
        assert all(m.title in answer.text for m, answer in zip(movies, answers, strict=True))
        assert len(site.log) == 40


def test_the_log_tells_what_was_asked_and_answered() -> None:
    with ReplicaSite([film()]) as site:
        requests.get(f"{site.url}/movie/701?language=en", timeout=5)
        requests.get(f"{site.url}/nothing", timeout=5)
        assert [(path, status) for _, path, status in site.log] == [
            ("/movie/701?language=en", 200),
            ("/nothing", 404),
        ]
        assert site.log[0][0] <= site.log[1][0]


def test_stop_frees_the_port_and_cuts_kept_connections() -> None:
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


def test_a_taken_port_is_an_error_at_once() -> None:
    with ReplicaSite([film()]) as site, pytest.raises(OSError):
        ReplicaSite([film()], port=site.port)
