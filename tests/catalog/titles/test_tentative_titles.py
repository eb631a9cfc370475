"""A source that knows only original titles names new movies and leaves the names of others alone."""

import pytest

from catalog.models import Movie
from catalog.titles.formats.records import TitleRecord
from catalog.titles.importing import import_titles

pytestmark = pytest.mark.django_db


def test_a_tentative_title_names_a_new_movie_and_renames_none() -> None:
    Movie.objects.create(title="Spirited Away", original_title="千と千尋の神隠し", tmdb_id=129)
    rows = [
        TitleRecord("千と千尋の神隠し", tmdb_id=129, tentative_title=True),
        TitleRecord("Ariel", tmdb_id=2, tentative_title=True),
    ]
    _, report = import_titles(rows, "tmdb_ids")
    assert (report.created, report.changed, report.unchanged) == (1, 0, 1)
    assert dict(Movie.objects.values_list("tmdb_id", "title")) == {129: "Spirited Away", 2: "Ariel"}


def test_a_better_source_names_it_later() -> None:
    import_titles([TitleRecord("千と千尋の神隠し", tmdb_id=129, tentative_title=True)], "tmdb_ids")
    import_titles([TitleRecord("Spirited Away", tmdb_id=129)], "tmdb")
    assert Movie.objects.get().title == "Spirited Away"
