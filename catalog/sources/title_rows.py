"""The columns of a user's own CSV, by any of their usual names."""

from .cells import (
    genres_in,
    imdb_id_in,
    is_imdb_id,
    local_id_in,
    name_in,
    number_in,
    prose_in,
    title_in,
    year_in,
)
from .csv_rows import Row
from .records import TitleRecord

TITLE = ("title", "name", "movie_title")
GENRES = ("genres", "genre", "categories", "category")
IMDB_ID = ("imdb_id", "imdbid")
TMDB_ID = ("tmdb_id", "tmdbid")
MOVIELENS_ID = ("movielens_id", "movieid", "movie_id")
YEAR = ("year", "release_year", "title_year")
OVERVIEW = ("overview", "plot", "description")
FRANCHISE = ("franchise", "series", "collection")
ORIGINAL_TITLE = ("original_title",)
ID = ("id",)

KNOWN = TITLE + GENRES + IMDB_ID + TMDB_ID + MOVIELENS_ID + YEAR + OVERVIEW + FRANCHISE + ORIGINAL_TITLE + ID


def title_record(row: Row, fallback_title: str = "") -> TitleRecord:
    """The title in `row`; an `id` such as tt0114709 is an IMDb id, any other one the catalogue's own.

    Raises BadCell for a cell that cannot be what its column says.
    """
    imdb_id = imdb_id_in(row.cell(*IMDB_ID))
    local_id = local_id_in(row.cell(*ID))
    if local_id and is_imdb_id(local_id.lower()):
        imdb_id, local_id = imdb_id or imdb_id_in(local_id), None
    return TitleRecord(
        title=title_in(row.cell(*TITLE) or fallback_title),
        year=year_in(row.cell(*YEAR)),
        genres=genres_in(row.cell(*GENRES)),
        imdb_id=imdb_id,
        tmdb_id=number_in(row.cell(*TMDB_ID), "tmdb_id"),
        movielens_id=number_in(row.cell(*MOVIELENS_ID), "movielens_id"),
        local_id=local_id,
        original_title=name_in(row.cell(*ORIGINAL_TITLE), "original_title"),
        overview=prose_in(row.cell(*OVERVIEW)),
        franchise=name_in(row.cell(*FRANCHISE), "franchise"),
        file=row.file,
        line=row.line,
    )
