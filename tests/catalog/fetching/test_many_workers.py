"""Whatever many workers meet, a host is asked no faster, by no more at once, and left alone when it fails."""

from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.fetching.circuit_breaker import InProcessBreaker, Patience
from catalog.fetching.errors import Deadline, FetchError, NotFound, ServerTrouble, TryLater
from catalog.fetching.pacing import InProcessPacer
from catalog.fetching.policy import FetchPolicy
from catalog.fetching.slots import InProcessSlots
from catalog.fetching.throttle import Gate
from tests.catalog.fetching.virtual_time import SharedTime

URL = "https://films.example/movie/7"
PATIENCE = Patience(failures=3, first_s=8, longest_s=30)
ROUNDING = 1e-6

ANSWERS = {
    "found": None,
    "not found": NotFound(URL, "nothing", status=404),
    "wait": TryLater(URL, "later", retry_after_s=6.0, status=429),
    "in trouble": ServerTrouble(URL, "status 503", status=503),
    "no connection": ServerTrouble(URL, "no answer: refused"),
    "too slow": Deadline(URL, "no answer"),
}
HOST_FAILED = {"in trouble", "no connection", "too slow"}


@dataclass(frozen=True)
class Errand:
    """One request of a worker: after a pause, answered after a while; or the worker dies with it.

    It sleeps `late_s` longer than it means to.
    """

    pause_s: float
    late_s: float
    takes_s: float
    end: str


@dataclass
class Event:
    """What the host sees: that it is asked, and how that ended; `till` when the asking ended."""

    moment: float
    what: str
    is_probe: bool
    till: float


errands = st.lists(
    st.builds(
        Errand,
        pause_s=st.one_of(st.just(0.0), st.floats(0, 12)),
        late_s=st.sampled_from([0.0, 0.0, 0.3, 2.0]),
        takes_s=st.floats(0, 9),
        end=st.sampled_from([*ANSWERS, "in trouble", "in trouble", "found", "dies"]),
    ),
    min_size=3,
    max_size=10,
)
policies = st.builds(
    FetchPolicy,
    name=st.just("films"),
    hosts=st.just(frozenset({"films.example"})),
    user_agent=st.just("Postersite/0.1"),
    min_interval_s=st.floats(0.01, 5),
    jitter=st.floats(0, 1),
    max_at_once=st.integers(1, 4),
    deadline_s=st.just(15.0),
    patience=st.just(PATIENCE),
)


def worked(policy: FetchPolicy, plans: list[list[Errand]]) -> list[Event]:
    """What the host saw, in order, of one worker a plan."""
    time = SharedTime()
    clock = time.clock
    shared = InProcessPacer(clock), InProcessSlots(clock), InProcessBreaker(clock)
    events: list[Event] = []

    def oversleep(by_s: float, seconds: float) -> None:
        time.sleep(seconds + by_s)  # as on a busy machine

    def work(plan: list[Errand]) -> None:
        for errand in plan:
            time.sleep(errand.pause_s)
            gate = Gate(policy, *shared, replace(clock, sleep=partial(oversleep, errand.late_s)))
            try:
                turn = gate.take_turn(URL, policy.min_interval_s, clock.monotonic() + policy.deadline_s)
            except TryLater as error:
                time.sleep(error.retry_after_s)  # as a postponed item does
                continue
            asked = Event(time.now, "asked", turn.is_probe, till=time.now)
            events.append(asked)
            if errand.end == "dies":
                return
            try:
                with turn:
                    # Every request ends by its deadline, which the answer has a third of.
                    time.sleep(min(errand.takes_s, policy.deadline_s / 3))
                    asked.till = time.now
                    events.append(Event(time.now, errand.end, turn.is_probe, till=time.now))
                    if (said := ANSWERS[errand.end]) is not None:
                        raise said
            except TryLater as error:
                gate.slow_down(URL, error.retry_after_s)
            except FetchError:
                pass

    time.run([partial(work, plan) for plan in plans])
    return events


@given(policies, st.lists(errands, min_size=2, max_size=6))
@settings(max_examples=30)
def test_turns_are_an_interval_apart_and_never_more_are_under_way(
    policy: FetchPolicy, plans: list[list[Errand]]
) -> None:
    events = [event for event in worked(policy, plans) if event.what == "asked"]
    asked = [event.moment for event in events]
    gaps = [later - earlier for earlier, later in pairwise(asked)]
    assert all(gap >= policy.min_interval_s - ROUNDING for gap in gaps)
    # So in a window of any length, wherever it begins.
    for window in (1.0, 10.0, 60.0):
        most = max((sum(begin <= m <= begin + window for m in asked) for begin in asked), default=0)
        assert most <= window / policy.min_interval_s + 1 + ROUNDING
    for moment in asked:
        assert sum(event.moment <= moment < event.till for event in events) <= policy.max_at_once


@given(policies, st.lists(errands, min_size=2, max_size=6))
@settings(max_examples=30)
def test_a_wait_that_one_is_told_of_is_kept_by_all(policy: FetchPolicy, plans: list[list[Errand]]) -> None:
    till = 0.0
    for event in worked(policy, plans):
        if event.what == "wait":
            till = max(till, event.moment + 6.0)
        elif event.what == "asked":
            assert event.moment >= till - 0.05 - ROUNDING


@given(policies, st.lists(errands, min_size=2, max_size=6))
@settings(max_examples=30)
def test_a_failing_host_is_asked_by_its_one_probe_only(
    policy: FetchPolicy, plans: list[list[Errand]]
) -> None:
    failures = opened = 0
    till = 0.0
    probing = False
    for event in worked(policy, plans):
        if event.what == "asked":
            assert event.is_probe == bool(opened)
            if opened:
                assert event.moment >= till - ROUNDING
                # Until it is answered nobody else may be let through; if it died, after its lease only.
                till, probing = event.moment + policy.deadline_s / 3, True
            continue
        if opened and not (event.is_probe and probing):
            continue
        probing = False
        if event.what not in HOST_FAILED:
            failures = opened = 0
            continue
        failures += 1
        if opened or failures >= PATIENCE.failures:
            till = event.moment + PATIENCE.open_s(opened)
            opened += 1
