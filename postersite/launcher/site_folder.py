"""Checks that a site can run in its folder and on its port; one `up` at a time locks the folder."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import socket
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path

from .errors import StartError

# The sample with its posters takes 60 MB; a full disk half-way is worse than no start.
SPACE_NEEDED = 200 * 1024 * 1024


def check_writable(var: Path, space: int = SPACE_NEEDED) -> None:
    """Raises StartError unless ``var`` can be written and has ``space`` bytes free."""
    try:
        var.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(var).free
        if free < space:
            raise StartError(
                f"Only {free // 1024**2} MB are free on the disk of {var}, and {space // 1024**2} MB are "
                "needed. Free some space, or set POSTERSITE_VAR to a folder on another disk."
            )
        with tempfile.TemporaryFile(dir=var) as file:
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StartError(
            f"Cannot write to {var}: {error.strerror}. Give this user write permission there, "
            "or set POSTERSITE_VAR to a folder it may write."
        ) from error


def make_private(var: Path) -> None:
    """Takes the permissions of group and others from ``var`` and the files and folders directly in it.

    That is enough to protect what is deeper. Links are not followed. What belongs to another user is not
    changed: the system check catalog.W006 reports it.
    """
    for path in (var, *var.iterdir()):
        with suppress(OSError):
            mode = path.lstat().st_mode
            if mode & 0o077 and not stat.S_ISLNK(mode):
                path.chmod(stat.S_IMODE(mode) & ~0o077)


def check_port(host: str, port: int) -> None:
    """Raises StartError unless a server could listen on ``host``:``port`` now."""
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        socket.create_server(address[:2], family=family).close()
    except socket.gaierror as error:
        raise StartError(f"{host!r} is not an address of this machine: {error.strerror}.") from error
    except PermissionError as error:
        raise StartError(
            f"This user may not listen on port {port}. Choose one above 1023, like PORT={port % 1000 + 8000}."
        ) from error
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise StartError(f"Cannot listen on {host} port {port}: {error.strerror}.") from error
        raise StartError(
            f"Port {port} is already in use by another program. Choose another: PORT={port + 1} make run."
        ) from error


def free_port(preferred: int) -> int:
    """``preferred`` when nothing listens there on loopback, else any free port."""
    try:
        check_port("127.0.0.1", preferred)
    except StartError:
        with socket.create_server(("127.0.0.1", 0)) as server:
            return int(server.getsockname()[1])
    return preferred


def is_loopback(host: str) -> bool:
    """True when only this machine can reach a server that listens on ``host``."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def lock(var: Path) -> Iterator[None]:
    """Locks the folder against a second `up`; the lock ends with the process, however that ends.

    Raises StartError when it is locked already.
    """
    run = var / "run"
    try:
        run.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = open(run / "up.lock", "a+")  # noqa: SIM115
    except OSError as error:
        raise StartError(
            f"Cannot write to {run}: {error.strerror}. Give this user write permission."
        ) from error
    with file:
        file.seek(0)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StartError(
                f"Postersite is already running on {var} (process {file.read(20).strip() or '?'}). Stop that "
                "one with Ctrl-C first, or set POSTERSITE_VAR to another folder and PORT to another port."
            ) from error
        except OSError as error:
            raise StartError(
                f"The disk of {run} cannot lock files ({error.strerror}). Set POSTERSITE_VAR to a local one."
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
