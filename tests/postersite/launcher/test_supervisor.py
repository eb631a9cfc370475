"""The supervisor: order of starting and ending, parts that die or will not end, what a person sees."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ml.processes import carrying, start_time
from postersite.launcher import supervisor as module
from postersite.launcher.child import Program
from postersite.launcher.supervisor import Supervisor

MARK = f"POSTERSITE_UP=test{os.getpid()}"


def program(name: str, shell: str, rank: int = 0, **more: Any) -> Program:
    more.setdefault("grace_s", 2.0)
    return Program(name, ["/bin/sh", "-c", shell], rank, **more)


class Play:
    """Runs a supervisor until a condition holds, and keeps what it said."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self.said: list[str] = []
        self.children: list[dict[str, tuple[int, str | None]]] = []

    def run(self, *programs: Program, until: Callable[[], bool] = lambda: True, **more: Any) -> int:
        deadline = time.monotonic() + 30
        return Supervisor(
            programs,
            logs=self.logs,
            mark=MARK,
            say=self.said.append,
            remember=self.children.append,
            is_over=lambda: until() or time.monotonic() > deadline,
            **more,
        ).run()

    def log(self, name: str) -> str:
        path = self.logs / f"{name}.log"
        return path.read_text() if path.exists() else ""


@pytest.fixture
def play(tmp_path: Path) -> Play:
    return Play(tmp_path)


def test_parts_end_rank_by_rank(play: Play, tmp_path: Path) -> None:
    order = tmp_path / "order"
    # `wait` is interrupted by the signal, a foreground sleep is not.
    serving = 'trap "sleep $0; echo $1 >> $2; kill $!; exit" TERM; sleep 60 & echo up; wait'
    parts = [
        Program(name, ["/bin/sh", "-c", serving, pause, name, str(order)], rank, grace_s=5)
        for name, rank, pause in (("carrier", 2, "0"), ("worker", 1, "0.1"), ("web", 0, "0.3"))
    ]
    assert play.run(*parts, until=lambda: all("up" in play.log(part.name) for part in parts)) == 0
    assert order.read_text().split() == ["web", "worker", "carrier"]
    assert play.children[-1] == {}
    assert carrying(MARK) == []


def test_a_part_that_dies_is_started_again_and_said_once(play: Play) -> None:
    again = play.logs / "again"
    part = program("web", f"echo started; test -f {again} && exec sleep 60; touch {again}; exit 3")
    assert play.run(part, until=lambda: play.log("web").count("started") == 2) == 0
    assert [line for line in play.said if "ended with status 3; starting it again" in line] == play.said


def test_a_part_that_keeps_dying_ends_the_whole_with_its_last_lines(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LONGEST_PAUSE_S", 0.05)
    status = play.run(
        program("web", "echo out of paper; exit 1"), program("other", "exec sleep 60"), until=lambda: False
    )
    assert status == 1
    assert "ended 5 times within a minute" in play.said[-1]
    assert "out of paper" in play.said[-1] and str(play.logs / "web.log") in play.said[-1]
    assert carrying(MARK) == []


def test_a_missing_program_is_a_sentence(play: Play) -> None:
    assert play.run(Program("web", ["/nonexistent/server"], 0, grace_s=1), until=lambda: False) == 1
    assert "web cannot be started: /nonexistent/server" in play.said[-1]


def test_a_part_deaf_to_the_polite_signal_is_killed_and_its_forks_too(play: Play) -> None:
    deaf = 'trap "" TERM; echo up; sleep 61 & sleep 62 & wait; wait'
    began = time.monotonic()
    assert play.run(program("worker", deaf, grace_s=0.3), until=lambda: "up" in play.log("worker")) == 0
    assert time.monotonic() - began < 15
    assert carrying(MARK) == []


def test_a_stubborn_worker_is_insisted_upon_before_it_is_killed(play: Play) -> None:
    worker = 'trap "" TERM; trap "echo gave the task back; exit" QUIT; echo up; while :; do sleep 0.05; done'
    part = program("worker", worker, grace_s=0.3, insist=signal.SIGQUIT)
    assert play.run(part, until=lambda: "up" in play.log("worker")) == 0
    assert "gave the task back" in play.log("worker")


def test_a_part_that_serves_first_holds_back_the_others(play: Play, tmp_path: Path) -> None:
    door = tmp_path / "door"
    first = Program(
        "broker", ["/bin/sh", "-c", f"sleep 0.3; touch {door}; exec sleep 60"], 1, 2, ready=door.exists
    )
    ready: list[str] = []
    status = play.run(
        first,
        program("web", f"test -e {door} && echo open; exec sleep 60"),
        first={"broker"},
        on_ready=ready.append,
        until=lambda: "open" in play.log("web"),
    )
    assert status == 0
    assert ready == ["broker"]
    assert play.log("web") == "open\n"


def test_a_part_that_may_end_is_reported_and_not_started_again(play: Play) -> None:
    ended: list[tuple[str, int]] = []
    play.run(
        program("sample", "exit 4", once=True),
        on_ended=lambda name, status: ended.append((name, status)),
        until=lambda: bool(ended),
    )
    assert ended == [("sample", 4)]
    assert play.said == []


def test_trouble_is_shown_and_the_rest_is_only_logged(play: Play) -> None:
    lines = "[12:00: INFO/Main] fine\\n[12:00: ERROR/Main] disk on fire\\nunfinished"
    play.run(program("web", f"printf '{lines}'; exec sleep 60"), until=lambda: bool(play.said))
    assert play.said == ["      web | [12:00: ERROR/Main] disk on fire"]
    assert "fine" in play.log("web") and "unfinished" in play.log("web")


def test_verbose_shows_everything(play: Play) -> None:
    play.run(program("web", "echo fine; exec sleep 60"), until=lambda: bool(play.said), verbose=True)
    assert play.said == ["      web | fine"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_stop_signals_end_it_and_handlers_are_put_back(play: Play, number: signal.Signals) -> None:
    before = signal.getsignal(number)

    def asked() -> bool:
        os.kill(os.getpid(), number)
        return False

    assert play.run(program("web", "exec sleep 60"), until=asked) == 0
    assert signal.getsignal(number) is before


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which signals a process blocks")
def test_a_part_does_not_take_the_terminals_signals(play: Play) -> None:
    # Blocked signals as a bit mask: SIGHUP is 1, SIGINT is 2. A shell would clear it for its children.
    asks = Program("web", ["grep", "SigBlk", "/proc/self/status"], 0, grace_s=2, once=True)
    play.run(asks, until=lambda: "SigBlk" in play.log("web"))
    blocked = int(play.log("web").split()[1], 16)
    assert blocked & 0b11 == 0b11
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) & {signal.SIGINT, signal.SIGHUP} == set()


SCRIPT = """
import sys
from pathlib import Path
from postersite.launcher.child import Program
from postersite.launcher.supervisor import Supervisor
sys.exit(Supervisor([Program("web", ["sleep", "63"], 0, 1)], logs=Path(sys.argv[1]), mark=sys.argv[2],
                    remember=lambda pids: print(*[pid for pid, _ in pids.values()], file=sys.stderr)).run())
"""


def test_a_closed_terminal_ends_it_even_when_no_signal_comes(tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    command = [sys.executable, "-c", SCRIPT, str(tmp_path), MARK]
    with subprocess.Popen(command, stdout=theirs, stderr=subprocess.PIPE, start_new_session=True) as running:
        assert running.stderr
        child = int(running.stderr.readline())
        os.close(theirs)
        os.close(ours)
        assert running.wait(15) == 0
    assert start_time(child) is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_parts_end_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SCRIPT, str(tmp_path), MARK]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as parent:
        assert parent.stderr
        child = int(parent.stderr.readline())
        assert start_time(child)
        parent.kill()
    deadline = time.monotonic() + 10
    while start_time(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert start_time(child) is None


def test_a_log_that_grows_too_long_is_set_aside(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postersite.launcher.child.LOG_LIMIT", 1000)
    aside = play.logs / "web.log.1"
    play.run(
        program(
            "web", "for i in 1 2 3 4 5 6; do head -c 400 /dev/zero | tr '\\0' x; sleep 0.05; done; sleep 60"
        ),
        until=aside.exists,
    )
    assert aside.stat().st_size > 1000
