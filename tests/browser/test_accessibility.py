"""axe-core finds nothing serious on any page, in light and in dark mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.sample_pages import ADMIN_ADDRESSES, SITE_ADDRESSES, make_catalogue
from tests.factories import UserFactory

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


# Takes seconds: some hundred rules on twenty pages.
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_serious_finding(
    chromium: Browser, live_server: Any, sign_in: Callable[[Page, Any], None], scheme: Any
) -> None:
    ids = make_catalogue()
    # axe-core sets inline styles, which the site's policy refuses.
    page = chromium.new_context(color_scheme=scheme, bypass_csp=True).new_page()
    sign_in(page, UserFactory(admin=True))
    axe = Axe()
    found = []
    for address in SITE_ADDRESSES + ADMIN_ADDRESSES:
        page.goto(live_server.url + address.format(**ids))
        for finding in axe.run(page).response["violations"]:
            if finding["impact"] in ("serious", "critical"):
                found.append((address, finding["id"], finding["nodes"][0]["html"]))
    page.context.close()
    assert found == []
