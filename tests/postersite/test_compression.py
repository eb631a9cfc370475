"""Text is compressed for those who accept it; pictures and short texts are not, and tokens stay secret."""

from __future__ import annotations

import gzip
import re

import pytest
from django.test import Client

from tests.factories import MovieFactory

pytestmark = pytest.mark.django_db
ACCEPTS = {"Accept-Encoding": "gzip, br"}
TOKEN = re.compile(rb'name="csrfmiddlewaretoken" value="(\w+)"')


@pytest.mark.parametrize("path", ["/", "/api/movies", "/admin/login/"])
def test_text_is_compressed(client: Client, path: str) -> None:
    for number in range(3):
        MovieFactory(title=f"Film {number}")
    plain, packed = client.get(path), client.get(path, headers=ACCEPTS)
    assert "Content-Encoding" not in plain
    assert packed["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed["Vary"]
    assert len(packed.content) < len(plain.content)


def test_pictures_and_short_texts_are_not(client: Client) -> None:
    film = MovieFactory(poster=True)
    picture = client.get(film.primary_poster.file.url, headers=ACCEPTS)
    assert picture.status_code == 200 and "Content-Encoding" not in picture
    assert "Content-Length" in picture
    assert "Content-Encoding" not in client.get("/healthz", headers=ACCEPTS)


def test_neither_token_nor_length_repeats(client: Client) -> None:
    """BREACH needs a secret and a length that stay the same from one response to the next."""
    responses = [client.get("/admin/login/", headers=ACCEPTS).content for _ in range(8)]
    tokens = {TOKEN.findall(gzip.decompress(response))[0] for response in responses}
    assert len(tokens) == len(responses)
    assert len({len(response) for response in responses}) > 1
