"""A whole site started for a test: `manage.py up` in its own session, on a free port and a fresh folder."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

import requests

from ml.processes import start_time
from postersite.env import BASE_DIR

MANAGE = BASE_DIR / "manage.py"
TIMEOUT_S = 120.0  # of a busy machine
MARK = "POSTERSITE_TEST_SITE"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def wait_until(test: Callable[[], object], what: str, timeout_s: float = TIMEOUT_S) -> None:
    deadline = time.monotonic() + timeout_s
    while not test():
        assert time.monotonic() < deadline, f"not within {timeout_s:.0f} s: {what}"
        time.sleep(0.05)


def processes_with(name: str, value: str) -> list[int]:
    """Processes with an environment variable, including those that they have started (Linux)."""
    wanted = f"{name}={value}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or is another user's
            if wanted in entry.joinpath("environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return [pid for pid in found if start_time(pid)]


class Site:
    """``environment`` is added to a clean one: settings of the developer do not reach the site."""

    def __init__(self, var: Path, **environment: str) -> None:
        self.var = var
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.mark = secrets.token_hex(8)
        inherited = {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "TMPDIR") if key in os.environ}
        self.environment = {
            **inherited,
            "POSTERSITE_VAR": str(var),
            "POSTERSITE_SAMPLE": "0",
            "REDIS_URL": "",
            "DATABASE_URL": f"sqlite:///{var / 'db.sqlite3'}",
            "PORT": str(self.port),
            **environment,
            MARK: self.mark,
        }
        self._output = var.parent / f"{var.name}.out"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *arguments: str) -> Self:
        """Starts the site and waits until it responds."""
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, str(MANAGE), "up", *arguments],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=0o022,
            )
        wait_until(self._responds, "the site responds")
        return self

    def _responds(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.output
        # While a killed start is cleared away, its web server may still respond.
        return "Postersite is at" in self.output and requests.get(f"{self.url}/robots.txt", timeout=5).ok

    @property
    def output(self) -> str:
        return self._output.read_text(errors="replace")

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs another `manage.py` command on the same site."""
        return subprocess.run(
            [sys.executable, str(MANAGE), *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )

    def program(self, name: str) -> int:
        """The process id of a program of the site; 0 when it does not run."""
        children = json.loads((self.var / "run" / "up.json").read_text())["children"]
        return int(children[name][0]) if name in children else 0

    def processes(self) -> list[int]:
        """All processes of the site, `up` included."""
        return processes_with(MARK, self.mark)

    def stop(self, number: int = signal.SIGINT) -> int:
        """Signals the process group, as Ctrl-C in a terminal does. Returns the exit status of `up`."""
        assert self.process is not None
        os.killpg(self.process.pid, number)
        return self.process.wait(TIMEOUT_S)

    def kill(self) -> None:
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
