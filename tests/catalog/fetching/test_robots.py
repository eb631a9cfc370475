"""robots.txt is fetched first, obeyed and cached; a site whose rules cannot be read is closed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.fetching.errors import RobotsDisallow, TryLater
from catalog.fetching.robots import LARGEST_BYTES, UNREADABLE, read_robots
from tests.catalog.fetching.clients import client_for
from tests.catalog.fetching.virtual_time import VirtualTime
from tests.replica.faults import Fault, FaultySite, body, not_found, redirect, status, too_many

NAME = "Postersite"


def rules(text: str) -> Fault:
    return body(text.encode(), "text/plain")


def test_robots_txt_is_fetched_first_and_once(site: FaultySite) -> None:
    client = client_for(site.url)
    client.get(site.url + "/movie/7")
    client.get(site.url + "/title/tt0000007/")
    assert site.paths() == ["/robots.txt", "/movie/7", "/title/tt0000007/"]


def test_a_forbidden_page_is_not_fetched(site: FaultySite) -> None:
    with pytest.raises(RobotsDisallow) as caught:
        client_for(site.url).get(site.url + "/search?q=x")
    assert not caught.value.retryable
    assert site.paths("/search") == []


def test_a_name_in_our_contact_address_is_not_ours(site: FaultySite) -> None:
    site.spoil("/robots.txt", rules("User-agent: example\nDisallow: /\n"))
    assert client_for(site.url).get(site.url + "/movie/7").status == 200


@pytest.mark.parametrize("fault", [not_found(), status(403), status(410), body(b""), body(b"<html>soft 404")])
def test_a_site_without_rules_allows_everything(site: FaultySite, fault: Fault) -> None:
    site.spoil("/robots.txt", fault)
    client = client_for(site.url)
    assert client.get(site.url + "/movie/7").status == 200
    assert client.get(site.url + "/movie/7").status == 200
    assert len(site.paths("/robots.txt")) == 1


@pytest.mark.parametrize("fault", [status(500), status(503), redirect("http://evil.example/robots.txt")])
def test_rules_that_cannot_be_read_close_the_site_for_a_while(
    site: FaultySite, virtual_time: VirtualTime, fault: Fault
) -> None:
    site.spoil("/robots.txt", fault)
    client = client_for(site.url, virtual_time, max_attempts=1)
    for _ in range(2):
        with pytest.raises(RobotsDisallow) as caught:
            client.get(site.url + "/movie/7")
        assert caught.value.retryable
    assert site.paths() == ["/robots.txt"]
    site.mend()
    virtual_time.advance(601)
    assert client.get(site.url + "/movie/7").status == 200


def test_a_429_on_robots_txt_is_waited_for(site: FaultySite, virtual_time: VirtualTime) -> None:
    site.spoil("/robots.txt", too_many("100"), times=1)
    client = client_for(site.url, virtual_time, deadline_s=10)
    with pytest.raises(TryLater):
        client.get(site.url + "/movie/7")
    virtual_time.advance(100)
    assert client.get(site.url + "/movie/7").status == 200


def test_rules_are_read_again_after_an_hour(site: FaultySite, virtual_time: VirtualTime) -> None:
    client = client_for(site.url, virtual_time)
    client.get(site.url + "/movie/7")
    site.spoil("/robots.txt", rules("User-agent: *\nDisallow: /\n"))
    client.get(site.url + "/movie/7")
    virtual_time.advance(3601)
    with pytest.raises(RobotsDisallow):
        client.get(site.url + "/movie/7")


def test_a_redirected_robots_txt_is_followed_within_the_host(site: FaultySite) -> None:
    site.spoil("/robots.txt", redirect("/rules"))
    site.spoil("/rules", rules("User-agent: *\nDisallow: /movie/\n"))
    with pytest.raises(RobotsDisallow):
        client_for(site.url).get(site.url + "/movie/7")


@pytest.mark.parametrize(("delay", "obeyed"), [(4, 4), (86400, 10)])
def test_a_crawl_delay_is_obeyed_up_to_a_limit(
    site: FaultySite, virtual_time: VirtualTime, delay: int, obeyed: int
) -> None:
    site.spoil("/robots.txt", rules(f"User-agent: *\nCrawl-delay: {delay}\nAllow: /\n"))
    client = client_for(site.url, virtual_time, max_crawl_delay_s=10)
    for _ in range(3):
        client.get(site.url + "/movie/7")
    assert sum(virtual_time.slept) == pytest.approx(2 * obeyed)


def test_a_huge_robots_txt_is_read_to_its_limit(site: FaultySite) -> None:
    text = b"User-agent: *\nDisallow: /movie/\n" + b"# more\n" * 100_000
    assert len(text) > LARGEST_BYTES
    site.spoil("/robots.txt", body(text, "text/plain"))
    with pytest.raises(RobotsDisallow):
        client_for(site.url, max_bytes=1000).get(site.url + "/movie/7")


@pytest.mark.parametrize(
    ("line", "interval_s"),
    [
        ("Request-rate: 2/10s", 5),
        ("Request-rate: 1/0", 0),
        *(("Crawl-delay: " + delay, 0) for delay in ("nan", "inf", "-5", "1e400", "soon")),
    ],
)
def test_a_request_rate_is_a_delay_and_an_invalid_delay_is_ignored(line: str, interval_s: float) -> None:
    assert read_robots(f"User-agent: *\n{line}\n".encode()).interval_s(NAME) == interval_s


@pytest.mark.parametrize(
    ("rules", "allowed"),
    [
        (b"Disallow: /" + b"*a" * 30 + b"*b", True),
        (b"Disallow: /" + b"%" * 400_000, True),
        (b"Disallow: /\0", True),
        (b"#" * LARGEST_BYTES + b"\nDisallow: /", True),
        (b"Disallow: /x\rDisallow: /", False),
        (b"Allow: /\n\nUser-agent: postersite\nDisallow: /movie/", False),
    ],
    ids=["stars", "percent signs", "NUL", "after the limit", "carriage returns", "our own name"],
)
def test_odd_rules_are_read(rules: bytes, allowed: bool) -> None:
    robots = read_robots(b"User-agent: *\n" + rules)
    assert robots.allows("https://films.example/movie/" + "a" * 800, NAME) == allowed


@given(st.binary(max_size=400))
def test_any_bytes_are_some_rules(text: bytes) -> None:
    robots = read_robots(text)
    assert isinstance(robots.allows("https://films.example/movie/7", NAME), bool)
    assert robots.interval_s(NAME) >= 0


def test_unreadable_rules_allow_nothing() -> None:
    assert not UNREADABLE.allows("https://films.example/", NAME)
