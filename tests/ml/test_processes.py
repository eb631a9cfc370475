"""Whether a process still runs, with and without /proc."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from ml import processes
from ml.processes import start_time


@pytest.mark.parametrize("has_proc", [True, False])
def test_only_a_living_process_has_a_start_time(
    has_proc: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if not has_proc:
        if not Path("/bin/ps").exists():
            pytest.skip("there is no /bin/ps")
        monkeypatch.setattr(processes, "PROC", tmp_path)
    with subprocess.Popen(["/bin/sleep", "64"]) as process:
        found = start_time(process.pid)
        assert found and found == start_time(process.pid)
        assert has_proc or re.search(r"\d\d:\d\d:\d\d \d{4}$", found)
        process.kill()
        # A process that has ended and was not waited for is a zombie.
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert start_time(process.pid) is None


def test_a_process_of_another_machine_has_not_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Machines with the same host name are told apart: nobody releases leases of a live worker there."""
    here = processes.this_process()
    assert not processes.has_ended(here) and processes.has_ended(f"{here}0") and len(here) <= 100
    other = tmp_path / "machine-id"
    other.write_text("another\n")
    monkeypatch.setattr(processes, "MACHINE_IDS", (tmp_path / "absent", other))
    processes.this_machine.cache_clear()
    try:
        assert processes.this_process() != here and not processes.has_ended(f"{here}0")
    finally:
        processes.this_machine.cache_clear()
