"""The programs that make up a site, and how each is started and stopped."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from functools import partial
from http.client import HTTPConnection, HTTPException

from django.conf import settings

from . import broker
from .supervisor import Program

# Without its banner, which is no log line.
QUIET = ["--quiet"] if settings.LOG_FORMAT == "json" else []
CELERY = [sys.executable, "-m", "celery", "-A", "postersite", *QUIET]

# The order of stopping: what queues work, what does it, the site it is fetched from, and the broker.
CLIENTS, WORKERS, REPLICA, BROKER = range(4)


def site_programs(host: str, port: int, url: str) -> list[Program]:
    """The programs of a site that visitors reach at ``url``; without a broker when REDIS_URL is set.

    Raises StartError when the embedded broker cannot be started here.
    """
    return [
        *([broker_program()] if settings.EMBEDDED_BROKER else []),
        worker_program("io", 2),
        # A process that has trained a model keeps TensorFlow's memory; beyond 1.5 GB it is replaced.
        worker_program("ml", 1, "--max-memory-per-child", "1500000"),
        Program("beat", [*CELERY, "beat", "--loglevel", "WARNING", "--pidfile="], CLIENTS, grace_s=3),
        web_program(host, port, url),
    ]


def broker_program() -> Program:
    """The embedded broker. Raises StartError when there is no server program or no folder for it."""
    folder = settings.VAR_DIR / "broker"
    broker.make_private(folder)
    broker.make_private(settings.BROKER_SOCKET.parent)
    return Program(
        "broker",
        broker.command(broker.find_server(), folder, settings.BROKER_SOCKET),
        BROKER,
        grace_s=3,
        ready=partial(broker.responds, f"unix://{settings.BROKER_SOCKET}"),
        show_warnings=False,  # it warns of ordinary settings of the kernel
    )


def worker_program(queue: str, processes: int, *options: str) -> Program:
    """A Celery worker of one queue. SIGTERM lets it finish its tasks; SIGQUIT returns them to the queue."""
    command = [*CELERY, "worker", "--queues", queue, "--hostname", f"{queue}@%h"]
    command += ["--concurrency", str(processes), "--loglevel", "INFO", "--without-gossip", "--without-mingle"]
    return Program(f"worker-{queue}", [*command, *options], WORKERS, grace_s=7, stop_now=signal.SIGQUIT)


def web_program(host: str, port: int, url: str) -> Program:
    """The web server."""
    bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    command = [sys.executable, "-m", "gunicorn", "--config", "python:postersite.web.gunicorn_settings"]
    command += ["--bind", bind, "--graceful-timeout", "3", "--log-level", "warning"]
    message = f"Postersite is at {url} (Ctrl-C stops it)"
    return Program("web", command, CLIENTS, grace_s=4, ready=responds(host, port), ready_message=message)


def replica_program(port: int) -> Program:
    """The website on loopback from which the sample catalogue's posters are fetched."""
    command = [sys.executable, "-m", "catalog.sample.site", "--port", str(port)]
    return Program("replica", command, REPLICA, grace_s=2, ready=responds("127.0.0.1", port))


def sample_program() -> Program:
    """Imports the sample catalogue and follows its runs, with progress in the terminal."""
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "run_sample"]
    return Program("sample", command, CLIENTS, grace_s=3, once=True)


def responds(host: str, port: int) -> Callable[[], bool]:
    """A test whether the web server there responds: gunicorn listens before its workers serve."""
    local = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104

    def test() -> bool:
        connection = HTTPConnection(local, port, timeout=0.5)
        try:
            connection.request("HEAD", "/healthz")
            return connection.getresponse().status > 0
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    return test
