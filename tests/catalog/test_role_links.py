"""Pages link to addresses, and have forms for them, only where the role of their reader may use them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from bs4 import BeautifulSoup
from django.urls import Resolver404, resolve

from tests.browser.sample_pages import ADMIN_ADDRESSES, SITE_ADDRESSES, make_catalogue
from tests.catalog.test_roles import ROLES, members, table
from tests.conftest import signed_in

__all__ = ["members"]
pytestmark = [pytest.mark.django_db, pytest.mark.slow]
# Django links the rows of foreign keys for everybody.
BY_DJANGO = ("admin/auth/user/<path:object_id>/change/", "admin/catalog/extractor/<path:object_id>/change/")
ALLOWED = table()
TABLES = tuple(
    f"/admin/catalog/{name}/" for name in ("genre", "suggestion", "duplicatedecision", "decisionbatch")
)


def route_of(page: str, address: str) -> str:
    """The route that a link or form of the page leads to; "" if it leads to no page of the site."""
    try:
        return str(resolve(urlsplit(urljoin(page, address)).path).route)
    except Resolver404:
        return ""


@pytest.mark.parametrize("role", "VROK")
def test_links_and_forms_can_be_used(members: dict[str, Any], role: str) -> None:
    client = signed_in(members[role])
    ids = make_catalogue()
    wrong = []
    for page in (address.format(**ids) for address in (*SITE_ADDRESSES, *ADMIN_ADDRESSES, *TABLES)):
        response = client.get(page)
        if response.status_code != 200:
            continue
        html = BeautifulSoup(response.content, "lxml")
        for link in html.select("a[href]"):
            route = route_of(page, str(link["href"]))
            if route in ALLOWED and route not in BY_DJANGO and role not in ALLOWED[route][0]:
                wrong.append(f"{page} links to {link['href']}")
        for form in html.select("form[method=post][action]:has([type=submit])"):
            route = route_of(page, str(form["action"]))
            is_train = (
                bool(form.select('input[name=kind][value="train"]')) or "/start/train/" in form["action"]
            )
            allowed = "KS" if is_train else ALLOWED.get(route, ("", role))[1]
            if role not in allowed:
                wrong.append(f"{page} has a form for {form['action']}")
    assert not wrong, f"For {ROLES[role]}:\n" + "\n".join(wrong)
