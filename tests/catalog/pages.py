"""Reading of answered pages: parsed once, asked by CSS selector."""

from __future__ import annotations

from typing import Any

from bs4 import BeautifulSoup, Tag


def soup(response: Any) -> BeautifulSoup:
    assert response.status_code == 200, response.status_code
    return BeautifulSoup(response.content, "lxml")


def texts(page: Tag, selector: str) -> list[str]:
    """The texts of all matches, white space collapsed."""
    return [" ".join(each.get_text().split()) for each in page.select(selector)]


def one(page: Tag, selector: str) -> Tag:
    found = page.select(selector)
    assert len(found) == 1, f"{selector} matched {len(found)} times"
    return found[0]


def films(page: Tag) -> list[str]:
    """Titles on the wall, in order."""
    return texts(page, ".wall .title")
