"""Redirects: each step is checked like the first request."""

import socket
import threading

import pytest

from catalog.fetching.errors import NotFound, Refused, RobotsDisallow, ServerError
from tests.catalog.fetching.clients import client_for, faulty_site
from tests.replica.faults import FaultySite, not_found, redirect
from tests.replica.raw_server import RawServer


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_within_the_host_is_followed(site: FaultySite, code: int) -> None:
    site.spoil("/old", redirect("/movie/7", code))
    fetched = client_for(site.url).get(site.url + "/old")
    assert fetched.url == site.url + "/movie/7"
    assert b"The Lighthouse Choir" in fetched.body


def test_a_redirect_off_the_allow_list_is_refused_and_not_fetched(site: FaultySite) -> None:
    with faulty_site() as other:
        site.spoil("/movie/7", redirect(other.url + "/movie/7"))
        with pytest.raises(Refused):
            client_for(site.url).get(site.url + "/movie/7")
        assert other.paths() == []


@pytest.mark.parametrize(
    "to",
    [
        *("http://169.254.169.254/latest/meta-data/", "http://127.0.0.1:1/", "http://[::1]/"),
        *("http://2130706433/", "file:///etc/passwd", "https://127.0.0.1/", "//evil.example/"),
        *("http://user@127.0.0.1/", "http://[", "javascript:alert(1)", "/" + "x" * 60_000),
    ],
    ids=lambda to: to[:20],
)
def test_a_redirect_to_a_bad_address_is_refused(site: FaultySite, to: str) -> None:
    site.spoil("/movie/7", redirect(to))
    with pytest.raises(Refused):
        client_for(site.url).get(site.url + "/movie/7")


@pytest.mark.parametrize(
    ("to", "path"),
    [
        ("?end", "/dir/old?end"),
        ("http:end", "/dir/end"),
        ("../../../../end", "/end"),
        ("/a%0d%0aX: y/end", "/a%0D%0AX:%20y/end"),
        ("/end#@evil.example", "/end"),
        ("\\\\evil.example/end", "/dir/%5C%5Cevil.example/end"),
        ("/\\evil.example/end", "/%5Cevil.example/end"),
        ("/t/p/é x".encode().decode("latin-1"), "/t/p/%C3%A9%20x"),
    ],
)
def test_a_relative_redirect_stays_on_its_host(site: FaultySite, to: str, path: str) -> None:
    site.spoil("/dir/old", redirect(to), times=1)
    site.spoil("", not_found())
    with pytest.raises(NotFound):
        client_for(site.url, robots=False).get(site.url + "/dir/old")
    assert site.paths() == ["/dir/old", path]


def test_a_redirect_loop_ends(site: FaultySite) -> None:
    site.spoil("/a", redirect("/b"))
    site.spoil("/b", redirect("/a"))
    with pytest.raises(ServerError) as caught:
        client_for(site.url).get(site.url + "/a")
    assert not caught.value.retryable
    assert len(site.paths()) == 3  # robots.txt, /a, /b


def test_a_long_chain_ends_after_three(site: FaultySite) -> None:
    site.spoil("/x", redirect("{path}x"))
    with pytest.raises(ServerError):
        client_for(site.url).get(site.url + "/x")
    assert site.paths("/x") == ["/x", "/xx", "/xxx", "/xxxx"]


def test_a_redirect_to_a_path_that_robots_txt_forbids_is_not_followed(site: FaultySite) -> None:
    site.spoil("/movie/7", redirect("/search"))
    with pytest.raises(RobotsDisallow):
        client_for(site.url).get(site.url + "/movie/7")
    assert site.paths("/search") == []


def test_the_body_of_a_redirect_is_not_read(site: FaultySite) -> None:
    stop = threading.Event()

    def endless(connection: socket.socket) -> None:
        connection.sendall(f"HTTP/1.1 302 Found\r\nLocation: {site.url}/movie/7\r\n\r\n".encode())
        while not stop.wait(0.001):
            connection.sendall(bytes(1000))

    with RawServer(endless) as raw:
        hosts = frozenset({f"127.0.0.1:{raw.port}", f"127.0.0.1:{site.port}"})
        fetched = client_for(site.url, hosts=hosts, robots=False, deadline_s=20).get(raw.url + "/old")
        stop.set()
    assert fetched.url == site.url + "/movie/7"
