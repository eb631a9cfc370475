"""With POSTERSITE_REQUIRE_ALL=1 a skipped browser or real-data test fails the run; else it only skips."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from postersite.env import BASE_DIR
from tests.no_skips import REQUIRED_TEST, RequiredTests

pytestmark = pytest.mark.slow

INI = "[pytest]\nmarkers =\n  real_data: x\n  browser: x\n  process: x\n"
MARKED = "import pytest\n@pytest.mark.browser\ndef test_page():\n    pytest.skip('no Chromium')\n"
ELSEWHERE = "import pytest\ndef test_fine():\n    pass\ndef test_other():\n    pytest.skip('only on macOS')\n"
WHOLE_FILE = "import pytest\npytest.importorskip('no_such_browser_driver')\ndef test_page():\n    pass\n"


def run(folder: Path, source: str, required: str) -> subprocess.CompletedProcess[str]:
    (folder / "pytest.ini").write_text(INI)
    (folder / "test_it.py").write_text(source)
    environment = {
        **os.environ,
        "POSTERSITE_REQUIRE_ALL": required,
        "PYTHONPATH": str(BASE_DIR),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.no_skips", "-p", "no:cacheprovider"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("source", "reason"),
    [(MARKED, "no Chromium"), (WHOLE_FILE, "no_such_browser_driver")],
    ids=["test", "file"],
)
def test_a_required_test_may_not_skip(tmp_path: Path, source: str, reason: str) -> None:
    required = run(tmp_path, source, "1")
    assert required.returncode == 1
    assert reason in required.stdout
    assert "1 skipped" in required.stdout.splitlines()[-1]


def test_a_report_from_another_process_says_that_the_test_is_required(pytestconfig: pytest.Config) -> None:
    skipped = pytest.TestReport(
        "test_it.py::test_page",
        ("test_it.py", 3, "test_page"),
        {},
        "skipped",
        ("test_it.py", 3, "Skipped: no Chromium"),
        "call",
        user_properties=[(REQUIRED_TEST, True)],
    )
    hooks = pytestconfig.hook
    sent = hooks.pytest_report_to_serializable(config=pytestconfig, report=skipped)
    received = hooks.pytest_report_from_serializable(config=pytestconfig, data=sent)
    required = RequiredTests()
    required.pytest_runtest_logreport(received)
    assert required.skipped == {"test_it.py::test_page": "Skipped: no Chromium"}


def test_without_the_setting_they_may(tmp_path: Path) -> None:
    assert run(tmp_path, MARKED, "").returncode == 0


def test_other_tests_may_skip(tmp_path: Path) -> None:
    assert run(tmp_path, ELSEWHERE, "1").returncode == 0
