"""Whatever many workers meet, a host gets requests no faster, no more at once, and none while it fails."""

from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.fetching.circuit_breaker import CircuitPolicy
from catalog.fetching.errors import DeadlineExceeded, FetchError, NotFound, ServerError, TryLater
from catalog.fetching.policy import FetchPolicy
from catalog.fetching.throttle import Throttle
from tests.catalog.fetching.virtual_time import WorkersTime

URL = "https://films.example/movie/7"
CIRCUIT = CircuitPolicy(failures=3, first_s=8, longest_s=30)
RETRY_AFTER_S = 6.0
ROUNDING = 0.002  # Redis counts in milliseconds

RESULTS = {
    "found": None,
    "not found": NotFound(URL, "nothing", status=404),
    "wait": TryLater(URL, "later", retry_after_s=RETRY_AFTER_S, status=429),
    "server error": ServerError(URL, "status 503", status=503),
    "no connection": ServerError(URL, "no response: refused"),
    "too slow": DeadlineExceeded(URL, "no response"),
}
HOST_FAILED = {"server error", "no connection", "too slow"}


@dataclass(frozen=True)
class Plan:
    """One request of a worker: after a pause, answered after a while; or the worker dies with it.

    The worker sleeps `late_s` longer than it means to.
    """

    pause_s: float
    late_s: float
    takes_s: float
    result: str


@dataclass
class Event:
    """What the host notices: that a request begins or how it ends; `till` when it ends."""

    moment: float
    what: str
    is_probe: bool
    till: float


plans = st.lists(
    st.builds(
        Plan,
        pause_s=st.one_of(st.just(0.0), st.floats(0, 12)),
        late_s=st.sampled_from([0.0, 0.0, 0.3, 2.0]),
        takes_s=st.floats(0, 9),
        result=st.sampled_from([*RESULTS, "server error", "server error", "found", "dies"]),
    ),
    min_size=3,
    max_size=10,
)
policies = st.builds(
    FetchPolicy,
    name=st.just("films"),
    hosts=st.just(frozenset({"films.example"})),
    user_agent=st.just("Postersite/0.1"),
    min_interval_s=st.floats(0.01, 2),
    jitter=st.floats(0, 1),
    max_at_once=st.integers(1, 2),
    deadline_s=st.just(15.0),
    circuit=st.just(CIRCUIT),
)


def events_at_host(url: str, policy: FetchPolicy, workers: list[list[Plan]]) -> list[Event]:
    """What the host notices, in order, of workers that share the Redis at `url`."""
    time = WorkersTime(url)
    events: list[Event] = []

    def work(plans: list[Plan]) -> None:
        throttle = Throttle(policy, time.redis)
        for plan in plans:
            time.sleep(plan.pause_s)
            try:
                with time.oversleeping(plan.late_s):
                    permit = throttle.acquire(
                        URL, policy.min_interval_s, time.monotonic() + policy.deadline_s
                    )
            except TryLater as error:
                time.sleep(error.retry_after_s)  # as a postponed item does
                continue
            begun = Event(time.now, "begins", permit.is_probe, till=time.now)
            events.append(begun)
            if plan.result == "dies":
                return
            try:
                with permit:
                    # Every request ends by its deadline, of which the response has a third.
                    time.sleep(min(plan.takes_s, policy.deadline_s / 3))
                    begun.till = time.now
                    events.append(Event(time.now, plan.result, permit.is_probe, till=time.now))
                    if (failure := RESULTS[plan.result]) is not None:
                        raise failure
            except TryLater as error:
                throttle.pause(URL, error.retry_after_s)
            except FetchError:
                pass

    with time.in_use():
        time.run([partial(work, plans) for plans in workers])
    return events


@pytest.mark.slow
@given(policies, st.lists(plans, min_size=2, max_size=6))
@settings(max_examples=15)
def test_many_workers(broker_url: str, policy: FetchPolicy, workers: list[list[Plan]]) -> None:
    events = events_at_host(broker_url, policy, workers)
    check_limits(policy, events)
    check_that_all_wait_after_a_429(events)
    check_that_a_failing_host_gets_its_probe_only(policy, events)


def check_limits(policy: FetchPolicy, events: list[Event]) -> None:
    begun = [event for event in events if event.what == "begins"]
    moments = [event.moment for event in begun]
    least = policy.min_interval_s - ROUNDING
    assert all(later - earlier >= least for earlier, later in pairwise(moments))
    # So in a window of any length, wherever it begins.
    for window in (1.0, 10.0, 60.0):
        most = max((sum(start <= m <= start + window for m in moments) for start in moments), default=0)
        assert most <= window / least + 1
    for moment in moments:
        assert sum(event.moment <= moment < event.till for event in begun) <= policy.max_at_once


def check_that_all_wait_after_a_429(events: list[Event]) -> None:
    till = 0.0
    for event in events:
        if event.what == "wait":
            till = max(till, event.moment + RETRY_AFTER_S)
        elif event.what == "begins":
            assert event.moment >= till - ROUNDING


def check_that_a_failing_host_gets_its_probe_only(policy: FetchPolicy, events: list[Event]) -> None:
    failures = opened = 0
    till = 0.0
    probing = False
    for event in events:
        if event.what == "begins":
            assert event.is_probe == bool(opened)
            if opened:
                assert event.moment >= till - ROUNDING
                # Until its result nobody else may be let through; if it died, after its lease only.
                till, probing = event.moment + policy.deadline_s / 3, True
            continue
        if opened and not (event.is_probe and probing):
            continue
        probing = False
        if event.what not in HOST_FAILED:
            failures = opened = 0
            continue
        failures += 1
        if opened or failures >= CIRCUIT.failures:
            till = event.moment + min(CIRCUIT.first_s * 2.0**opened, CIRCUIT.longest_s)
            opened += 1
