"""Trying again: when, how often, and how long to wait, on a clock that does not wait."""

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.fetching.errors import Denied, FetchError, NotFound, ServerError, TryLater
from catalog.fetching.response import retry_after_s
from tests.catalog.fetching.clients import client_for
from tests.catalog.fetching.virtual_time import VirtualTime
from tests.replica.faults import FaultySite, status, too_many


def test_a_server_error_is_tried_again_with_growing_jittered_pauses(
    site: FaultySite, virtual_time: VirtualTime
) -> None:
    site.spoil("/movie/7", status(500), times=3)
    client = client_for(site.url, virtual_time, max_attempts=4, backoff_s=1.0)
    assert client.get(site.url + "/movie/7").status == 200
    assert len(site.paths("/movie/7")) == 4
    assert len(virtual_time.slept) == 3
    assert all(0 <= pause <= 2**n for n, pause in enumerate(virtual_time.slept))


def test_pauses_differ_from_worker_to_worker(site: FaultySite, virtual_time: VirtualTime) -> None:
    site.spoil("/movie/7", status(502))
    for _ in range(2):
        with pytest.raises(ServerError):
            client_for(site.url, virtual_time, max_attempts=2).get(site.url + "/movie/7")
    assert len(set(virtual_time.slept)) == 2


ERRORS: dict[type[FetchError], tuple[int, ...]] = {
    ServerError: (500, 502, 503, 504, 408, 425),
    NotFound: (404, 410),
    Denied: (400, 401, 403, 451, 204, 206, 302),
}


@pytest.mark.parametrize(
    ("error", "code"), [(error, code) for error, codes in ERRORS.items() for code in codes]
)
def test_only_an_error_of_the_server_is_tried_again(
    site: FaultySite, virtual_time: VirtualTime, error: type[FetchError], code: int
) -> None:
    site.spoil("/movie/7", status(code))
    with pytest.raises(error, match=f"{site.url}/movie/7: .*status {code}") as caught:
        client_for(site.url, virtual_time, max_attempts=3).get(site.url + "/movie/7")
    assert caught.value.status == code
    assert caught.value.retryable == (error is ServerError)
    assert len(site.paths("/movie/7")) == (3 if caught.value.retryable else 1)


@pytest.mark.parametrize("code", [429, 503])
def test_retry_after_in_seconds_is_waited_out(site: FaultySite, virtual_time: VirtualTime, code: int) -> None:
    site.spoil("/movie/7", status(code, retry_after="5"), times=2)
    assert client_for(site.url, virtual_time).get(site.url + "/movie/7").status == 200
    assert virtual_time.slept == [pytest.approx(5), pytest.approx(5)]


def test_retry_after_as_a_date_is_waited_out(site: FaultySite, virtual_time: VirtualTime) -> None:
    date = formatdate(virtual_time.time() + 7, usegmt=True)
    site.spoil("/movie/7", too_many(date), times=1)
    assert client_for(site.url, virtual_time).get(site.url + "/movie/7").status == 200
    assert sum(virtual_time.slept) == pytest.approx(7)


@pytest.mark.parametrize(("text", "seconds"), [("120", 120), ("999999999", 600)], ids=["usual", "hostile"])
def test_a_wait_beyond_the_deadline_is_capped_and_left_to_the_caller(
    site: FaultySite, virtual_time: VirtualTime, text: str, seconds: float
) -> None:
    site.spoil("/movie/7", too_many(text), times=1)
    client = client_for(site.url, virtual_time, deadline_s=30, max_retry_after_s=600)
    with pytest.raises(TryLater) as caught:
        client.get(site.url + "/movie/7")
    assert caught.value.retry_after_s == pytest.approx(seconds)
    assert caught.value.retryable
    assert virtual_time.slept == []
    virtual_time.advance(seconds)
    assert client.get(site.url + "/movie/7").status == 200


def test_429_that_never_ends_is_raised_after_the_attempts(
    site: FaultySite, virtual_time: VirtualTime
) -> None:
    site.spoil("/movie/7", too_many("1"))
    with pytest.raises(TryLater):
        client_for(site.url, virtual_time, max_attempts=3).get(site.url + "/movie/7")
    assert len(site.paths("/movie/7")) == 3


def test_a_missing_server_is_trouble_with_a_reason(virtual_time: VirtualTime, site: FaultySite) -> None:
    site.stop()
    with pytest.raises(ServerError, match="refused") as caught:
        client_for(site.url, virtual_time).get(site.url + "/movie/7")
    assert caught.value.retryable
    assert len(virtual_time.slept) == 2


NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        ("99999", 3600),
        (formatdate(NOW + 90, usegmt=True), 90),
        (formatdate(NOW + 90), 90),
        (formatdate(NOW - 90, usegmt=True), 0),
        (formatdate(NOW + 1e6, usegmt=True), 3600),
        *((text, None) for text in ("", None, "soon", "-5", "1.5", "Wed, 99 Foo 2026 99:99:99 GMT")),
    ],
)
def test_seconds_dates_and_nonsense(text: str | None, seconds: float | None) -> None:
    assert retry_after_s(text, NOW, 3600) == (None if seconds is None else pytest.approx(seconds))


@given(st.text(max_size=60))
def test_no_text_asks_for_more_than_the_cap(text: str) -> None:
    seconds = retry_after_s(text, NOW, 100)
    assert seconds is None or 0 <= seconds <= 100
