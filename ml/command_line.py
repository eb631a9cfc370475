"""Shared by the commands of this library: exit codes, one-line errors, progress bars, signals, log files."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import FrameType
from typing import TextIO

from tqdm import tqdm

DONE, FAILED, BAD_INPUT = 0, 1, 2
STOPPED = 128 + signal.SIGTERM

ProgressBar = Callable[[str, int], AbstractContextManager[Callable[[int], object]]]
"""Makes a progress bar of a description and a number of steps; see `progress_bar`."""


def print_error(message: str, code: int) -> int:
    """Write the message to standard error as one line and return the exit code."""
    sys.stderr.write(" ".join(message.split()) + "\n")
    return code


@contextmanager
def progress_bar(description: str, total: int) -> Iterator[Callable[[int], object]]:
    """Show a progress bar on standard error; the function takes the number of finished steps.

    In a log file it writes little more than its last line.
    """
    with tqdm(
        total=total or None,
        desc=description,
        unit="",
        file=sys.stderr,
        mininterval=0.3 if sys.stderr.isatty() else 30,
        bar_format="{desc:<32} {bar:24} {n_fmt}/{total_fmt} {rate_fmt}" if total else "{desc} {elapsed}",
    ) as bar:
        yield lambda done: bar.update(done - bar.n)


@contextmanager
def stop_requests(*signals: signal.Signals) -> Iterator[Callable[[], bool]]:
    """Inside, a signal is only recorded; the function says whether one came. A second one acts as usual."""
    requested = False

    def record(number: int, frame: FrameType | None) -> None:
        nonlocal requested
        if requested:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        requested = True

    before = {number: signal.signal(number, record) for number in signals}
    try:
        yield lambda: requested
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def stderr_in(log: Path) -> Iterator[TextIO]:
    """Append everything written to standard error to `log`; yields a stream to the previous standard error.

    TensorFlow writes below Python, to the file descriptor, and before its own log level can be set.
    """
    sys.stderr.flush()
    previous = os.dup(2)
    try:
        with log.open("ab") as file:
            os.dup2(file.fileno(), 2)
        with os.fdopen(os.dup(previous), "w", buffering=1) as terminal:
            yield terminal
    finally:
        sys.stderr.flush()
        os.dup2(previous, 2)
        os.close(previous)
