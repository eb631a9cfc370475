"""Methods, status codes and headers of pages and of /api/ follow RFC 9110."""

from __future__ import annotations

import re
from itertools import cycle
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.handlers.wsgi import WSGIHandler
from django.test import Client, RequestFactory

from catalog.models import Movie
from tests.factories import MovieFactory, RunFactory

pytestmark = pytest.mark.django_db

PAGES = (
    "/",
    "/compare/",
    "/compare/random/",
    "/runs/",
    "/runs/live/",
    "/admin/",
    "/admin/login/",
    "/robots.txt",
)


@pytest.fixture
def merged() -> Movie:
    return MovieFactory(merged_into=MovieFactory())


def test_the_api_supports_head_wherever_it_supports_get(
    client: Client, admin_client: Client, merged: Movie
) -> None:
    film, run = MovieFactory(), RunFactory()
    addresses = [f"movies/{pk}" for pk in (film.pk, merged.pk, 0)]
    addresses += ["movies", f"movies/{film.pk}/lookalikes", "movies?page=0"]
    addresses += [f"runs/{run.pk}", "openapi.json", "nothing"]
    for visitor in (client, admin_client):
        for address in addresses:
            get, head = visitor.get(f"/api/{address}"), visitor.head(f"/api/{address}")
            assert head.status_code == get.status_code and not head.content
            assert head.get("ETag") == get.get("ETag") and head["Content-Type"] == get["Content-Type"]


def test_head_sends_no_body_whatever_the_web_server(rf: RequestFactory) -> None:
    film: Any = MovieFactory(poster=True)
    for address in ("/", "/api/movies", "/api/nothing", film.primary_poster.thumbnail.url):
        headers: dict[str, str] = {}
        environ = rf.head(address).environ
        body = WSGIHandler()(environ, lambda status, found, headers=headers: headers.update(found))
        assert b"".join(body) == b"" and int(headers["Content-Length"]) > 0


# Every method and every address once, not each with each.
@pytest.mark.parametrize(
    ("method", "address"),
    zip(
        ["POST", "PUT", "PATCH", "DELETE", "TRACE", "FOO"],
        cycle(["/api/movies", "/api/openapi.json", "/api/runs/1"]),
        strict=False,
    ),
)
def test_other_methods_on_the_api_give_405_as_json(client: Client, method: str, address: str) -> None:
    response = client.generic(method, address)
    assert response.status_code == 405 and "detail" in response.json()
    assert set(response["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_options_on_the_api_lists_the_methods(client: Client) -> None:
    response = client.options("/api/movies")
    assert (response.status_code, response.content) == (204, b"")
    assert set(response["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


@pytest.mark.parametrize(
    ("address", "method"), zip(PAGES, cycle(["TRACE", "PUT", "DELETE", "OPTIONS", "FOO"]), strict=False)
)
def test_pages_refuse_unused_methods(admin_client: Client, address: str, method: str) -> None:
    response = admin_client.generic(method, address)
    assert response.status_code == 405 and "GET" in response["Allow"]


def test_a_page_does_not_accept_post(client: Client) -> None:
    film = MovieFactory()
    for address in ("/", "/compare/", f"/movie/{film.pk}/", f"/compare/{film.pk}/"):
        response = client.post(address)
        assert response.status_code == 405 and "POST" not in response["Allow"]


@pytest.mark.parametrize(
    "address", ["/api/", "/api/nothing", "/api/movies/", "/api/movies/0", "/api/movies/x"]
)
def test_not_found_is_json_below_api(client: Client, address: str) -> None:
    response = client.get(address)
    assert response.status_code == 404 and "detail" in response.json()


def test_a_bad_host_is_json_below_api(client: Client) -> None:
    response = client.get("/api/movies", headers={"Host": "evil.example"})
    assert response.status_code == 400 and "detail" in response.json()
    assert client.get("/", headers={"Host": "evil.example"})["Content-Type"].startswith("text/html")


def test_a_form_without_a_token_is_json_below_api() -> None:
    visitor = Client(enforce_csrf_checks=True)
    response = visitor.post("/api/")
    assert response.status_code == 403 and "detail" in response.json()
    assert visitor.post("/admin/login/")["Content-Type"].startswith("text/html")


def test_a_crash_is_json_below_api(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr("catalog.web.api._movies", broken)
    response = Client(raise_request_exception=False).get(f"/api/movies/{MovieFactory().pk}")
    assert response.status_code == 500 and "broken" not in response.json()["detail"]


def test_401_names_a_scheme(client: Client, stranger_client: Client) -> None:
    address = f"/api/runs/{RunFactory().pk}"
    response = client.get(address)
    assert response.status_code == 401 and re.match(r"\w+ realm=", response["WWW-Authenticate"])
    refused = stranger_client.get(address)
    assert refused.status_code == 403 and "WWW-Authenticate" not in refused


def test_a_merged_movie_redirects_to_the_remaining_one(client: Client, merged: Movie) -> None:
    assert merged.merged_into is not None
    response = client.get(f"/api/movies/{merged.pk}")
    assert (response.status_code, response["Location"]) == (301, f"/api/movies/{merged.merged_into.pk}")
    response = client.get(f"/api/movies/{merged.pk}/lookalikes?k=3", follow=True)
    assert response.redirect_chain == [(f"/api/movies/{merged.merged_into.pk}/lookalikes?k=3", 301)]
    assert response.status_code == 200


@pytest.mark.parametrize("address", ["/movie/{}/", "/compare/{}/?method=ball_tree"])
def test_pages_of_a_merged_movie_redirect_to_the_remaining_one(
    client: Client, merged: Movie, address: str
) -> None:
    assert merged.merged_into is not None
    response = client.get(address.format(merged.pk))
    assert (response.status_code, response["Location"]) == (301, address.format(merged.merged_into.pk))


def test_order_and_method_are_enums_in_the_schema(client: Client) -> None:
    paths = client.get("/api/openapi.json").json()["paths"]

    def choices(path: str, name: str) -> list[str]:
        parameters = paths[path]["get"]["parameters"]
        found: list[str] = next(each["schema"]["enum"] for each in parameters if each["name"] == name)
        return found

    for order in choices("/api/movies", "order"):
        assert client.get("/api/movies", {"order": order}).status_code == 200
    address = f"/api/movies/{MovieFactory().pk}/lookalikes"
    for method in choices("/api/movies/{movie_id}/lookalikes", "method"):
        assert client.get(address, {"method": method}).status_code == 200
    assert client.get("/api/movies", {"order": "best-ever"}).status_code == 422
    assert client.get(address, {"method": "magic"}).status_code == 422


@pytest.mark.parametrize(
    "address", ["/", "/api/movies", "/api/movies/{pk}", "/api/openapi.json", "/movie/{pk}/"]
)
def test_an_unchanged_page_is_not_sent_again(client: Client, address: str) -> None:
    film = MovieFactory()
    address = address.format(pk=film.pk)
    first = client.get(address)
    again = client.get(address, headers={"If-None-Match": first["ETag"]})
    assert again.status_code == 304 and not again.content
    if "openapi" not in address:
        Movie.objects.filter(pk=film.pk).update(title="Another title")
        assert client.get(address, headers={"If-None-Match": first["ETag"]}).status_code == 200


def test_pages_for_one_user_are_not_cached(client: Client, admin_client: Client) -> None:
    run = RunFactory()
    for address in ("/runs/", f"/runs/{run.pk}/", "/runs/live/"):
        assert "no-store" in admin_client.get(address)["Cache-Control"]
        assert "no-store" in client.get(address)["Cache-Control"]
    for address in ("/", f"/api/runs/{run.pk}", f"/movie/{MovieFactory().pk}/"):
        assert "private" in admin_client.get(address)["Cache-Control"]


@pytest.mark.parametrize(
    "bad",
    [
        "//evil.example/",
        "https://evil.example/admin/",
        "/no/such/page/",
        "/admin/nosuch/",
        "javascript:alert(1)",
        "x",
        "",
    ],
)
def test_a_bad_next_redirects_to_the_admin(client: Client, bad: str) -> None:
    get_user_model()._default_manager.create_superuser("anna", password="a long password")
    form = {"username": "anna", "password": "a long password", "next": bad}
    assert client.get("/admin/login/", {"next": bad}).status_code == 200
    response = client.post("/admin/login/", form, follow=True)
    assert response.redirect_chain == [("/admin/", 302)] and response.status_code == 200


def test_a_good_next_is_followed(client: Client) -> None:
    get_user_model()._default_manager.create_superuser("anna", password="a long password")
    page = client.get("/admin/login/", {"next": "/runs/?page=2"})
    assert b'value="/runs/?page=2"' in page.content
    form = {"username": "anna", "password": "a long password", "next": "/runs/?page=2"}
    assert client.post("/admin/login/", form)["Location"] == "/runs/?page=2"


def test_a_picture_is_cacheable_by_everyone_even_for_a_signed_in_user(admin_client: Client) -> None:
    film: Any = MovieFactory(poster=True)
    response = admin_client.get(film.primary_poster.thumbnail.url)
    assert "public" in response["Cache-Control"] and "Vary" not in response and not response.cookies
