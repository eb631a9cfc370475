"""A whole site started for a test: `manage.py up` in its own session, on a free port and a fresh folder."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import requests

from ml.processes import carrying, end
from postersite.env import BASE_DIR

MANAGE = BASE_DIR / "manage.py"
PATIENCE_S = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(test: Callable[[], object], what: str, patience_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + patience_s
    while not test():
        assert time.monotonic() < deadline, f"waited {patience_s:.0f} s in vain: {what}"
        time.sleep(0.1)


class Site:
    """``environment`` is added to a clean one: settings of the person at the tests do not reach the site."""

    def __init__(self, var: Path, **environment: str) -> None:
        self.var = var
        self.port = free_port()
        self.mark = f"POSTERSITE_TEST_SITE={secrets.token_hex(8)}"
        name, _, value = self.mark.partition("=")
        kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "TMPDIR") if key in os.environ}
        self.environment = {
            **kept,
            "POSTERSITE_VAR": str(var),
            "POSTERSITE_SAMPLE": "0",
            "REDIS_URL": "",
            "DATABASE_URL": f"sqlite:///{var / 'db.sqlite3'}",
            "PORT": str(self.port),
            **environment,
            name: value,
        }
        self.output = var.parent / f"{var.name}.out"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *arguments: str) -> Self:
        """Starts the site and waits until it answers."""
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, str(MANAGE), "up", *arguments],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=0o022,
            )
        wait_until(self.answers, "the site answers")
        return self

    def answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.said
        # While an earlier start that was killed is being cleared away, its web server may still answer.
        if "Postersite is at" not in self.said:
            return False
        try:
            return requests.get(f"http://127.0.0.1:{self.port}/robots.txt", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    @property
    def said(self) -> str:
        return self.output.read_text(errors="replace")

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs another `manage.py` command on the same site."""
        return subprocess.run(
            [sys.executable, str(MANAGE), *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def processes(self) -> list[int]:
        """Every process that descends from the site, itself included."""
        return carrying(self.mark)

    def wait(self) -> int:
        """The exit status of `up`, which must not keep us waiting."""
        assert self.process is not None
        return self.process.wait(PATIENCE_S)

    def interrupt_group(self, number: int = signal.SIGINT) -> int:
        """What Ctrl-C in a terminal does: the whole group gets the signal. Gives the exit status."""
        assert self.process is not None
        os.killpg(self.process.pid, number)
        return self.wait()

    def clear(self) -> None:
        end(self.processes(), grace_s=0)
