"""What a source's terms want to be read on the site is read there, and only while the source is used."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db

NOTICE = "This product uses the TMDB API but is not endorsed or certified by TMDB."


@pytest.mark.parametrize(
    ("sources", "shown"),
    [(["imdb_page", "tmdb_api"], True), (["tmdb_page"], False), (["misspelt"], False), ([], False)],
)
def test_tmdbs_notice_is_in_the_footer_while_its_api_is_used(
    client: Client, settings: Any, sources: list[str], shown: bool
) -> None:
    settings.POSTER_SOURCES = sources
    assert (NOTICE in client.get("/").content.decode()) is shown
