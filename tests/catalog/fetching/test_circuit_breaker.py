"""A host that keeps failing gets no requests, for longer each time, and then one probe."""

import logging

import pytest

from catalog.fetching.circuit_breaker import CircuitBreaker, CircuitPolicy
from catalog.fetching.client import PoliteClient
from catalog.fetching.errors import DeadlineExceeded, FetchError, RobotsDisallow, ServerError, TryLater
from tests.catalog.fetching.clients import client_for, policy_for
from tests.catalog.fetching.virtual_time import VirtualTime
from tests.replica.faults import Fault, FaultySite, html_instead, not_found, slow, status, too_many, truncated

HOST = "films.example"
POLICY = CircuitPolicy(failures=3, first_s=30, longest_s=100)


def opened(breaker: CircuitBreaker) -> float:
    """Fail until the circuit opens; for how long."""
    for _ in range(POLICY.failures - 1):
        assert breaker.record_failure(HOST, "status 503", POLICY) is None
    failing = breaker.record_failure(HOST, "status 502", POLICY)
    assert failing is not None
    return failing.wait_s


def test_it_opens_after_failures_in_a_row(virtual_time: VirtualTime) -> None:
    breaker = CircuitBreaker(virtual_time.redis)
    assert opened(breaker) == 30
    failing = breaker.open_circuit(HOST)
    assert str(failing) == "films.example is failing (3 times in a row, the last time: status 502)"
    assert breaker.open_circuit("img.films.example") is None


def test_a_success_resets_the_count(virtual_time: VirtualTime) -> None:
    breaker = CircuitBreaker(virtual_time.redis)
    for _ in range(5):
        breaker.record_failure(HOST, "status 503", POLICY)
        breaker.record_failure(HOST, "status 503", POLICY)
        breaker.record_success(HOST)
    assert breaker.open_circuit(HOST) is None


def test_it_stays_open_twice_as_long_each_time_up_to_a_limit(virtual_time: VirtualTime) -> None:
    breaker = CircuitBreaker(virtual_time.redis)
    times = [opened(breaker)]
    for _ in range(3):
        virtual_time.advance(times[-1])
        probe = breaker.enter(HOST, 10)
        assert probe is not None and probe.probe
        failing = breaker.record_failure(HOST, "status 503", POLICY, probe.probe)
        assert failing is not None
        times.append(failing.wait_s)
    assert times == [30, 60, 100, 100]


def test_one_probe_at_a_time_and_its_success_closes(virtual_time: VirtualTime) -> None:
    breaker = CircuitBreaker(virtual_time.redis)
    virtual_time.advance(opened(breaker))
    probe, other = breaker.enter(HOST, 10), breaker.enter(HOST, 10)
    assert probe is not None and probe.probe
    assert other is not None and not other.probe and other.wait_s == 10
    assert breaker.record_success(HOST, probe.probe)
    assert breaker.enter(HOST, 10) is None


def test_a_probe_that_died_is_replaced_and_comes_too_late(virtual_time: VirtualTime) -> None:
    breaker = CircuitBreaker(virtual_time.redis)
    virtual_time.advance(opened(breaker))
    dead = breaker.enter(HOST, 10)
    virtual_time.advance(10)
    fresh = breaker.enter(HOST, 10)
    assert dead is not None and fresh is not None and fresh.probe not in ("", dead.probe)
    assert not breaker.record_success(HOST, dead.probe)
    assert breaker.record_failure(HOST, "status 503", POLICY, dead.probe) is None
    assert breaker.record_success(HOST, fresh.probe)


def test_requests_from_before_it_opened_change_nothing(virtual_time: VirtualTime) -> None:
    breaker = CircuitBreaker(virtual_time.redis)
    opened(breaker)
    assert not breaker.record_success(HOST)
    assert breaker.record_failure(HOST, "status 503", POLICY) is None
    failing = breaker.open_circuit(HOST)
    assert failing is not None and (failing.failures, failing.wait_s) == (3, 30)


def test_failures_long_ago_do_not_count(virtual_time: VirtualTime) -> None:
    breaker = CircuitBreaker(virtual_time.redis)
    breaker.record_failure(HOST, "status 503", POLICY)
    breaker.record_failure(HOST, "status 503", POLICY)
    virtual_time.advance(3600)
    assert breaker.record_failure(HOST, "status 503", POLICY) is None


@pytest.mark.parametrize("fault", [status(500), status(503)])
def test_a_failing_host_gets_no_requests_until_its_time(
    site: FaultySite, virtual_time: VirtualTime, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "catalog.fetching")
    client = client_for(site.url, virtual_time, robots=False, max_attempts=1)
    site.spoil("/movie/", fault)
    for _ in range(5):
        with pytest.raises(ServerError):
            client.get(site.url + "/movie/7")
    for path in ("/movie/7", "/title/tt0000007/"):
        with pytest.raises(TryLater, match="is failing") as caught:
            client.get(site.url + path)
        assert caught.value.retry_after_s == pytest.approx(30)
    assert len(site.paths()) == 5
    site.mend()
    virtual_time.advance(31)
    assert client.get(site.url + "/movie/7").status == 200
    assert client.get(site.url + "/movie/7").status == 200
    logged = [record.getMessage().partition(" ")[2] for record in caplog.records]
    assert len(logged) == 2 and "no requests for 30 s" in logged[0] and logged[1] == "responds again."


def test_so_does_a_host_that_is_not_there(site: FaultySite, virtual_time: VirtualTime) -> None:
    site.stop()
    client = client_for(site.url, virtual_time)
    with pytest.raises(ServerError):
        client.get(site.url + "/movie/7")
    # The fifth failure, in the middle of its three attempts: the movie is not to blame.
    with pytest.raises(TryLater, match="refused"):
        client.get(site.url + "/movie/7")


def test_so_does_one_that_never_responds_in_time(site: FaultySite) -> None:
    site.spoil("/movie/", slow(5))
    client = client_for(site.url, robots=False, deadline_s=0.4, circuit=CircuitPolicy(failures=2))
    for _ in range(2):
        with pytest.raises(DeadlineExceeded):
            client.get(site.url + "/movie/7")
    with pytest.raises(TryLater, match=r"no complete response within 0\.4 s"):
        client.get(site.url + "/movie/7")


@pytest.mark.parametrize(
    "fault", [not_found(), status(403), status(408), too_many("0"), truncated(), html_instead()]
)
def test_other_errors_do_not_open_it(site: FaultySite, virtual_time: VirtualTime, fault: Fault) -> None:
    client = client_for(
        site.url, virtual_time, robots=False, max_attempts=2, circuit=CircuitPolicy(failures=2)
    )
    site.spoil("/movie/7", fault)
    for _ in range(4):
        try:
            client.get(site.url + "/movie/7")
        except FetchError as error:
            assert "is failing" not in str(error)
    assert client.get(site.url + "/title/tt0000007/").status == 200


def test_a_probe_has_one_attempt(site: FaultySite, virtual_time: VirtualTime) -> None:
    client = client_for(site.url, virtual_time, robots=False, circuit=CircuitPolicy(failures=3))
    site.spoil("/movie/7", status(500))
    with pytest.raises(ServerError):
        client.get(site.url + "/movie/7")
    virtual_time.advance(31)
    with pytest.raises(ServerError, match="status 500"):
        client.get(site.url + "/movie/7")
    assert len(site.paths()) == 4
    with pytest.raises(TryLater) as caught:
        client.get(site.url + "/movie/7")
    assert caught.value.retry_after_s == pytest.approx(60, abs=1)


def test_nothing_is_fetched_that_needs_a_failing_host(site: FaultySite, virtual_time: VirtualTime) -> None:
    host = site.url.partition("://")[2]
    policy = policy_for(site.url, hosts=frozenset({host, "img.films.example"}), depends_on=frozenset({host}))
    breaker = CircuitBreaker(virtual_time.redis)
    client = PoliteClient(policy, virtual_time.redis)
    for _ in range(5):
        breaker.record_failure(host, "status 503", policy.circuit)
    with pytest.raises(TryLater, match=rf"img\.films\.example/7.jpg: {host} is failing"):
        client.get("http://img.films.example/7.jpg")


def test_robots_txt_of_a_failing_host_is_not_fetched(site: FaultySite, virtual_time: VirtualTime) -> None:
    site.spoil("/robots.txt", status(500))
    client = client_for(
        site.url, virtual_time, max_attempts=2, circuit=CircuitPolicy(failures=2, first_s=900)
    )
    with pytest.raises(RobotsDisallow):
        client.get(site.url + "/movie/7")
    virtual_time.advance(601)
    with pytest.raises(TryLater, match="is failing"):
        client.get(site.url + "/movie/7")
    assert site.paths() == ["/robots.txt"] * 2
