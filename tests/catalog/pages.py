"""Helpers to read pages: parsed once, queried by CSS selector."""

from __future__ import annotations

from typing import Any

from bs4 import BeautifulSoup, Tag


def soup(response: Any) -> BeautifulSoup:
    assert response.status_code == 200, response.status_code
    return BeautifulSoup(response.content, "lxml")


def text_of(tag: Tag | None) -> str:
    """The text with white space collapsed; empty for None."""
    return " ".join(tag.get_text(" ").split()) if tag else ""


def texts(page: Tag, selector: str) -> list[str]:
    """The texts of all matches, white space collapsed."""
    return [" ".join(each.get_text().split()) for each in page.select(selector)]


def one(page: Tag, selector: str) -> Tag:
    """The only match."""
    found = page.select(selector)
    assert len(found) == 1, f"{selector} matched {len(found)} times"
    return found[0]


def films(page: Tag) -> list[str]:
    """Titles on the wall, in order."""
    return texts(page, ".wall .title")


def messages_of(response: Any) -> str:
    """The messages that the next page will show."""
    return " ".join(str(message) for message in response.wsgi_request._messages)


def levels_of(response: Any) -> list[str]:
    """The levels of these messages, such as "success" or "error"."""
    return [message.level_tag for message in response.wsgi_request._messages]
