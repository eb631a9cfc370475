"""What is shared through a real Valkey decides as what the threads of one process share, step by step."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from catalog.fetching.circuit_breaker import Failing, InProcessBreaker, Patience, RedisBreaker
from catalog.fetching.pacing import InProcessPacer, RedisPacer
from catalog.fetching.slots import InProcessSlots, RedisSlots
from tests.catalog.fetching.clients import FakeTime

pytestmark = pytest.mark.process

HOST = "films.example"
PATIENCE = Patience(failures=2, first_s=1000, longest_s=3000)
# Nothing falls due within seconds of a step, so that the time the test itself takes does not matter.
STEPS_S = st.sampled_from([430, 1130, 4710])
QUICKLY = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
NEAR = 5.0  # seconds


def pass_time(valkey: Redis, seconds: int) -> None:
    """Let the server's keys be `seconds` older: it has a clock of its own, which no test can move."""
    past = seconds * 1000
    for key in list(valkey.scan_iter()):
        left: Any = valkey.pttl(key)
        if left <= past:
            valkey.delete(key)
            continue
        kind = bytes(valkey.type(key))  # type: ignore[arg-type]
        if kind == b"string":
            valkey.incrby(key, -past)
        elif kind == b"zset":
            tokens: Any = valkey.zrange(key, 0, -1)
            for token in tokens:
                valkey.zincrby(key, -past, token)
        elif valkey.hexists(key, "till"):
            valkey.hincrby(key, "till", -past)
        valkey.pexpire(key, left - past)


def both(valkey: Redis, time: FakeTime) -> Callable[[int], None]:
    """Empties the server; lets time pass for it and for the clock."""
    valkey.flushall()

    def pass_for_both(seconds: int) -> None:
        pass_time(valkey, seconds)
        time.now += seconds

    return pass_for_both


@given(
    st.lists(
        st.one_of(
            STEPS_S,
            st.sampled_from(["look", "enter", "enter", "answered", "failed", "failed"]),
            st.sampled_from(["probe answered", "probe failed", "old probe answered", "old probe failed"]),
        ),
        max_size=25,
    )
)
@QUICKLY
def test_breakers(valkey: Redis, steps: list[int | str]) -> None:
    time = FakeTime()
    pass_for_both = both(valkey, time)
    shared, own = RedisBreaker(valkey), InProcessBreaker(time.clock)
    probes = [("", "")]
    for step in steps:
        if isinstance(step, int):
            pass_for_both(step)
            continue
        which = -1 if step.startswith("probe") else max(-2, -len(probes)) if step.startswith("old") else 0
        theirs, ours = probes[which]
        if step.endswith("answered"):
            assert shared.answered(HOST, theirs) == own.answered(HOST, ours)
            continue
        if step.endswith("failed"):
            found = shared.failed(HOST, step, PATIENCE, theirs), own.failed(HOST, step, PATIENCE, ours)
        elif step == "enter":
            found = shared.enter(HOST, 300), own.enter(HOST, 300)
            if found[0] and found[1] and found[0].probe:
                probes.append((found[0].probe, found[1].probe))
        else:
            found = shared.look(HOST), own.look(HOST)
        assert alike(*found), (step, found)


def alike(one: Failing | None, other: Failing | None) -> bool:
    if one is None or other is None:
        return one is other
    same = (one.host, one.failures, one.why, bool(one.probe))
    return same == (other.host, other.failures, other.why, bool(other.probe)) and (
        abs(one.wait_s - other.wait_s) < NEAR
    )


@given(
    st.lists(
        st.one_of(STEPS_S, st.tuples(st.sampled_from("abcdef"), st.sampled_from(["take", "give back"]))),
        max_size=25,
    )
)
@QUICKLY
def test_slots(valkey: Redis, steps: list[int | tuple[str, str]]) -> None:
    time = FakeTime()
    pass_for_both = both(valkey, time)
    shared, own = RedisSlots(valkey), InProcessSlots(time.clock)
    for number, step in enumerate(steps):
        if isinstance(step, int):
            pass_for_both(step)
        elif step[1] == "take":
            token, lease_s = f"{step[0]}{number}", 1000 if step[0] < "d" else 2500
            waits = [slots.take(HOST, token, 3, lease_s) for slots in (shared, own)]
            assert (waits[0] == 0) == (waits[1] == 0)
            assert waits[0] == pytest.approx(waits[1], abs=NEAR)
        else:
            for slots in (shared, own):
                slots.give_back(HOST, f"{step[0]}{number - 1}")


@given(
    st.lists(
        st.one_of(
            STEPS_S,
            st.tuples(st.sampled_from([100.0, 700.0]), st.sampled_from([None, 950.0])),
            st.sampled_from(["slow down", "look", "depart", "depart"]),
        ),
        max_size=25,
    )
)
@QUICKLY
def test_pacers(valkey: Redis, steps: list[Any]) -> None:
    time = FakeTime()
    pass_for_both = both(valkey, time)
    shared, own = RedisPacer(valkey), InProcessPacer(time.clock)
    for step in steps:
        if isinstance(step, int):
            pass_for_both(step)
        elif isinstance(step, tuple):
            waits = [pacer.reserve(HOST, *step) for pacer in (shared, own)]
            assert waits[0] == pytest.approx(waits[1], abs=NEAR)
        else:
            if step == "depart":
                waits = [pacer.depart(HOST, 700) for pacer in (shared, own)]
                assert waits[0] == pytest.approx(waits[1], abs=NEAR)
            for pacer in (shared, own):
                if step == "slow down":
                    pacer.slow_down(HOST, 610)
            assert shared.held_s(HOST) == pytest.approx(own.held_s(HOST), abs=NEAR)
