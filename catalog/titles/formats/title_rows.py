"""The columns of a user's own CSV, by any of their usual names."""

from collections.abc import Collection
from typing import Any

from catalog.external_ids import is_imdb_id

from ._cells import (
    BadCell,
    genres_in,
    imdb_id_in,
    local_id_in,
    name_in,
    number_in,
    prose_in,
    title_in,
    year_in,
)
from ._csv_rows import Row
from .options import Selection
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

# What a column `id` may hold, by the name that `import_titles --ids` knows it by.
ID_KINDS = {
    "tmdb": "TMDB ids",
    "imdb": "IMDb ids",
    "movielens": "MovieLens ids",
    "local": "the file's own (local) ids",
}

KNOWN = TITLE + GENRES + IMDB_ID + TMDB_ID + MOVIELENS_ID + YEAR + OVERVIEW + FRANCHISE + ORIGINAL_TITLE + ID


def title_record(row: Row, fallback_title: str = "", selection: Selection | None = None) -> TitleRecord:
    """The title in `row`, its `id` read as `selection` says.

    Raises BadCell for a cell that cannot be what its column says.
    """
    return TitleRecord(
        title=title_in(row.cell(*TITLE) or fallback_title),
        year=year_in(row.cell(*YEAR)),
        genres=genres_in(row.cell(*GENRES)),
        **ids_in(row, selection or Selection()),
        original_title=name_in(row.cell(*ORIGINAL_TITLE), "original_title"),
        overview=prose_in(row.cell(*OVERVIEW)),
        franchise=name_in(row.cell(*FRANCHISE), "franchise"),
        file=row.file,
        line=row.line,
    )


def ids_in(row: Row, selection: Selection) -> dict[str, Any]:
    """The ids in `row`, by the names that they have in a TitleRecord.

    Of local ids one such as tt0114709 is an IMDb id. Raises BadCell for an id that is none of its kind, and
    for two of one kind that differ.
    """
    ids: dict[str, Any] = {
        "imdb_id": imdb_id_in(row.cell(*IMDB_ID)),
        "tmdb_id": number_in(row.cell(*TMDB_ID), "tmdb_id"),
        "movielens_id": number_in(row.cell(*MOVIELENS_ID), "movielens_id"),
    }
    text = row.cell(*ID)
    local_id = local_id_in(text)
    if local_id and is_imdb_id(local_id.lower()):
        ids["imdb_id"], local_id = ids["imdb_id"] or imdb_id_in(local_id), None
    if selection.ids == "local":
        return {**ids, "local_id": local_id}
    name = f"{selection.ids}_id"
    try:
        value = imdb_id_in(text, "id") if selection.ids == "imdb" else number_in(text, "id")
    except BadCell as error:
        raise BadCell(f"{error}; the ids are read as {ID_KINDS[selection.ids]}") from None
    if value and ids[name] and value != ids[name]:
        raise BadCell(f"the id {value} and the {name} {ids[name]} differ")
    was_local = bool(local_id and selection.ids_were_local)
    return {**ids, name: value or ids[name], "former_local_id": local_id, "was_local": was_local}


def ids_described(columns: Collection[str], selection: Selection) -> str:
    """Which kinds of ids a file with these (folded) columns gives, in words."""
    kinds = [
        ID_KINDS[kind]
        for kind, names in (("imdb", IMDB_ID), ("tmdb", TMDB_ID), ("movielens", MOVIELENS_ID))
        if set(names) & set(columns) or ("id" in columns and selection.ids == kind)
    ]
    if ("id" in columns and selection.ids == "local") or not kinds:
        kinds.append(ID_KINDS["local"])
    return " and ".join(kinds)
