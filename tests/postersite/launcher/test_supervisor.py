"""The supervisor: order of starting and stopping, programs that crash or do not stop, what is shown."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.processes import start_time
from postersite.launcher import supervisor as module
from postersite.launcher.supervisor import Program, Supervisor, stop_leftovers
from tests.processes.site import processes_with, wait_until

pytestmark = pytest.mark.process

MARK = "POSTERSITE_TEST_SUPERVISOR"


def program(name: str, shell: str, order: int = 0, **more: Any) -> Program:
    more.setdefault("grace_s", 2.0)
    return Program(name, ["/bin/sh", "-c", shell], order, **more)


class Site:
    """Runs a supervisor until a condition holds; ``lines`` are what it has shown."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self.record = logs / "up.json"
        self.lines: list[str] = []
        self.supervisor: Supervisor

    def run(self, *programs: Program, until: Callable[[], bool] = lambda: True, **more: Any) -> int:
        deadline = time.monotonic() + 30
        self.supervisor = Supervisor(
            programs,
            logs=self.logs,
            record=self.record,
            say=self.lines.append,
            finished=lambda: until() or time.monotonic() > deadline,
            **more,
        )
        return self.supervisor.run()

    def log(self, name: str) -> str:
        path = self.logs / f"{name}.log"
        return path.read_text() if path.exists() else ""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """None of the processes started by the test's supervisor is left afterwards."""
    monkeypatch.setenv(MARK, str(tmp_path))
    monkeypatch.setattr(module, "TICK_S", 0.02)
    monkeypatch.setattr(module, "STOP_NOW_S", 0.5)
    yield Site(tmp_path)
    assert processes_with(MARK, str(tmp_path)) == []


def test_programs_stop_in_their_order(site: Site, tmp_path: Path) -> None:
    order = tmp_path / "order"
    # `wait` is interrupted by the signal, a foreground sleep is not.
    serving = 'trap "sleep $0; echo $1 >> $2; kill $!; exit" TERM; sleep 60 & echo up; wait'
    parts = [
        Program(name, ["/bin/sh", "-c", serving, pause, name, str(order)], number, grace_s=5)
        for name, number, pause in (("broker", 2, "0"), ("worker", 1, "0.1"), ("web", 0, "0.3"))
    ]
    assert site.run(*parts, until=lambda: all("up" in site.log(part.name) for part in parts)) == 0
    assert order.read_text().split() == ["web", "worker", "broker"]
    assert json.loads(site.record.read_text()) == {"pid": os.getpid(), "children": {}}


def test_a_program_that_crashes_is_restarted(site: Site) -> None:
    again = site.logs / "again"
    part = program("web", f"echo started; test -f {again} && exec sleep 60; touch {again}; kill -9 $$")
    assert site.run(part, until=lambda: site.log("web").count("started") == 2) == 0
    [line] = site.lines
    assert "web ended by SIGKILL" in line and str(site.logs / "web.log") in line


def test_a_program_that_keeps_crashing_stops_the_site(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RESTART_PAUSE_S", 0.01)
    status = site.run(
        program("web", "echo out of paper; exit 1"), program("other", "exec sleep 60"), until=lambda: False
    )
    assert status == 1
    assert "ended 5 times within a minute" in site.lines[-1]
    assert "out of paper" in site.lines[-1] and str(site.logs / "web.log") in site.lines[-1]


def test_a_missing_program_stops_the_site(site: Site) -> None:
    assert site.run(Program("web", ["/nonexistent/server"], 0, grace_s=1), until=lambda: False) == 1
    assert "web cannot be started: /nonexistent/server" in site.lines[-1]


def test_a_program_that_ignores_signals_is_killed_with_all_it_started(site: Site) -> None:
    part = program("worker", 'trap "" TERM; echo up; sleep 61 & sleep 62 & wait; wait', grace_s=0.1)
    assert site.run(part, until=lambda: "up" in site.log("worker")) == 0


def test_a_slow_worker_returns_its_task_before_it_is_killed(site: Site) -> None:
    worker = 'trap "" TERM; trap "echo returned the task; exit" QUIT; echo up; while :; do sleep 0.05; done'
    part = program("worker", worker, grace_s=0.1, stop_now=signal.SIGQUIT)
    assert site.run(part, until=lambda: "up" in site.log("worker")) == 0
    assert "returned the task" in site.log("worker")


def test_later_programs_wait_until_a_program_is_ready(site: Site, tmp_path: Path) -> None:
    door = tmp_path / "door"
    broker = f"sleep 0.2; touch {door}; exec sleep 60"
    status = site.run(
        program("broker", broker, ready=door.exists, ready_message="The door is open."),
        program("web", f"test -e {door} && echo open; exec sleep 60"),
        until=lambda: "open" in site.log("web"),
    )
    assert status == 0
    assert site.lines == ["The door is open."]


def test_a_program_that_runs_once_is_waited_for_and_not_restarted(site: Site) -> None:
    assert site.run(program("sample", "sleep 0.1; exit 4", once=True)) == 0
    assert site.supervisor.results == {"sample": 4}
    assert len(site.lines) == 1


def test_warnings_are_shown_and_the_rest_is_logged(site: Site) -> None:
    lines = "[12:00: INFO/Main] fine\\n[12:00: ERROR/Main] disk on fire\\nunfinished"
    site.run(program("web", f"printf '{lines}'; exec sleep 60"), until=lambda: bool(site.lines))
    assert site.lines == ["      web | [12:00: ERROR/Main] disk on fire"]
    assert "fine" in site.log("web") and "unfinished" in site.log("web")


def test_verbose_shows_everything(site: Site) -> None:
    site.run(program("web", "echo fine; exec sleep 60"), until=lambda: bool(site.lines), verbose=True)
    assert site.lines == ["      web | fine"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_stop_it_and_handlers_are_restored(site: Site, number: signal.Signals) -> None:
    before = signal.getsignal(number)

    def interrupted() -> bool:
        os.kill(os.getpid(), number)
        return False

    assert site.run(program("web", "exec sleep 60"), until=interrupted) == 0
    assert signal.getsignal(number) is before


def test_a_log_that_is_too_long_is_moved_aside(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOG_LIMIT", 1000)
    aside = site.logs / "web.log.1"
    writing = "for i in 1 2 3 4 5; do printf '%0400d\\n' $i; sleep 0.05; done; exec sleep 60"
    site.run(program("web", writing), until=lambda: aside.exists() and site.log("web").endswith("5\n"))
    assert "3\n" in aside.read_text() and "3\n" not in site.log("web")


SCRIPT = """
import sys
from pathlib import Path
from postersite.launcher.supervisor import Program, Supervisor
folder = Path(sys.argv[1])
program = Program("web", ["sleep", "63"], 0, 1)
sys.exit(Supervisor([program], logs=folder, record=folder / "up.json").run())
"""


def child_of(record: Path) -> int:
    """The process that a supervisor in another process has started."""
    wait_until(record.exists, "the program has started", 10)
    return int(json.loads(record.read_text())["children"]["web"][0])


def test_a_closed_terminal_stops_it_even_without_a_signal(tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    command = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    with subprocess.Popen(command, stdout=theirs, start_new_session=True) as running:
        child = child_of(tmp_path / "up.json")
        os.close(theirs)
        os.close(ours)
        assert running.wait(15) == 0
    assert start_time(child) is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_programs_end_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", SCRIPT, str(tmp_path)]) as parent:
        child = child_of(tmp_path / "up.json")
        parent.kill()
    wait_until(lambda: not start_time(child), "the program has ended", 10)


@pytest.mark.parametrize(("recorded", "stopped"), [("its own", 1), ("another time", 0), (None, 0)])
def test_only_what_a_killed_supervisor_left_running_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recorded: str | None, stopped: int
) -> None:
    monkeypatch.setenv(MARK, str(tmp_path))
    with subprocess.Popen(["/bin/sh", "-c", "sleep 64 & wait"], start_new_session=True) as process:
        started = start_time(process.pid) if recorded == "its own" else recorded
        record = tmp_path / "up.json"
        record.write_text(json.dumps({"pid": 1, "children": {"web": (process.pid, started)}}))
        try:
            assert stop_leftovers(record) == stopped
            assert bool(processes_with(MARK, str(tmp_path))) == (not stopped)
        finally:
            module.kill_group(process.pid)


@given(
    content=st.one_of(st.binary(max_size=200), st.sampled_from([b"[]", b"{}", b'{"children": 3}'])),
)
def test_a_damaged_record_is_ignored(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    record = tmp_path_factory.mktemp("run") / "up.json"
    record.write_bytes(content)
    assert stop_leftovers(record) == 0


def test_warnings_are_recognised_in_text_and_json() -> None:
    shown = (
        "2026 ERROR catalog: no",
        '{"time": "2026", "level": "WARNING", "message": "no"}',
        "Traceback (most",
    )
    hidden = ("2026 INFO catalog: yes", r'{"level": "INFO", "message": "\"level\": \"ERROR\""}')
    assert all(module.WARNINGS.search(line) for line in shown)
    assert not any(module.WARNINGS.search(line) for line in hidden)
