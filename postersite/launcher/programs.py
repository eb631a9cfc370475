"""The processes a site consists of, and the order in which they end."""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from redis import Redis, RedisError

from . import broker
from .child import Program
from .errors import StartError

PYTHON = sys.executable
SAMPLE_RUN = "sample"

# Ranks of ending: those who ask for work, those who do it, the site it is fetched from, and what carries it.
ASKING, WORKING, SERVING, CARRYING = range(4)


def broker_program(socket_file: Path, folder: Path) -> Program:
    """The embedded broker. Raises StartError when there is no server program or no place for it."""
    broker.make_private(folder)
    broker.make_private(socket_file.parent)
    return Program(
        "broker",
        broker.command(broker.find_server(), folder, socket_file),
        CARRYING,
        grace_s=3,
        loud=None,  # it calls ordinary advice about the kernel a warning
        ready=partial(broker.answers, socket_file),
    )


def check_broker(url: str) -> None:
    """Raises StartError unless the operator's own broker at ``url`` answers."""
    try:
        with Redis.from_url(url, socket_connect_timeout=5, socket_timeout=5) as client:
            client.ping()
    except (RedisError, ValueError) as error:
        raise StartError(
            f"The broker that REDIS_URL names ({host_of(url)}) does not answer: {error}. Start it, mend "
            "REDIS_URL, or remove REDIS_URL to use the embedded broker."
        ) from error


def host_of(url: str) -> str:
    """Where a broker is, without the password its URL may hold."""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2] or parts.path


def web_program(host: str, port: int) -> Program:
    """The web server."""
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    command = [PYTHON, "-m", "gunicorn", "--config", "python:postersite.web.gunicorn_settings"]
    command += ["--bind", address, "--graceful-timeout", "3", "--log-level", "warning"]
    return Program("web", command, ASKING, grace_s=4, ready=healthy(host, port))


def worker_program(queue: str, processes: int, *more: str) -> Program:
    """A Celery worker of one queue. SIGTERM lets it finish the task in hand; SIGQUIT gives that back."""
    command = [PYTHON, "-m", "celery", "-A", "postersite", "worker", "--queues", queue]
    command += ["--hostname", f"{queue}@%h", "--concurrency", str(processes), "--loglevel", "INFO"]
    command += ["--without-gossip", "--without-mingle", *more]
    return Program(
        f"worker-{queue}", command, WORKING, grace_s=7, insist=signal.SIGQUIT, dies_by=signal.SIGQUIT
    )


def beat_program() -> Program:
    """Celery beat, whose one duty is the sweep for what the runs still owe."""
    command = [PYTHON, "-m", "celery", "-A", "postersite", "beat", "--loglevel", "WARNING", "--pidfile="]
    return Program("beat", command, ASKING, grace_s=3)


def replica_program(port: int) -> Program:
    """The loopback web site that the sample catalogue is scraped from."""
    command = [PYTHON, "-m", "catalog.sample.site", "--port", str(port)]
    return Program("replica", command, SERVING, grace_s=2, ready=listening("127.0.0.1", port))


def sample_program(manage: Path) -> Program:
    """Imports the sample and sees its runs through, with progress in the terminal."""
    return Program(
        SAMPLE_RUN, [PYTHON, str(manage), "run_sample"], ASKING, grace_s=3, once=True, on_terminal=True
    )


def site_programs(host: str, port: int) -> list[Program]:
    """Web server, workers and beat; and the broker before them unless REDIS_URL names one."""
    carrier = [broker_program(settings.BROKER_SOCKET, settings.VAR_DIR / "broker")]
    return [
        *(carrier if settings.EMBEDDED_BROKER else []),
        web_program(host, port),
        worker_program("io", 2),
        # A child that has trained a model keeps TensorFlow's memory; past 1.5 GB a fresh one follows.
        worker_program("ml", 1, "--max-memory-per-child", "1500000"),
        beat_program(),
    ]


def reachable(host: str) -> str:
    """The address at which a server that listens on ``host`` is reached from this machine."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104


def listening(host: str, port: int) -> Callable[[], bool]:
    """A test whether something listens there."""

    def test() -> bool:
        try:
            with socket.create_connection((reachable(host), port), timeout=0.2):
                return True
        except OSError:
            return False

    return test


def healthy(host: str, port: int) -> Callable[[], bool]:
    """A test whether the site's web server answers there: gunicorn listens before its workers serve."""

    def test() -> bool:
        connection = HTTPConnection(reachable(host), port, timeout=0.5)
        try:
            connection.request("HEAD", "/healthz")
            return connection.getresponse().status == HTTPStatus.OK
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    return test
