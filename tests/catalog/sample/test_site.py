"""``python -m catalog.sample.site`` serves until it is stopped."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from catalog.sample.site import ReplicaSite, main
from tests.catalog.sample.pictures import film, picture, size_of

ROOT = Path(__file__).resolve().parents[3]


def started(*arguments: str) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "catalog.sample.site", "--port", "0", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    match = re.search(r"http://\S+", line)
    assert match, line + (process.stderr.read() if process.stderr else "")
    return process, match[0]


@pytest.mark.process
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_a_csv_file_and_exits_without_errors(tmp_path: Path, sign: signal.Signals) -> None:
    (tmp_path / "a.jpg").write_bytes(picture())
    (tmp_path / "films.csv").write_text(
        "file,imdb_id,tmdb_id,title,year\na.jpg,tt12,34,Name,1990\n", encoding="utf-8"
    )
    process, url = started("--csv", str(tmp_path / "films.csv"))
    try:
        assert "Name" in requests.get(f"{url}/movie/34", timeout=10).text
    finally:
        process.send_signal(sign)
        _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")


@pytest.mark.process
def test_it_serves_the_sample_by_default() -> None:
    process, url = started()
    try:
        page = requests.get(f"{url}/movie/90000001", timeout=10).text
        found = re.search(r"/t/p/w300_and_h450_bestv2/\w+\.jpg", page)
        assert found
        assert size_of(requests.get(url + found[0], timeout=30).content) == (300, 450)
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_a_port_in_use_and_a_missing_file_are_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ReplicaSite([film()]) as site:
        assert main(["--port", str(site.port)]) == 1
        assert str(site.port) in capsys.readouterr().err
    assert main(["--csv", str(tmp_path / "absent.csv")]) == 1
    assert "absent.csv" in capsys.readouterr().err
