"""Stored pictures are served whole, cached for ever, and nothing but pictures is served."""

from __future__ import annotations

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.factories import PosterFactory, tiny_jpeg


@pytest.fixture
def picture() -> str:
    return default_storage.save("posters/ab/abc-thumbnail.jpg", ContentFile(tiny_jpeg(1)))


def body(response: object) -> bytes:
    return b"".join(response.streaming_content)  # type: ignore[attr-defined]


def test_a_picture_is_served_whole_and_cached_for_ever(client: Client, picture: str) -> None:
    response = client.get(f"/media/{picture}")
    assert body(response) == tiny_jpeg(1)
    assert response["Content-Type"] == "image/jpeg"
    assert response["Content-Length"] == str(len(tiny_jpeg(1)))
    assert "immutable" in response["Cache-Control"]
    assert response["X-Content-Type-Options"] == "nosniff"


def test_an_unchanged_picture_is_not_sent_again(client: Client, picture: str) -> None:
    first = client.get(f"/media/{picture}")
    body(first)
    again = client.get(f"/media/{picture}", headers={"If-None-Match": first["ETag"]})
    assert again.status_code == 304 and not again.content and again["ETag"] == first["ETag"]
    dated = client.get(f"/media/{picture}", headers={"If-Modified-Since": first["Last-Modified"]})
    assert dated.status_code == 304
    other = client.get(f"/media/{picture}", headers={"If-None-Match": '"something else"'})
    assert body(other) == tiny_jpeg(1)


def test_a_head_request_says_the_size_and_sends_nothing(client: Client, picture: str) -> None:
    response = client.head(f"/media/{picture}")
    assert response["Content-Length"] == str(len(tiny_jpeg(1)))


def test_learning_curves_may_change_so_they_are_cached_briefly(client: Client) -> None:
    default_storage.save("learning_curves/1.png", ContentFile(b"picture"))
    response = client.get("/media/learning_curves/1.png")
    body(response)
    assert response["Content-Type"] == "image/png" and "immutable" not in response["Cache-Control"]


@pytest.mark.parametrize(
    "path",
    [
        "../secret_key",
        "posters/../../secret_key",
        "posters/../../db.sqlite3",
        "posters/..%2f..%2fsecret_key",
        "/etc/passwd",
        "posters//etc/passwd.jpg",
        "posters/.hidden.jpg",
        "posters/page.html",
        "posters/script.svg",
        "other/abc.jpg",
        "posters",
        "posters/ab",
        "posters/missing.jpg",
        "posters/a\0.jpg",
        "posters/ab/abc-thumbnail.jpg/",
        "posters/ab/abc-thumbnail.jpg%0A",
    ],
)
def test_nothing_else_is_served(client: Client, picture: str, path: str) -> None:
    default_storage.save("posters/page.html", ContentFile(b"<script>"))
    default_storage.save("posters/script.svg", ContentFile(b"<svg>"))
    default_storage.save("posters/.hidden.jpg", ContentFile(b"x"))
    default_storage.save("other/abc.jpg", ContentFile(b"x"))
    assert client.get(f"/media/{path}").status_code in (301, 404)
    assert client.get(f"/media/{path}", follow=True).status_code == 404


@given(st.text(max_size=60))
@settings(max_examples=60, deadline=None)
def test_no_path_breaks_the_view(path: str) -> None:
    try:
        path.encode()
    except UnicodeEncodeError:
        return
    assert Client().get("/media/posters/" + path).status_code in (404, 410)


def test_a_folder_named_like_a_picture_is_not_one(client: Client, picture: str) -> None:
    default_storage.save("posters/folder.jpg/inside.jpg", ContentFile(b"x"))
    assert client.get("/media/posters/folder.jpg").status_code == 404


@pytest.mark.django_db
def test_posters_of_the_catalogue_are_reachable_by_their_url(client: Client) -> None:
    poster = PosterFactory()
    for size in (poster.file, poster.medium, poster.thumbnail):
        assert client.get(size.url).status_code == 200
