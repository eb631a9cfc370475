"""The gunicorn processes around the server: how they end, and what they allow themselves."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import requests

from ml.processes import start_time
from tests.processes.site import free_port, wait_until

pytestmark = pytest.mark.process


@contextmanager
def running() -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    address = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "gunicorn", "--config", "python:postersite.web.gunicorn_settings"]
    command += ["--bind", address, "--workers", "1", "tests.postersite.web.served"]
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "postersite.settings"}
    with subprocess.Popen(
        command, env=environment, stderr=subprocess.DEVNULL, preexec_fn=lambda: limit_files(512)
    ) as process:
        try:
            wait_until(answers(f"http://{address}/"), "the server answers")
            yield process, f"http://{address}/"
        finally:
            process.kill()


def limit_files(soft: int) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


def answers(address: str) -> Callable[[], bool]:
    def test() -> bool:
        try:
            return requests.get(address, timeout=5).ok
        except requests.RequestException:
            return False

    return test


def test_a_worker_ends_with_its_parent_may_open_many_files_and_does_not_collect_modules() -> None:
    with running() as (process, address):
        worker, files, frozen = map(int, requests.get(address, timeout=5).text.split())
        assert worker != process.pid and start_time(worker)
        assert files >= min(4000, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        assert frozen > 10_000  # all modules
        process.kill()
        wait_until(lambda: not start_time(worker), "the worker has ended", 10)


def test_a_request_in_hand_is_answered_before_the_end() -> None:
    with running() as (process, address):
        with subprocess.Popen(
            [sys.executable, "-c", f"import urllib.request as r; print(r.urlopen('{address}slow').status)"],
            stdout=subprocess.PIPE,
        ) as client:
            time.sleep(0.6)
            process.send_signal(signal.SIGTERM)
            assert client.communicate(timeout=20)[0].strip() == b"200"
        assert process.wait(10) == 0
