"""Published files are imported without options."""

import csv
import io
from pathlib import Path

import pytest
from django.core.management import call_command

from catalog.models import Movie
from tests.catalog.titles.formats.published_headers import COMPANIONS, HEADERS
from tests.ml.csv_files.packed_files import written

pytestmark = pytest.mark.django_db

COMMON = {
    "genres": "Science Fiction",
    "overview": "Far out.",
    "release_date": "2009-12-10",
    "title": "Salt Orchard",
}
JSON_LIST, PYTHON_LIST = (
    '[{"id": 878, "name": "Science Fiction"}]',
    "[{'id': 878, 'name': 'Science Fiction'}]",
)
ROWS = {
    "movies.csv": {"movieId": "7", "title": "Salt Orchard (2009)", "genres": "Sci-Fi"},
    "tmdb_5000_movies.csv": COMMON | {"id": "7", "genres": JSON_LIST},
    "movies_metadata.csv": COMMON
    | {"id": "7", "genres": PYTHON_LIST, "imdb_id": "tt0000007", "adult": "False"},
    "TMDB_movie_dataset_v11.csv": COMMON | {"id": "7", "imdb_id": "tt0000007", "adult": "False"},
    "movie_metadata.csv": {
        "genres": "Sci-Fi",
        "movie_title": "Salt Orchard\u00a0",
        "movie_imdb_link": "http://www.imdb.com/title/tt0000007/?ref_=fn_tt_tt_1",
        "title_year": "2009",
    },
    "MovieGenre.csv": {
        "imdbId": "7",
        "Imdb Link": "http://www.imdb.com/title/tt7",
        "Title": "Salt Orchard (2009)",
        "IMDB Score": "8.3",
        "Genre": "Sci-Fi",
        "Poster": "https://images.example/7._V1_UX182_CR0,0,182,268_AL_.jpg",
    },
    "title.basics.tsv": {
        "tconst": "tt0000007",
        "titleType": "movie",
        "primaryTitle": "Salt Orchard",
        "originalTitle": "Salt Orchard",
        "isAdult": "0",
        "startYear": "2009",
        "genres": "Sci-Fi",
    },
}


@pytest.mark.parametrize("name", ROWS)
def test_a_published_file_imports_without_a_flag(tmp_path: Path, name: str) -> None:
    header = HEADERS[name][1]
    delimiter = "\t" if "\t" in header else ","
    columns = header.split(delimiter)
    assert set(ROWS[name]) <= set(columns)
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerow(ROWS[name].get(column, "") for column in columns)
    folder = tmp_path / "downloads"
    folder.mkdir()
    written(folder, name, f"{header}\r\n{text.getvalue()}")
    written(folder, "tmdb_5000_credits.csv", COMPANIONS["tmdb_5000_credits.csv"][0] + "\n")
    out = io.StringIO()
    call_command("import_titles", str(folder), stdout=out)
    assert "1 created, 0 changed, 0 unchanged" in out.getvalue()
    movie = Movie.objects.get()
    assert (movie.title, movie.year) == ("Salt Orchard", 2009)
    assert [genre.name for genre in movie.genres.all()] == ["Sci-Fi"]
    assert movie.overview == ROWS[name].get("overview", "")
    assert 7 in (movie.tmdb_id, movie.movielens_id) or movie.imdb_id == "tt0000007"
