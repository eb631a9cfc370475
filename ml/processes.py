"""Which processes still run, on this machine, and a way to make them end with their parent."""

from __future__ import annotations

import ctypes
import hashlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

PROC = Path("/proc")
# The first that is not empty distinguishes machines that have the same host name, as cloned ones may.
MACHINE_IDS = (Path("/etc/machine-id"), PROC / "sys" / "kernel" / "random" / "boot_id")
PR_SET_PDEATHSIG = 1


def start_time(pid: int) -> str | None:
    """When process ``pid`` started, as a text to compare; None when there is none, or only a zombie.

    It distinguishes processes that have the same id at different times.
    """
    if PROC.joinpath("self", "stat").exists():
        try:
            # The second field is the program's name in brackets and may contain brackets itself.
            fields = PROC.joinpath(str(pid), "stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in "ZX" else fields[19]
    output = subprocess.run(  # noqa: S603
        ["/bin/ps", "-o", "stat=", "-o", "lstart=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    return None if not output or output.startswith("Z") else output.partition(" ")[2].strip()


def this_process() -> str:
    """Machine, process id and start time of this process, at most 100 characters, for `has_ended`."""
    return f"{this_machine()}/{os.getpid()}/{start_time(os.getpid())}"


def has_ended(process: str) -> bool:
    """Whether a process, named by its `this_process`, has ended. False for processes of other machines."""
    machine, _, rest = process.partition("/")
    pid, _, born = rest.partition("/")
    return machine == this_machine() and not (pid.isdigit() and start_time(int(pid)) == born)


@cache
def this_machine() -> str:
    """A name of this machine or container that others do not have; without "/"."""
    name = socket.gethostname()[:50]
    for path in MACHINE_IDS:
        try:
            if found := path.read_bytes().strip():
                return f"{name}-{hashlib.sha256(found).hexdigest()[:8]}"
        except OSError:
            continue
    return name


def dies_with_parent(number: int) -> Callable[[], None] | None:
    """For Popen's ``preexec_fn``: the kernel sends the child signal ``number`` when its parent dies.

    None on other systems than Linux: see prctl(2), PR_SET_PDEATHSIG.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def set_signal() -> None:
        prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
        if os.getppid() != parent:  # it ended before the signal was set
            os._exit(1)

    return set_signal
