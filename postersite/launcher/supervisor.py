"""Runs the site's processes: starts them in order, restarts those that crash, and stops them in order."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ml.processes import dies_with_parent, start_time

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
TICK_S = 0.2
CRASHES_ALLOWED = 4  # within CRASH_WINDOW_S
CRASH_WINDOW_S = 60.0
# A process waits this long before each restart but the first.
RESTART_PAUSE_S = 2.0
READY_WITHIN_S = 120.0
STOP_NOW_S = 2.0
LOG_LIMIT = 5 * 1024 * 1024
LARGEST_READ = 1024 * 1024
LAST_LINES = 12
WARNINGS = re.compile(
    r"(?:^|\s)(?:WARNING|ERROR|CRITICAL)\b|^Traceback |^[\w.]+(Error|Exception)\b"
    r'|"level": "(?:WARNING|ERROR|CRITICAL)"'
)
STDOUT = 1


@dataclass(frozen=True)
class Program:
    """A process of the site.

    Programs stop in ascending order of ``stop_order``, equal numbers together: with SIGTERM, after
    ``grace_s`` seconds with the signal ``stop_now``, two seconds later with SIGKILL. The kernel sends
    ``stop_now`` when the supervisor is killed (Linux). Programs after this one start when ``ready()`` is
    true; ``ready_message`` is shown then. A program that runs ``once`` may end and writes to the terminal.
    The output of others goes to a log; lines with warnings and errors are also shown, if ``show_warnings``.
    """

    name: str
    command: list[str]
    stop_order: int
    grace_s: float
    stop_now: signal.Signals = signal.SIGTERM
    ready: Callable[[], bool] | None = None
    ready_message: str = ""
    once: bool = False
    show_warnings: bool = True


class Process:
    """A program with the process that runs it, if any.

    It has a session of its own, so Ctrl-C reaches the supervisor alone, and all that the process started can
    be killed together with it.
    """

    def __init__(self, program: Program, logs: Path) -> None:
        self.program = program
        self.name = program.name
        self.log = Path(os.devnull) if program.once else logs / f"{program.name}.log"
        self.popen: subprocess.Popen[bytes] | None = None
        self.started: str | None = None
        self.crashes: list[float] = []
        self.restart_at: float | None = None
        self._position = 0

    @property
    def is_running(self) -> bool:
        return self.popen is not None and self.popen.poll() is None

    def start(self) -> None:
        """Starts the process. Raises OSError when that is not possible."""
        self.restart_at = None
        with self.log.open("ab") as log:
            self._position = log.tell()
            self.popen = subprocess.Popen(  # noqa: S603
                self.program.command,
                stdin=subprocess.DEVNULL,
                stdout=None if self.program.once else log,
                stderr=None if self.program.once else log,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                start_new_session=True,
                preexec_fn=dies_with_parent(self.program.stop_now),
            )
        self.started = start_time(self.popen.pid)

    def send(self, number: signal.Signals) -> None:
        if self.popen is not None:
            self.popen.send_signal(number)

    def kill_all(self) -> None:
        """Kills the process and everything it started."""
        if self.popen is not None:
            kill_group(self.popen.pid)

    def new_lines(self) -> list[str]:
        """The lines written to the log since the last call. A log that is too long is moved aside."""
        try:
            with self.log.open("rb") as log:
                log.seek(self._position)
                data = log.read(LARGEST_READ)
            if self.is_running and len(data) < LARGEST_READ:
                data = data[: data.rfind(b"\n") + 1]
            self._position += len(data)
            if data and self._position > LOG_LIMIT:
                # The process writes on to the same file, always at its end. A line may get lost here.
                shutil.copyfile(self.log, self.log.with_suffix(".log.1"))
                os.truncate(self.log, 0)
                self._position = 0
        except OSError:
            return []  # a full disk must not stop the site
        return data.decode(errors="replace").splitlines()

    def last_lines(self) -> str:
        try:
            lines = self.log.read_text(errors="replace").splitlines()[-LAST_LINES:]
        except OSError:
            lines = []
        return "".join(f"\n    {line}" for line in lines)


class Supervisor:
    """Runs programs until a stop signal arrives, all work is ``finished()`` or a program keeps crashing.

    ``record`` is a file with the ids of the running processes, for ``stop_leftovers``. ``results`` has the
    exit statuses of the programs that run once. No threads are used: the kernel ends a child with the thread
    that started it.
    """

    def __init__(
        self,
        programs: Iterable[Program],
        *,
        logs: Path,
        record: Path,
        say: Callable[[str], None] | None = None,
        verbose: bool = False,
        finished: Callable[[], bool] = lambda: False,
    ) -> None:
        self.processes = [Process(program, logs) for program in programs]
        self.results: dict[str, int] = {}
        self._record = record
        self._say = say or to_terminal
        self._verbose = verbose
        self._finished = finished
        self._signals: list[int] = []
        self._failure = ""
        self._stopping = False
        self._has_terminal = os.isatty(STDOUT)

    def run(self) -> int:
        """Returns the exit status: 1 when a program could not be kept running, else 0."""
        previous = {number: signal.signal(number, self._on_signal) for number in STOP_SIGNALS}
        try:
            self._start_all()
            while not self._is_over():
                self._tick(TICK_S)
        finally:
            self._stop_all()
            for number, handler in previous.items():
                signal.signal(number, handler)
        if self._failure:
            self._say(self._failure)
        return 1 if self._failure else 0

    def _on_signal(self, number: int, _frame: object) -> None:
        self._signals.append(number)

    def _is_over(self) -> bool:
        if self._signals or self._failure:
            return True
        pending = any(process.program.once and process.is_running for process in self.processes)
        return not pending and self._finished()

    def _start_all(self) -> None:
        for process in self.processes:
            self._start(process)
            deadline = time.monotonic() + READY_WITHIN_S
            ready = process.program.ready or (lambda: True)
            while not ready():
                if time.monotonic() > deadline:
                    self._fail(process, f"did not respond within {READY_WITHIN_S:.0f} s")
                if self._signals or self._failure:
                    return
                self._tick(0.05)
            if process.program.ready_message:
                self._say(process.program.ready_message)

    def _start(self, process: Process) -> None:
        try:
            process.start()
        except OSError as error:
            command = process.program.command[0]
            self._failure = f"{process.name} cannot be started: {command}: {error.strerror}."
        self._write_record()

    def _tick(self, pause_s: float) -> None:
        """Waits a moment, shows new output, and handles processes that have ended."""
        time.sleep(pause_s)
        if self._has_terminal and not os.isatty(STDOUT):
            # A closed terminal signals only the leader of its session; `make` as that leader signals nobody.
            self._has_terminal = False
            self._signals.append(signal.SIGHUP)
        now = time.monotonic()
        for process in self.processes:
            if process.popen is not None:
                has_ended = not process.is_running
                self._show_output(process)
                if has_ended:
                    self._on_exit(process, process.popen.returncode)
            elif process.restart_at and now >= process.restart_at and not (self._stopping or self._failure):
                self._start(process)

    def _show_output(self, process: Process) -> None:
        for line in process.new_lines():
            if self._verbose or (process.program.show_warnings and WARNINGS.search(line)):
                self._say(f"{process.name:>9} | {line.rstrip()}")

    def _on_exit(self, process: Process, status: int) -> None:
        process.kill_all()
        process.popen = None
        self._write_record()
        if self._stopping or self._signals or self._failure:
            return
        if process.program.once:
            self.results[process.name] = status
            if status:
                self._say(f"{process.name} ended {_how(status)}; the next start continues it.")
            return
        now = time.monotonic()
        process.crashes = [crash for crash in process.crashes if now - crash < CRASH_WINDOW_S]
        if len(process.crashes) >= CRASHES_ALLOWED:
            times = len(process.crashes) + 1
            self._fail(process, f"ended {times} times within a minute, the last time {_how(status)}")
            return
        process.restart_at = now + RESTART_PAUSE_S * len(process.crashes)
        process.crashes.append(now)
        self._say(f"{process.name} ended {_how(status)}; starting it again (see {process.log}).")

    def _fail(self, process: Process, reason: str) -> None:
        lines = process.last_lines()
        last = f" Its last lines:{lines}" if lines else ""
        self._failure = f"{process.name} {reason}; stopping. The whole log is {process.log}.{last}"

    def _stop_all(self) -> None:
        """Stops the programs in their order. A second stop signal kills what is left."""
        self._stopping = True
        signals = len(self._signals)
        for order in sorted({process.program.stop_order for process in self.processes}):
            group = [process for process in self.processes if process.program.stop_order == order]
            for process in group:
                process.send(signal.SIGTERM)
            began = time.monotonic()
            urged: set[str] = set()
            while running := [process for process in group if process.popen is not None]:
                waited = time.monotonic() - began
                for process in running:
                    if len(self._signals) > signals or waited > process.program.grace_s + STOP_NOW_S:
                        process.kill_all()
                    elif waited > process.program.grace_s and process.name not in urged:
                        urged.add(process.name)
                        process.send(process.program.stop_now)
                self._tick(0.05)

    def _write_record(self) -> None:
        children = {
            process.name: (process.popen.pid, process.started) for process in self.processes if process.popen
        }
        draft = self._record.with_suffix(".draft")
        with suppress(OSError):  # a full disk; on Linux the children end with this process anyway
            draft.write_text(json.dumps({"pid": os.getpid(), "children": children}))
            draft.replace(self._record)


def stop_leftovers(record: Path, grace_s: float = 3.0) -> int:
    """Stops what a killed supervisor has left running, as its ``record`` says. Returns how many programs."""
    try:
        children = json.loads(record.read_text())["children"].values()
        left = {int(pid) for pid, started in children if started and start_time(int(pid)) == started}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return 0  # there is no record, or it is damaged
    for pid in left:
        with suppress(OSError):
            os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    while time.monotonic() < deadline and any(start_time(pid) for pid in left):
        time.sleep(0.05)
    for pid in left:
        kill_group(pid)
    time.sleep(0.1 if left else 0)  # until the kernel has closed their sockets
    return len(left)


def kill_group(leader: int) -> None:
    """Kills all processes of a process group; it is no error when there are none."""
    with suppress(OSError):
        os.killpg(leader, signal.SIGKILL)


def to_terminal(line: str) -> None:
    """Writes a line to the terminal, which may have been closed."""
    try:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except OSError:
        # Python would flush again at exit, fail, and end with status 120.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115


def _how(status: int) -> str:
    """How a process ended, from its return code as given by subprocess."""
    return f"with status {status}" if status >= 0 else f"by {signal.Signals(-status).name}"
