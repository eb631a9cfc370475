"""Keeps the site's processes running in one process group, and ends them in order."""

from __future__ import annotations

import os
import selectors
import signal
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from ml.processes import carrying, end

from .child import Child, Program

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
TICK_S = 0.2
DEATHS_ALLOWED = 5
DEATHS_WITHIN_S = 60.0
LONGEST_PAUSE_S = 15.0
READY_WITHIN_S = 30.0
INSISTING_S = 2.0
OUTPUT = 1


def to_terminal(line: str) -> None:
    """Writes a line for the person at the terminal, which may be gone by now."""
    try:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except OSError:
        # Python would try to flush again at exit, and end with a complaint and exit status 120.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115


class Supervisor:
    """Starts programs in the order given, restarts those that die, and ends all when asked by a signal.

    A program named in ``first`` holds back those after it until its ``ready`` test passes. ``mark``
    (``NAME=value``) is put into every child's environment, to find what is left of them. ``remember`` gets
    {name: (pid, start_time)} whenever that changes. No threads are used: the kernel's promise to end a child
    with its parent is in truth a promise about the parent's thread.
    """

    def __init__(
        self,
        programs: Iterable[Program],
        *,
        logs: Path,
        mark: str,
        first: Iterable[str] = (),
        say: Callable[[str], None] = to_terminal,
        verbose: bool = False,
        remember: Callable[[dict[str, tuple[int, str | None]]], None] = lambda _: None,
        on_ready: Callable[[str], None] = lambda _: None,
        on_ended: Callable[[str, int], None] = lambda _name, _code: None,
        is_over: Callable[[], bool] = lambda: False,
    ) -> None:
        self.children = [Child(program, logs) for program in programs]
        self.mark = mark
        self.first = frozenset(first)
        self.say = say
        self.verbose = verbose
        self.remember = remember
        self.on_ready = on_ready
        self.on_ended = on_ended
        self.is_over = is_over
        self._selector = selectors.DefaultSelector()
        self._asked: list[int] = []
        self._due: dict[str, float] = {}
        self._failure: str | None = None
        self._ending = False
        self._terminal = os.isatty(OUTPUT)

    def run(self) -> int:
        """Runs until a stop signal or ``is_over()`` (status 0), or until a part cannot be kept alive (1)."""
        wake_out, wake_in = os.pipe()
        os.set_blocking(wake_out, False)
        os.set_blocking(wake_in, False)
        self._selector.register(wake_out, selectors.EVENT_READ, None)
        previous_fd = signal.set_wakeup_fd(wake_in, warn_on_full_buffer=False)
        previous = {number: signal.signal(number, self._take) for number in STOP_SIGNALS}
        previous[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        try:
            self._start_all()
            while not (self._asked or self._failure or self.is_over()):
                self._turn(wake_out)
        finally:
            self._stop_all(wake_out)
            signal.set_wakeup_fd(previous_fd)
            for number, handler in previous.items():
                signal.signal(number, handler)
            self._selector.close()
            os.close(wake_out)
            os.close(wake_in)
        if self._failure:
            self.say(self._failure)
        return 1 if self._failure else 0

    def _take(self, number: int, _frame: object) -> None:
        self._asked.append(number)

    def _start_all(self) -> None:
        for child in self.children:
            self._start(child)
            deadline = time.monotonic() + READY_WITHIN_S
            while child.name in self.first and not child.is_ready:
                if self._asked or self._failure:
                    return
                if time.monotonic() > deadline:
                    self._failure = self._sentence(child, f"did not answer within {READY_WITHIN_S:.0f} s")
                    return
                self._turn(None, timeout=0.02)

    def _start(self, child: Child) -> None:
        name, _, value = self.mark.partition("=")
        self._due.pop(child.name, None)
        try:
            child.start({name: value})
        except OSError as error:
            self._failure = f"{child.name} cannot be started: {child.program.command[0]}: {error.strerror}."
            return
        if child.output is not None:
            self._selector.register(child.output, selectors.EVENT_READ, child)
        self._note()

    def _note(self) -> None:
        self.remember({child.name: (child.pid, child.born) for child in self.children if child.is_running})

    def _turn(self, wake: int | None, timeout: float = TICK_S) -> None:
        """Waits for output, a signal or the time, and deals with what has happened."""
        for key, _ in self._selector.select(timeout):
            if isinstance(key.data, Child):
                self._read(key.data)
            elif wake is not None:
                try:
                    os.read(wake, 512)
                except BlockingIOError:
                    continue
        if self._terminal and not os.isatty(OUTPUT):
            # A closed terminal tells only the leader of its session, and `make` as that leader tells nobody.
            self._terminal = False
            self._asked.append(signal.SIGHUP)
        now = time.monotonic()
        for child in self.children:
            if child.process is None:
                continue
            if not child.is_running:
                self._bury(child, now)
            elif not child.is_ready and child.program.ready and child.program.ready():
                child.is_ready = True
                self.on_ready(child.name)
        for name, due in list(self._due.items()):
            if now >= due and not (self._ending or self._asked or self._failure):
                self._start(next(child for child in self.children if child.name == name))

    def _read(self, child: Child) -> None:
        descriptor = child.output
        for line in child.read():
            shown = self.verbose or (child.program.loud is not None and child.program.loud.search(line))
            if line and shown:
                self.say(f"{child.name:>9} | {line}")
        if descriptor is not None and child.output is None:
            self._selector.unregister(descriptor)

    def _bury(self, child: Child, now: float) -> None:
        if child.process is None:
            return
        code = child.process.returncode
        # Its own children may hold the pipe open; what they still write belongs to no one.
        self._read(child)
        if child.output is not None and child.process.stdout:
            self._selector.unregister(child.output)
            child.process.stdout.close()
        child.process = None
        self._note()
        if self._ending or self._asked or self._failure:
            return
        if child.program.once:
            self.on_ended(child.name, code)
            return
        child.deaths.append(now)
        recent = [moment for moment in child.deaths if now - moment < DEATHS_WITHIN_S]
        if len(recent) >= DEATHS_ALLOWED:
            times = f"ended {len(recent)} times within a minute, the last time {_how(code)}"
            self._failure = self._sentence(child, times)
            return
        pause = min(LONGEST_PAUSE_S, 2.0 ** (len(recent) - 2)) if len(recent) > 1 else 0.2
        self._due[child.name] = now + pause
        self.say(f"{child.name} ended {_how(code)}; starting it again (see {child.log}).")

    def _sentence(self, child: Child, what: str) -> str:
        tail = "".join(f"\n    {line}" for line in child.tail)
        last = f" Its last lines:{tail}" if tail else ""
        return f"{child.name} {what}; stopping. The whole log is {child.log}.{last}"

    def _stop_all(self, wake: int) -> None:
        """Ends the parts rank by rank; a second stop signal hurries."""
        self._ending = True
        asked_before = len(self._asked)
        for rank in sorted({child.program.stop_rank for child in self.children}):
            group = [child for child in self.children if child.program.stop_rank == rank]
            for child in group:
                child.signal(signal.SIGTERM)
            began = time.monotonic()
            insisted: set[str] = set()
            while left := [child for child in group if child.is_running]:
                waited = time.monotonic() - began
                for child in left:
                    over = waited - child.program.grace_s
                    if len(self._asked) > asked_before or over > (INSISTING_S if child.program.insist else 0):
                        child.signal(signal.SIGKILL)
                    elif child.program.insist and over > 0 and child.name not in insisted:
                        insisted.add(child.name)
                        child.signal(child.program.insist)
                self._turn(wake, timeout=0.05)
        # Pool workers of a process that had to be killed.
        end(carrying(self.mark), grace_s=1.0)
        self.remember({})


def _how(code: int) -> str:
    """How a process ended, from its return code as subprocess gives it."""
    if code >= 0:
        return f"with status {code}"
    try:
        return f"by {signal.Signals(-code).name}"
    except ValueError:
        return f"by signal {-code}"
