"""One process of the site: how it is started, its log file, and what of its output a person should see."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ml.processes import dies_with_parent, send, start_time

# Ctrl-C and a closed terminal reach the whole process group at once. Only the supervisor takes them, so that
# it can end the parts in order: the broker last. A blocked signal stays blocked over exec, unlike an ignored
# one, which gunicorn and Celery would handle again.
TERMINAL_SIGNALS = frozenset({signal.SIGINT, signal.SIGHUP})
LOG_LIMIT = 5 * 1024 * 1024
LINE_LIMIT = 64 * 1024
TAIL_LINES = 12
TROUBLE = re.compile(r"(?:^|\s)(?:WARNING|ERROR|CRITICAL)\b|^Traceback |^[\w.]+(Error|Exception)\b")


@dataclass(frozen=True)
class Program:
    """What to run. ``stop_rank`` orders the ending: lower ranks first, equal ranks together.

    ``grace_s`` seconds after it was asked to end it is made to, by ``insist`` first when that is given. A
    ``once`` program may end by itself. ``on_terminal`` lets it write to the terminal instead of a log. Lines
    matching ``loud`` are also shown at the terminal. ``ready`` tells when it serves. ``dies_by``
    is the signal it gets should this process be killed.
    """

    name: str
    command: list[str]
    stop_rank: int
    grace_s: float
    environment: Mapping[str, str] = field(default_factory=dict)
    once: bool = False
    on_terminal: bool = False
    loud: re.Pattern[str] | None = TROUBLE
    insist: int | None = None
    ready: Callable[[], bool] | None = None
    dies_by: int = signal.SIGTERM


class Child:
    """A running (or ended) process of a Program."""

    def __init__(self, program: Program, logs: Path) -> None:
        self.program = program
        self.name = program.name
        self.log = logs / f"{program.name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.born: str | None = None
        self.started_at = 0.0
        self.is_ready = False
        self.deaths: deque[float] = deque(maxlen=16)
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._rest = b""

    @property
    def pid(self) -> int:
        return self.process.pid if self.process else 0

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def output(self) -> int | None:
        """File descriptor its output is read from, while it is open."""
        stream = self.process.stdout if self.process else None
        return stream.fileno() if stream and not stream.closed else None

    def start(self, marked: Mapping[str, str]) -> None:
        """Starts the process in this process group, its input closed and ``marked`` added to its environment.

        Raises OSError when it cannot be started.
        """
        shared = None if self.program.on_terminal else subprocess.PIPE
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, TERMINAL_SIGNALS)
        try:
            self.process = subprocess.Popen(  # noqa: S603
                self.program.command,
                stdin=subprocess.DEVNULL,
                stdout=shared,
                stderr=None if shared is None else subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **self.program.environment, **marked},
                preexec_fn=dies_with_parent(self.program.dies_by),
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        if self.process.stdout:
            os.set_blocking(self.process.stdout.fileno(), False)
        self.born = start_time(self.pid)
        self.started_at = time.monotonic()
        self.is_ready = self.program.ready is None

    def read(self) -> Iterator[str]:
        """Takes what the process has written by now into its log, and gives the complete lines."""
        stream = self.process.stdout if self.process else None
        if stream is None or stream.closed:
            return
        while True:
            try:
                data = os.read(stream.fileno(), 65536)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                stream.close()
                if self._rest:
                    yield self._line(self._rest)
                    self._rest = b""
                return
            self._write(data)
            *lines, self._rest = (self._rest + data).split(b"\n")
            if len(self._rest) > LINE_LIMIT:
                lines, self._rest = [*lines, self._rest[:LINE_LIMIT]], b""
            for line in lines:
                yield self._line(line)

    def signal(self, number: int) -> None:
        if self.is_running:
            send(self.pid, number)

    def _line(self, raw: bytes) -> str:
        line = raw.decode(errors="replace").rstrip()
        if line:
            self.tail.append(line)
        return line

    def _write(self, data: bytes) -> None:
        try:
            with self.log.open("ab") as file:
                file.write(data)
                size = file.tell()
            if size > LOG_LIMIT:
                self.log.replace(self.log.with_suffix(".log.1"))
        except OSError:
            return  # a full disk must not stop the site; the terminal still shows what matters
