"""A host that keeps failing is left alone, longer each time, and asked once whether it is well again."""

import logging

import pytest

from catalog.fetching.circuit_breaker import InProcessBreaker, Patience, breaker_on
from catalog.fetching.client import PoliteClient
from catalog.fetching.errors import Deadline, FetchError, RobotsDisallow, ServerTrouble, TryLater
from tests.catalog.fetching.clients import FakeTime, client_for, policy_for
from tests.replica.faults import Fault, FaultySite, html_instead, not_found, slow, status, too_many, truncated

HOST = "films.example"
PATIENCE = Patience(failures=3, first_s=30, longest_s=100)


def opened(breaker: InProcessBreaker) -> float:
    """Fail until the circuit opens; for how long."""
    for _ in range(PATIENCE.failures - 1):
        assert breaker.failed(HOST, "status 503", PATIENCE) is None
    failing = breaker.failed(HOST, "status 502", PATIENCE)
    assert failing is not None
    return failing.wait_s


def test_it_opens_after_failures_in_a_row_and_says_why(fake_time: FakeTime) -> None:
    breaker = InProcessBreaker(fake_time.clock)
    assert opened(breaker) == 30
    failing = breaker.look(HOST)
    assert str(failing) == "films.example is failing (3 times in a row, the last time: status 502)"
    assert breaker.look("img.films.example") is None


def test_an_answer_in_between_begins_the_count_anew(fake_time: FakeTime) -> None:
    breaker = InProcessBreaker(fake_time.clock)
    for _ in range(5):
        breaker.failed(HOST, "status 503", PATIENCE)
        breaker.failed(HOST, "status 503", PATIENCE)
        breaker.answered(HOST)
    assert breaker.look(HOST) is None


def test_it_stays_open_twice_as_long_each_time_up_to_a_limit(fake_time: FakeTime) -> None:
    breaker = InProcessBreaker(fake_time.clock)
    times = [opened(breaker)]
    for _ in range(3):
        fake_time.now += times[-1]
        probe = breaker.enter(HOST, 10)
        assert probe is not None and probe.probe
        failing = breaker.failed(HOST, "status 503", PATIENCE, probe.probe)
        assert failing is not None
        times.append(failing.wait_s)
    assert times == [30, 60, 100, 100]
    assert Patience().open_s(10_000) == Patience().longest_s


def test_one_probe_at_a_time_and_its_answer_closes(fake_time: FakeTime) -> None:
    breaker = InProcessBreaker(fake_time.clock)
    fake_time.now += opened(breaker)
    probe, other = breaker.enter(HOST, 10), breaker.enter(HOST, 10)
    assert probe is not None and probe.probe
    assert other is not None and not other.probe and other.wait_s == 10
    assert breaker.answered(HOST, probe.probe)
    assert breaker.enter(HOST, 10) is None


def test_a_probe_that_died_is_replaced_and_comes_too_late(fake_time: FakeTime) -> None:
    breaker = InProcessBreaker(fake_time.clock)
    fake_time.now += opened(breaker)
    dead = breaker.enter(HOST, 10)
    fake_time.now += 10
    fresh = breaker.enter(HOST, 10)
    assert dead is not None and fresh is not None and fresh.probe not in ("", dead.probe)
    assert not breaker.answered(HOST, dead.probe)
    assert breaker.failed(HOST, "status 503", PATIENCE, dead.probe) is None
    assert breaker.answered(HOST, fresh.probe)


def test_news_of_requests_from_before_it_opened_change_nothing(fake_time: FakeTime) -> None:
    breaker = InProcessBreaker(fake_time.clock)
    opened(breaker)
    assert not breaker.answered(HOST)
    assert breaker.failed(HOST, "status 503", PATIENCE) is None
    failing = breaker.look(HOST)
    assert failing is not None and (failing.failures, failing.wait_s) == (3, 30)


def test_failures_long_ago_are_forgotten(fake_time: FakeTime) -> None:
    breaker = InProcessBreaker(fake_time.clock)
    breaker.failed(HOST, "status 503", PATIENCE)
    breaker.failed(HOST, "status 503", PATIENCE)
    fake_time.now += 3600
    assert breaker.failed(HOST, "status 503", PATIENCE) is None


def test_without_redis_the_threads_of_a_process_share() -> None:
    assert breaker_on(None) is breaker_on(None)


@pytest.mark.parametrize("fault", [status(500), status(503)])
def test_a_failing_host_is_not_asked_until_its_time(
    site: FaultySite, fake_time: FakeTime, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "catalog.fetching")
    client = client_for(site.url, fake_time, robots=False, max_attempts=1)
    site.spoil("/movie/", fault)
    for _ in range(5):
        with pytest.raises(ServerTrouble):
            client.get(site.url + "/movie/7")
    for path in ("/movie/7", "/title/tt0000007/"):
        with pytest.raises(TryLater, match="is failing") as caught:
            client.get(site.url + path)
        assert caught.value.retry_after_s == pytest.approx(30)
    assert len(site.paths()) == 5
    site.mend()
    fake_time.now += 31
    assert client.get(site.url + "/movie/7").status == 200
    assert client.get(site.url + "/movie/7").status == 200
    said = [record.getMessage().partition(" ")[2] for record in caplog.records]
    assert len(said) == 2 and "Nobody asks it for 30 s" in said[0] and said[1] == "answers again."


def test_a_host_that_is_not_there_is_left_alone_too(site: FaultySite, fake_time: FakeTime) -> None:
    site.stop()
    client = client_for(site.url, fake_time)
    with pytest.raises(ServerTrouble):
        client.get(site.url + "/movie/7")
    # The fifth failure, in the middle of its three attempts: the movie is not to blame.
    with pytest.raises(TryLater, match="refused"):
        client.get(site.url + "/movie/7")


def test_so_is_one_that_never_answers_in_time(site: FaultySite) -> None:
    site.spoil("/movie/", slow(5))
    client = client_for(site.url, robots=False, deadline_s=0.4, patience=Patience(failures=2))
    for _ in range(2):
        with pytest.raises(Deadline):
            client.get(site.url + "/movie/7")
    with pytest.raises(TryLater, match=r"no complete answer within 0\.4 s"):
        client.get(site.url + "/movie/7")


@pytest.mark.parametrize(
    "fault", [not_found(), status(403), status(408), too_many("0"), truncated(), html_instead()]
)
def test_what_is_an_answer_is_no_failure(site: FaultySite, fake_time: FakeTime, fault: Fault) -> None:
    client = client_for(site.url, fake_time, robots=False, max_attempts=2, patience=Patience(failures=2))
    site.spoil("/movie/7", fault)
    for _ in range(4):
        try:
            client.get(site.url + "/movie/7")
        except FetchError as error:
            assert "is failing" not in str(error)
    assert client.get(site.url + "/title/tt0000007/").status == 200


def test_the_probes_own_trouble_is_told_after_one_attempt(site: FaultySite, fake_time: FakeTime) -> None:
    client = client_for(site.url, fake_time, robots=False, patience=Patience(failures=3))
    site.spoil("/movie/7", status(500))
    with pytest.raises(ServerTrouble):
        client.get(site.url + "/movie/7")
    fake_time.now += 31
    with pytest.raises(ServerTrouble, match="status 500"):
        client.get(site.url + "/movie/7")
    assert len(site.paths()) == 4
    with pytest.raises(TryLater) as caught:
        client.get(site.url + "/movie/7")
    assert caught.value.retry_after_s == pytest.approx(60, abs=1)


def test_nothing_is_asked_that_leads_to_a_failing_host(site: FaultySite, fake_time: FakeTime) -> None:
    host = site.url.partition("://")[2]
    policy = policy_for(site.url, hosts=frozenset({host, "img.films.example"}), leads_to=frozenset({host}))
    breaker = InProcessBreaker(fake_time.clock)
    client = PoliteClient(policy, clock=fake_time.clock, breaker=breaker)
    for _ in range(5):
        breaker.failed(host, "status 503", policy.patience)
    with pytest.raises(TryLater, match=rf"img\.films\.example/7.jpg: {host} is failing"):
        client.get("http://img.films.example/7.jpg")


def test_robots_txt_of_a_failing_host_is_not_asked_for_either(site: FaultySite, fake_time: FakeTime) -> None:
    site.spoil("/robots.txt", status(500))
    client = client_for(site.url, fake_time, max_attempts=2, patience=Patience(failures=2, first_s=900))
    with pytest.raises(RobotsDisallow):
        client.get(site.url + "/movie/7")
    fake_time.now += 601
    with pytest.raises(TryLater, match="is failing"):
        client.get(site.url + "/movie/7")
    assert site.paths() == ["/robots.txt"] * 2
