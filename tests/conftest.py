"""Fixtures that every part of the suite shares."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.test import Client
from hypothesis import settings as property_settings

from tests.factories import UserFactory

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# The same examples on every run, on machines of any speed: a change is judged by what it changed. To look for
# examples that nobody has seen yet: pytest --hypothesis-profile explore.
property_settings.register_profile("repeatable", derandomize=True, deadline=None)
property_settings.register_profile("explore", deadline=None, max_examples=1000)
property_settings.load_profile("repeatable")

CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


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


@pytest.fixture(autouse=True)
def own_folders(settings: Any, tmp_path: Path) -> None:
    """Every test writes into its own folder and sees the embedded defaults, whatever .env says."""
    var = tmp_path / "var"
    settings.VAR_DIR = var
    for name, folder in {
        "MEDIA_ROOT": "media",
        "STATIC_ROOT": "static",
        "WEIGHTS_DIR": "weights",
        "EXPORTS_DIR": "extractors",
        "MODELS_DIR": "models",
        "INDEX_DIR": "index",
        "HEAT_MAPS_DIR": "heat_maps",
        "SAMPLE_DIR": "sample",
        "LOGS_DIR": "logs",
        "REPORTS_DIR": "reports",
    }.items():
        setattr(settings, name, var / folder)
    # whitenoise looks for the folder when the first client of a test is made.
    settings.STATIC_ROOT.mkdir(parents=True)
    # `collectstatic` is no part of a test run, so names carry no hash.
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    # What one test counted must not be shown in the next.
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.AXES_ENABLED = False
    settings.BEHIND_HTTPS = False
    settings.ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
    settings.EXTRACTORS = []
    settings.POSTER_SOURCES = []
    settings.REPLICA_URL = ""
    settings.CONTACT = ""
    settings.REQUESTS_PER_SECOND = None
    settings.REQUESTS_PER_SECOND_OF = {}
    settings.REQUESTS_AT_ONCE = 4
    # Rolled-back rows give their keys to the next test's: what a process remembers by key must go with them.
    similarity_index = sys.modules.get("catalog.embeddings.index_files")
    if similarity_index is not None:
        similarity_index._loaded.clear()
    corrections = sys.modules.get("catalog.search._corrections")
    if corrections is not None:
        corrections._latest.clear()


@pytest.fixture
def stranger_client(db: None) -> Client:
    """Signed in, allowed nothing in particular."""
    return signed_in(UserFactory())


@pytest.fixture
def reviewer_client(db: None) -> Client:
    """Signed in with `catalog.review_suggestion`, and nothing about runs."""
    return signed_in(UserFactory(reviewer=True))


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
        browser = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_ARGUMENTS)
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
    page.on(
        "console",
        lambda said: errors.append(f"{said.text} {said.location['url']}") if said.type == "error" else None,
    )
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
