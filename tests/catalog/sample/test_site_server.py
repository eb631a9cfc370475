"""The replica handles conditional requests, HEAD and keep-alive, and stops cleanly."""

import http.client
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from catalog.sample.site import ReplicaSite, Response
from tests.catalog.sample.pictures import film


def get(site: ReplicaSite, path: str, **headers: str) -> requests.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.get(site.url + path, headers=named, timeout=5)


def test_an_unchanged_image_is_not_sent_again(site: ReplicaSite) -> None:
    address = f"/t/p/w154/{site.movies[0].image_name}.jpg"
    first = get(site, address)
    for again in (
        get(site, address, If_None_Match=first.headers["ETag"]),
        get(site, address, If_Modified_Since=first.headers["Last-Modified"]),
    ):
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["ETag"] == first.headers["ETag"]
    assert get(site, address, If_None_Match='"another"').status_code == 200
    assert get(site, address, If_Modified_Since="yesterday").status_code == 200


def test_head_gives_the_length_without_the_body(site: ReplicaSite) -> None:
    head = requests.head(f"{site.url}/movie/701", timeout=5)
    assert head.content == b""
    assert int(head.headers["Content-Length"]) == len(get(site, "/movie/701").content)


def test_one_connection_carries_many_requests(site: ReplicaSite) -> None:
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
        responses = list(pool.map(lambda movie: get(site, f"/movie/{movie.tmdb_id}"), movies))
        assert all(m.title in response.text for m, response in zip(movies, responses, strict=True))


def test_requests_are_logged(site: ReplicaSite) -> None:
    get(site, "/movie/701?language=en")
    get(site, "/nothing")
    (first, *one), (second, *other) = site.log
    assert (one, other) == (["/movie/701?language=en", 200], ["/nothing", 404])
    assert first <= second


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


def test_a_site_that_never_served_can_be_stopped() -> None:
    site = ReplicaSite([film()])
    site.stop()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", site.port)) != 0


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


def test_an_exception_is_an_error_of_that_request_only() -> None:
    class Broken(ReplicaSite):
        def override(self, path: str) -> Response | None:
            if path == "/broken":
                raise RuntimeError
            return None

    with Broken([film()]) as site:
        assert get(site, "/broken").status_code == 500
        assert get(site, "/robots.txt").status_code == 200
