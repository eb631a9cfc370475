"""Pages of people who are signed in."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.factories import UserFactory

if TYPE_CHECKING:
    from playwright.sync_api import Page


@pytest.fixture
def admin_page(page: Page, sign_in: Callable[[Page, Any], None]) -> Page:
    """A browser page with the session of an administrator."""
    sign_in(page, UserFactory(admin=True))
    return page


@pytest.fixture
def reviewer_page(page: Page, sign_in: Callable[[Page, Any], None]) -> Page:
    """A browser page with the session of a reviewer."""
    sign_in(page, UserFactory(reviewer=True))
    return page


@pytest.fixture
def keeper_page(page: Page, sign_in: Callable[[Page, Any], None]) -> Page:
    """A browser page with the session of a reviewer who may accept many suggestions at once."""
    sign_in(page, UserFactory(reviewer=True, keeper=True))
    return page
