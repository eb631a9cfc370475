"""Error pages, robots.txt, and the headers every page carries."""

from __future__ import annotations

import pytest
from bs4 import BeautifulSoup
from django.contrib.staticfiles import finders
from django.test import Client
from pytest_django.fixtures import Settings

from catalog.web.views.errors import error_response
from tests.catalog.pages import one, soup, texts
from tests.factories import MovieFactory, SuggestionFactory, UserFactory


@pytest.mark.django_db
def test_errors_have_a_page_of_the_site(stranger_client: Client) -> None:
    missing = stranger_client.get("/no/such/page")
    forbidden = stranger_client.post("/runs/start/", {"kind": "train"})
    assert (missing.status_code, forbidden.status_code) == (404, 403)
    for response in (missing, forbidden):
        page = BeautifulSoup(response.content, "lxml")
        assert page.select(".error-page h1") and page.select("header.site")


@pytest.mark.django_db
def test_the_forbidden_page_names_the_permission(stranger_client: Client) -> None:
    stranger_client.force_login(UserFactory(is_staff=True))
    response = stranger_client.get("/admin/catalog/reviewqueue/")
    assert response.status_code == 403 and b"catalog.review_suggestion" in response.content


def test_the_error_page_needs_no_database() -> None:
    # No database mark: a query would fail this test.
    page = error_response("/", 500).text
    stylesheet = page.split('rel="stylesheet" href="')[1].split('"')[0]
    assert finders.find(stylesheet.removeprefix("/static/"))


@pytest.mark.django_db
def test_a_crash_is_answered_with_the_error_page(monkeypatch: pytest.MonkeyPatch) -> None:
    from catalog.web.views import home

    def broken(*args: object) -> None:
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr(home, "ordered", broken)
    response = Client(raise_request_exception=False).get("/")
    assert response.status_code == 500 and b"error-page" in response.content
    assert b"broken on purpose" not in response.content


def test_robots_keeps_crawlers_out_of_what_is_not_theirs(client: Client) -> None:
    response = client.get("/robots.txt")
    assert response["Content-Type"].startswith("text/plain")
    lines = response.content.decode().splitlines()
    assert lines[0] == "User-agent: *"
    assert {f"Disallow: /{path}/" for path in ("admin", "api", "runs", "heat-map")} <= set(lines)


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
@pytest.mark.parametrize(
    ("sources", "shown"),
    [(["imdb_page", "tmdb_api"], True), (["tmdb_page"], False), (["misspelt"], False), ([], False)],
)
def test_the_notice_of_tmdb_is_in_the_footer_while_its_api_is_used(
    client: Client, settings: Settings, sources: list[str], shown: bool
) -> None:
    settings.POSTER_SOURCES = sources
    notice = "This product uses the TMDB API but is not endorsed or certified by TMDB."
    assert (notice in client.get("/").text) is shown


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
    assert one(link, ".count").get_text().startswith("(2 ")
    assert link["href"] == "/admin/catalog/reviewqueue/"
