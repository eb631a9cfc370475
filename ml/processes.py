"""What the operating system knows about processes: which live, and which are an earlier start's."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

PROC = Path("/proc")
PR_SET_PDEATHSIG = 1


def start_time(pid: int) -> str | None:
    """When process ``pid`` started, as an opaque text; None when there is none, or only a zombie.

    Two processes that get the same number one after the other differ in it.
    """
    if PROC.joinpath("self", "stat").exists():
        try:
            # The second field is the program's name in brackets and may hold anything, brackets included.
            fields = PROC.joinpath(str(pid), "stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in "ZX" else fields[19]
    answer = subprocess.run(  # noqa: S603
        ["/bin/ps", "-o", "stat=", "-o", "lstart=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    return None if not answer or answer.startswith("Z") else answer.partition(" ")[2].strip()


def carrying(mark: str) -> list[int]:
    """Processes of this user with ``mark`` (``NAME=value``) in their environment, and their forks.

    Empty where the system does not tell (no /proc).
    """
    wanted = mark.encode()
    found = []
    for entry in PROC.glob("[0-9]*") if PROC.is_dir() else ():
        try:
            environment = entry.joinpath("environ").read_bytes()
        except OSError:
            continue  # gone meanwhile, or another user's
        if wanted in environment.split(b"\0") and int(entry.name) != os.getpid():
            found.append(int(entry.name))
    return [pid for pid in found if start_time(pid)]


def send(pid: int, number: int) -> None:
    """Sends a signal; a process that has just ended is no error."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def end(pids: Iterable[int], grace_s: float) -> None:
    """Asks the processes to end (SIGTERM), and after ``grace_s`` seconds ends those left (SIGKILL)."""
    born = {pid: start_time(pid) for pid in pids}
    for number, patience in ((signal.SIGTERM, grace_s), (signal.SIGKILL, 2.0)):
        left = [pid for pid, start in born.items() if start and start_time(pid) == start]
        for pid in left:
            send(pid, number)
        deadline = time.monotonic() + patience
        while left and time.monotonic() < deadline:
            time.sleep(0.05)
            left = [pid for pid in left if start_time(pid) == born[pid]]


def dies_with_parent(number: int) -> Callable[[], None] | None:
    """For Popen's ``preexec_fn``: the kernel sends the child signal ``number`` when its parent dies.

    None where the kernel has no such promise (only Linux does: prctl(2), PR_SET_PDEATHSIG).
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def ask_kernel() -> None:
        prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
        if os.getppid() != parent:  # it died before the kernel was asked
            os._exit(1)

    return ask_kernel
