"""``python -m catalog.sample.site`` serves until it is stopped."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from catalog.sample.site import ReplicaSite, main
from tests.catalog.sample.pictures import film, picture, size_of

ROOT = Path(__file__).resolve().parents[3]


@contextmanager
def running(*arguments: str, sign: signal.Signals = signal.SIGTERM) -> Iterator[str]:
    """The address of a site in a process of its own, which ends without an error when it gets the signal."""
    with subprocess.Popen(
        [sys.executable, "-m", "catalog.sample.site", "--port", "0", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdout is not None
        try:
            found = re.search(r"http://\S+", process.stdout.readline())
            assert found
            yield found[0]
        finally:
            process.send_signal(sign)
            _, errors = process.communicate(timeout=20)
        assert (process.returncode, errors) == (0, "")


@pytest.mark.process
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_a_csv_file_and_exits_without_errors(tmp_path: Path, sign: signal.Signals) -> None:
    (tmp_path / "a.jpg").write_bytes(picture())
    (tmp_path / "films.csv").write_text(
        "file,imdb_id,tmdb_id,title,year\na.jpg,tt12,34,Name,1990\n", encoding="utf-8"
    )
    with running("--csv", str(tmp_path / "films.csv"), sign=sign) as url:
        assert "Name" in requests.get(f"{url}/movie/34", timeout=10).text


@pytest.mark.process
def test_it_serves_the_sample_by_default() -> None:
    with running() as url:
        page = requests.get(f"{url}/movie/90000001", timeout=10).text
        found = re.search(r"/t/p/w300_and_h450_bestv2/\w+\.jpg", page)
        assert found
        assert size_of(requests.get(url + found[0], timeout=30).content) == (300, 450)


def test_a_port_in_use_and_a_missing_file_are_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ReplicaSite([film()]) as site:
        assert main(["--port", str(site.port)]) == 1
        assert str(site.port) in capsys.readouterr().err
    assert main(["--csv", str(tmp_path / "absent.csv")]) == 1
    assert "absent.csv" in capsys.readouterr().err
