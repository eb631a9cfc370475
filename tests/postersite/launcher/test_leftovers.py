"""What a killed start left running is ended by the next one; nobody else's process is."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml import processes
from ml.processes import start_time
from postersite.launcher import site_folder

Sleeper = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def sleeper() -> Iterator[Sleeper]:
    started: list[subprocess.Popen[bytes]] = []

    def start(mark: str = "") -> subprocess.Popen[bytes]:
        name, _, value = mark.partition("=")
        environment = {**os.environ, name: value} if mark else dict(os.environ)
        started.append(subprocess.Popen(["/bin/sleep", "64"], env=environment))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_children_of_a_killed_start_and_their_forks_are_ended(tmp_path: Path, sleeper: Sleeper) -> None:
    with site_folder.held(tmp_path) as killed:
        known, fork = sleeper(killed.mark), sleeper(killed.mark)
        killed.remember({"web": (known.pid, start_time(known.pid))})
    stranger = sleeper()
    with site_folder.held(tmp_path) as here:
        assert here.clear() == 2
    assert known.wait(5) and fork.wait(5)
    assert stranger.poll() is None


def test_a_number_used_again_by_another_process_is_left_alone(tmp_path: Path, sleeper: Sleeper) -> None:
    other = sleeper()
    with site_folder.held(tmp_path) as here:
        here.remember({"web": (other.pid, "an earlier start_time"), "beat": (other.pid, None)})
        assert here.clear() == 0
    assert other.poll() is None


@pytest.mark.parametrize("mark", ["", "PATH", "POSTERSITE_UP=", "=", "POSTERSITE_UP=zz"])
def test_a_mark_that_is_not_exact_finds_nobody(tmp_path: Path, sleeper: Sleeper, mark: str) -> None:
    other = sleeper(mark if "=" in mark.strip("=") else "")
    with site_folder.held(tmp_path) as here:
        here.mark = mark
        here.remember({})
        assert here.clear() == 0
    assert other.poll() is None


@given(
    content=st.one_of(st.binary(max_size=200), st.sampled_from([b"[]", b"{}", b'{"children": 3, "mark": 1}']))
)
def test_a_damaged_note_is_ignored(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    here = site_folder.Place(tmp_path_factory.mktemp("run"))
    here.state.write_bytes(content)
    assert here.clear() == 0


def test_a_process_that_has_ended_has_no_birth(sleeper: Sleeper) -> None:
    process = sleeper()
    assert start_time(process.pid) == start_time(process.pid) is not None
    process.kill()
    # Not waited for yet: a zombie is no living process.
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert start_time(process.pid) is None


@pytest.mark.skipif(not Path("/bin/ps").exists(), reason="there is no /bin/ps to ask")
def test_where_there_is_no_proc_ps_tells_births_apart(
    sleeper: Sleeper, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    process = sleeper()
    monkeypatch.setattr(processes, "PROC", tmp_path)
    born = start_time(process.pid)
    assert born and re.search(r"\d\d:\d\d:\d\d \d{4}$", born)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert start_time(process.pid) is None
