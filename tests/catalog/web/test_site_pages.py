"""Error pages, robots.txt, and the headers every page carries."""

from __future__ import annotations

import pytest
from django.contrib.staticfiles import finders
from django.template.loader import render_to_string
from django.test import Client

from tests.catalog.pages import one, soup, texts
from tests.factories import MovieFactory, SuggestionFactory


@pytest.mark.django_db
def test_a_lost_visitor_gets_a_page_of_ours(client: Client) -> None:
    response = client.get("/no/such/page")
    assert response.status_code == 404 and b"This reel is missing" in response.content


@pytest.mark.django_db
def test_the_forbidden_page_is_ours(stranger_client: Client) -> None:
    response = stranger_client.post("/runs/start/", {"kind": "train"})
    assert response.status_code == 403 and b"Staff only" in response.content


def test_the_error_page_needs_nothing_that_could_be_broken() -> None:
    # No database mark: a query would fail this test. No context either, as Django renders it.
    page = render_to_string("500.html")
    assert "The projector stopped" in page
    stylesheet = page.split('rel="stylesheet" href="')[1].split('"')[0]
    assert finders.find(stylesheet.removeprefix("/static/"))


@pytest.mark.django_db
def test_a_crash_is_answered_with_the_error_page(monkeypatch: pytest.MonkeyPatch) -> None:
    from catalog.web.views import home

    def broken(*args: object) -> None:
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr(home, "ordered", broken)
    response = Client(raise_request_exception=False).get("/")
    assert response.status_code == 500 and b"The projector stopped" in response.content
    assert b"broken on purpose" not in response.content


def test_robots_keeps_crawlers_out_of_what_is_not_theirs(client: Client) -> None:
    response = client.get("/robots.txt")
    assert response["Content-Type"].startswith("text/plain")
    lines = response.content.decode().splitlines()
    assert lines[0] == "User-agent: *"
    assert {"Disallow: /admin/", "Disallow: /api/", "Disallow: /runs/"} <= set(lines)


def test_the_favicon_is_found_where_browsers_look(client: Client) -> None:
    response = client.get("/favicon.ico")
    assert response.status_code == 302 and finders.find(response["Location"].removeprefix("/static/"))


@pytest.mark.django_db
@pytest.mark.parametrize(
    "address", ["/", "/compare/", "/movie/{pk}/", "/compare/{pk}/", "/runs/", "/?q=nothing"]
)
def test_every_page_stands_without_inline_script_or_style(admin_client: Client, address: str) -> None:
    film = MovieFactory(title="A & B", poster=True, genres=["Drama"])
    SuggestionFactory(movie=film)
    response = admin_client.get(address.format(pk=film.pk))
    page = soup(response)
    assert "default-src 'self'" in response["Content-Security-Policy"]
    assert "unsafe" not in response["Content-Security-Policy"]
    assert page.select("style, [style]") == []
    assert [script for script in page.select("script") if not script.get("src")] == []
    assert not [name for tag in page.find_all(True) for name in tag.attrs if name.startswith("on")]
    assert len(page.select("h1")) == 1
    assert one(page, "html")["lang"] == "en"
    ids = [tag["id"] for tag in page.select("[id]")]
    assert len(ids) == len(set(ids))
    for field in page.select("input:not([type=hidden])"):
        assert field.find_parent("label") or page.select(f"label[for='{field.get('id')}']")
    assert all("alt" in picture.attrs for picture in page.select("img"))


@pytest.mark.django_db
def test_reviewers_see_in_the_header_how_much_waits(
    client: Client, stranger_client: Client, reviewer_client: Client
) -> None:
    SuggestionFactory()
    SuggestionFactory()
    SuggestionFactory(state="accepted")
    for visitor in (client, stranger_client):
        assert not any("Review" in text for text in texts(soup(visitor.get("/")), "nav a"))
    link = next(a for a in soup(reviewer_client.get("/")).select("nav a") if "Review" in a.get_text())
    assert one(link, ".count").get_text() == "(2 suggestions waiting)"
    assert link["href"] == "/admin/catalog/reviewqueue/"
