"""The folder a site runs in: fit to start in, held by one `up` at a time, cleared of an earlier one."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import secrets
import shutil
import socket
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path

from ml.processes import carrying, end, start_time

from .errors import StartError

MARK = "POSTERSITE_UP"
MARK_FORM = re.compile(rf"{MARK}=[0-9a-f]{{24}}")
# The sample with its posters takes 60 MB; to meet a full disk half-way is worse than not to start.
ROOM_NEEDED = 200 * 1024 * 1024


def check_writable(var: Path, room: int = ROOM_NEEDED) -> None:
    """Raises StartError unless ``var`` can be written and has ``room`` bytes free."""
    try:
        var.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=var) as file:
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
        free = shutil.disk_usage(var).free
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StartError(
                f"The disk of {var} is full. Free some space, or set POSTERSITE_VAR to another disk."
            ) from error
        raise StartError(
            f"Cannot write to {var}: {error.strerror}. Give this user write permission there, "
            "or set POSTERSITE_VAR to a folder it may write."
        ) from error
    if free < room:
        raise StartError(
            f"Only {free // 1024**2} MB are free on the disk of {var}, and {room // 1024**2} MB are needed. "
            "Free some space, or set POSTERSITE_VAR to a folder on another disk."
        )
    for inside in var.iterdir():
        if inside.suffix in {".sqlite3", ".sqlite3-wal"} and not os.access(inside, os.W_OK):
            raise StartError(f"{inside} may not be written by this user. Give it write permission there.")


def make_private(var: Path) -> None:
    """Takes group's and others' permissions from ``var`` and from what lies directly in it.

    Nobody else gets at what lies deeper, so that is not walked. Links are not followed. What belongs to
    another user stays as it is: the system check catalog.W006 reports it.
    """
    for path in (var, *var.iterdir()):
        with suppress(OSError):
            mode = path.lstat().st_mode
            if mode & 0o077 and not stat.S_ISLNK(mode):
                path.chmod(stat.S_IMODE(mode) & ~0o077)


def check_port(host: str, port: int) -> None:
    """Raises StartError unless a server could listen on ``host``:``port`` now."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except socket.gaierror as error:
        raise StartError(f"{host!r} is no address of this machine: {error.strerror}.") from error
    except PermissionError as error:
        raise StartError(
            f"This user may not listen on port {port}. Choose one above 1023, like PORT={port % 1000 + 8000}."
        ) from error
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise StartError(f"Cannot listen on {host} port {port}: {error.strerror}.") from error
        raise StartError(
            f"Port {port} is already taken by another program. Choose another: PORT={port + 1} make run."
        ) from error


def is_loopback(host: str) -> bool:
    """True when only this machine can reach a server that listens on ``host``."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror:
        return False
    return all(ip_address(str(address[0]).partition("%")[0]).is_loopback for *_, address in found)


def free_port(preferred: int) -> int:
    """``preferred`` when nothing listens there on loopback, else any free port."""
    try:
        check_port("127.0.0.1", preferred)
    except StartError:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])
    return preferred


class Place:
    """The run folder while it is held. ``mark`` is what this start's processes carry in their environment."""

    def __init__(self, run: Path) -> None:
        self.state = run / "up.json"
        self.mark = f"{MARK}={secrets.token_hex(12)}"

    def remember(self, children: dict[str, tuple[int, str | None]]) -> None:
        """Writes down what runs, for the next start to clear away should this one be killed."""
        draft = self.state.with_suffix(".draft")
        try:
            draft.write_text(json.dumps({"mark": self.mark, "pid": os.getpid(), "children": children}))
            draft.replace(self.state)
        except OSError:
            return  # a full disk; the children die with us anyway where the kernel can promise it

    def clear(self) -> int:
        """Ends what an earlier start that was killed has left running; gives how many processes that were."""
        try:
            state = json.loads(self.state.read_text())
            mark = str(state["mark"])
            children = [(int(pid), started) for pid, started in state["children"].values()]
            left = {pid for pid, started in children if started and start_time(pid) == started}
            # Anything less exact would find processes of others.
            left |= set(carrying(mark)) if MARK_FORM.fullmatch(mark) else set()
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return 0  # none, or cut short: nothing in it can be trusted
        end(left - {os.getpid()}, grace_s=3.0)
        return len(left)


@contextmanager
def held(var: Path) -> Iterator[Place]:
    """Holds the var folder against a second `up`; the lock goes with the process, however it ends.

    Raises StartError when another one holds it.
    """
    run = var / "run"
    try:
        run.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(run / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StartError(
            f"Cannot write to {run}: {error.strerror}. Give this user write permission."
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            pid = os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "?"
            raise StartError(
                f"Postersite is already running on {var} (process {pid}). Stop that one with Ctrl-C first, "
                "or set POSTERSITE_VAR to another folder and PORT to another port."
            ) from error
        except OSError as error:
            raise StartError(
                f"The disk of {run} cannot lock files ({error.strerror}). Set POSTERSITE_VAR to a local one."
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield Place(run)
    finally:
        os.close(descriptor)
