"""Trying again: when, how often, and how long to wait, on a clock that does not wait."""

from email.utils import formatdate

import pytest

from catalog.fetching.errors import Denied, NotFound, ServerTrouble, TryLater
from tests.catalog.fetching.clients import FakeTime, client_for
from tests.replica.faults import FaultySite, not_found, status, too_many


def test_a_server_error_is_tried_again_with_growing_jittered_pauses(
    site: FaultySite, fake_time: FakeTime
) -> None:
    site.spoil("/movie/7", status(500), times=3)
    client = client_for(site.url, fake_time, max_attempts=4, backoff_s=1.0)
    assert client.get(site.url + "/movie/7").status == 200
    assert len(site.paths("/movie/7")) == 4
    assert len(fake_time.slept) == 3
    assert all(0 <= pause <= 2**n for n, pause in enumerate(fake_time.slept))


def test_pauses_differ_from_worker_to_worker(site: FaultySite) -> None:
    site.spoil("/movie/7", status(502))
    pauses = []
    for _ in range(5):
        time = FakeTime()
        with pytest.raises(ServerTrouble):
            client_for(site.url, time, max_attempts=2).get(site.url + "/movie/7")
        pauses += time.slept
    assert len(set(pauses)) == 5


@pytest.mark.parametrize("code", [500, 502, 503, 504, 408, 425])
def test_trouble_that_stays_is_reported_as_worth_another_try(
    site: FaultySite, fake_time: FakeTime, code: int
) -> None:
    site.spoil("/movie/7", status(code))
    with pytest.raises(ServerTrouble, match=f"status {code}") as caught:
        client_for(site.url, fake_time, max_attempts=3).get(site.url + "/movie/7")
    assert caught.value.retryable
    assert caught.value.status == code
    assert site.url + "/movie/7" in str(caught.value)
    assert len(site.paths("/movie/7")) == 3


@pytest.mark.parametrize("code", [404, 410])
def test_what_is_not_there_is_asked_for_once(site: FaultySite, fake_time: FakeTime, code: int) -> None:
    site.spoil("/movie/7", status(code))
    with pytest.raises(NotFound) as caught:
        client_for(site.url, fake_time).get(site.url + "/movie/7")
    assert not caught.value.retryable
    assert len(site.paths("/movie/7")) == 1
    assert fake_time.slept == []


@pytest.mark.parametrize("code", [400, 401, 403, 451, 204, 206])
def test_other_statuses_are_not_tried_again(site: FaultySite, fake_time: FakeTime, code: int) -> None:
    site.spoil("/movie/7", status(code))
    with pytest.raises(Denied, match=f"status {code}") as caught:
        client_for(site.url, fake_time).get(site.url + "/movie/7")
    assert not caught.value.retryable
    assert len(site.paths("/movie/7")) == 1


@pytest.mark.parametrize("code", [429, 503])
def test_retry_after_in_seconds_is_waited_out(site: FaultySite, fake_time: FakeTime, code: int) -> None:
    site.spoil("/movie/7", status(code, retry_after="5"), times=2)
    assert client_for(site.url, fake_time).get(site.url + "/movie/7").status == 200
    assert fake_time.slept == [pytest.approx(5), pytest.approx(5)]


def test_retry_after_as_a_date_is_waited_out(site: FaultySite, fake_time: FakeTime) -> None:
    date = formatdate(fake_time.clock.wall() + 7, usegmt=True)
    site.spoil("/movie/7", too_many(date), times=1)
    assert client_for(site.url, fake_time).get(site.url + "/movie/7").status == 200
    assert sum(fake_time.slept) == pytest.approx(7)


def test_a_wait_beyond_the_deadline_is_left_to_the_caller(site: FaultySite, fake_time: FakeTime) -> None:
    site.spoil("/movie/7", too_many("120"), times=1)
    client = client_for(site.url, fake_time, deadline_s=30)
    with pytest.raises(TryLater) as caught:
        client.get(site.url + "/movie/7")
    assert caught.value.retry_after_s == pytest.approx(120)
    assert caught.value.retryable
    assert fake_time.slept == []
    fake_time.now += 120
    assert client.get(site.url + "/movie/7").status == 200


def test_one_429_stops_everything_for_that_host(site: FaultySite, fake_time: FakeTime) -> None:
    site.spoil("/movie/7", too_many("120"), times=1)
    client = client_for(site.url, fake_time, deadline_s=30)
    with pytest.raises(TryLater):
        client.get(site.url + "/movie/7")
    asked = len(site.paths())
    with pytest.raises(TryLater) as caught:
        client.get(site.url + "/title/tt0000007/")
    assert 0 < caught.value.retry_after_s <= 120
    assert len(site.paths()) == asked


def test_a_hostile_retry_after_does_not_close_a_host_for_ever(site: FaultySite, fake_time: FakeTime) -> None:
    site.spoil("/movie/7", too_many("999999999"), times=1)
    client = client_for(site.url, fake_time, max_retry_after_s=600)
    with pytest.raises(TryLater) as caught:
        client.get(site.url + "/movie/7")
    assert caught.value.retry_after_s <= 600


def test_429_that_never_ends_is_handed_back_after_the_attempts(site: FaultySite, fake_time: FakeTime) -> None:
    site.spoil("/movie/7", too_many("1"))
    with pytest.raises(TryLater):
        client_for(site.url, fake_time, max_attempts=3).get(site.url + "/movie/7")
    assert len(site.paths("/movie/7")) == 3


def test_a_missing_server_is_trouble_with_a_reason(fake_time: FakeTime, site: FaultySite) -> None:
    site.stop()
    with pytest.raises(ServerTrouble, match="refused") as caught:
        client_for(site.url, fake_time).get(site.url + "/movie/7")
    assert caught.value.retryable
    assert len(fake_time.slept) == 2


def test_faults_of_one_page_do_not_touch_another(site: FaultySite, fake_time: FakeTime) -> None:
    site.spoil("/movie/", not_found())
    client = client_for(site.url, fake_time)
    with pytest.raises(NotFound):
        client.get(site.url + "/movie/7")
    assert client.get(site.url + "/title/tt0000007/").status == 200
