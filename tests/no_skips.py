"""With POSTERSITE_REQUIRE_ALL=1, a browser, process or real-data test that skips makes the whole run fail."""

from __future__ import annotations

import os

import pytest

MARKS = ("browser", "process", "real_data")
REQUIRED_TEST = "required"
REQUIRED = os.environ.get("POSTERSITE_REQUIRE_ALL") == "1"


class RequiredTests:
    """Remembers which tests must run here, and which of them skipped, and why."""

    def __init__(self) -> None:
        self.skipped: dict[str, str] = {}

    @pytest.hookimpl(trylast=True)  # after tests/conftest.py has marked tests by their fixtures
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            if any(item.get_closest_marker(mark) for mark in MARKS):
                # Travels with the report: under pytest-xdist another process collects and runs the test.
                item.user_properties.append((REQUIRED_TEST, True))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:  # a whole file that could not be imported, whatever is in it
            self.skipped[report.nodeid] = _reason(report)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        required = any(name == REQUIRED_TEST for name, _ in report.user_properties)
        if report.skipped and required and not hasattr(report, "wasxfail"):
            self.skipped[report.nodeid] = _reason(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.skipped and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.skipped:
            terminalreporter.section("skipped, but required by POSTERSITE_REQUIRE_ALL=1", red=True)
            for test, reason in self.skipped.items():
                terminalreporter.line(f"{test}: {reason}")


def _reason(report: pytest.CollectReport | pytest.TestReport) -> str:
    return str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)


def pytest_configure(config: pytest.Config) -> None:
    if REQUIRED:
        config.pluginmanager.register(RequiredTests(), "required-tests")
