"""Titles from the user's own CSV: `id,title,genres`, where a title without genres is to be labelled."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from catalog.external_ids import is_imdb_id
from ml.csv_files.files import SourceFile
from ml.csv_files.rows import Row, read_rows

from ._cells import (
    InvalidCell,
    parse_genres,
    parse_imdb_id,
    parse_local_id,
    parse_name,
    parse_number,
    parse_overview,
    parse_title,
    parse_year,
)
from ._parsing import parse_rows
from .records import ReadOptions, RejectedRow, TitleRecord

# The usual names of each column.
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
IDS = tuple(sorted({*ID, *IMDB_ID, *TMDB_ID, *MOVIELENS_ID}))
KNOWN = TITLE + GENRES + IMDB_ID + TMDB_ID + MOVIELENS_ID + YEAR + OVERVIEW + FRANCHISE + ORIGINAL_TITLE + ID

# What a column `id` may contain, by the value of `import_titles --ids`.
ID_KINDS = {
    "tmdb": "TMDB ids",
    "imdb": "IMDb ids",
    "movielens": "MovieLens ids",
    "local": "the file's own (local) ids",
}


def read(path: Path | SourceFile, options: ReadOptions | None = None) -> Iterator[TitleRecord | RejectedRow]:
    """Stream the titles of a CSV file; `options` say what its column `id` contains.

    The header needs `title` and one of `id`, `imdb_id`, `tmdb_id`, `movielens_id`; `genres`, `year`,
    `original_title`, `overview` and `franchise` (or `series`) are optional. Genres are separated by commas
    inside a quoted cell, or by pipes, or are a JSON or Python list. The delimiter (comma, semicolon, tab,
    pipe) and the encoding are detected.

    Raises SourceError if the file is missing, undecodable or lacks a column.
    """
    options = options or ReadOptions()
    return parse_rows(read_rows(path, [TITLE, IDS], KNOWN), lambda row: _parse(row, options))


def _parse(row: Row, options: ReadOptions) -> TitleRecord:
    record = parse_record(row, options)
    if not (record.local_id or record.imdb_id or record.tmdb_id or record.movielens_id):
        raise InvalidCell("the row has no id, so importing it again would duplicate it")
    return record


def parse_record(row: Row, options: ReadOptions, default_title: str = "") -> TitleRecord:
    """The title in `row`. Raises InvalidCell for a cell that has no valid value for its column."""
    return TitleRecord(
        title=parse_title(row.cell(*TITLE) or default_title),
        year=parse_year(row.cell(*YEAR)),
        genres=parse_genres(row.cell(*GENRES)),
        **parse_ids(row, options),
        original_title=parse_name(row.cell(*ORIGINAL_TITLE), "original_title"),
        overview=parse_overview(row.cell(*OVERVIEW)),
        franchise=parse_name(row.cell(*FRANCHISE), "franchise"),
        file=row.file,
        line=row.line,
    )


def parse_ids(row: Row, options: ReadOptions) -> dict[str, Any]:
    """The ids in `row`, by the names of TitleRecord's fields.

    A local id such as tt0114709 is an IMDb id. Raises InvalidCell for an id that is not of its kind, and for
    two different ids of one kind.
    """
    ids: dict[str, Any] = {
        "imdb_id": parse_imdb_id(row.cell(*IMDB_ID)),
        "tmdb_id": parse_number(row.cell(*TMDB_ID), "tmdb_id"),
        "movielens_id": parse_number(row.cell(*MOVIELENS_ID), "movielens_id"),
    }
    text = row.cell(*ID)
    local_id = parse_local_id(text)
    if local_id and is_imdb_id(local_id.lower()):
        ids["imdb_id"], local_id = ids["imdb_id"] or parse_imdb_id(local_id), None
    if options.ids == "local":
        return {**ids, "local_id": local_id}
    name = f"{options.ids}_id"
    try:
        value = parse_imdb_id(text, "id") if options.ids == "imdb" else parse_number(text, "id")
    except InvalidCell as error:
        raise InvalidCell(f"{error}; the ids are read as {ID_KINDS[options.ids]}") from None
    if value and ids[name] and value != ids[name]:
        raise InvalidCell(f"the id {value} and the {name} {ids[name]} differ")
    was_local = bool(local_id and options.ids_were_local)
    return {**ids, name: value or ids[name], "former_local_id": local_id, "was_local": was_local}


def describe_ids(columns: Collection[str], options: ReadOptions) -> str:
    """The kinds of ids that a file with these (folded) columns contains, in words."""
    kinds = [
        ID_KINDS[kind]
        for kind, names in (("imdb", IMDB_ID), ("tmdb", TMDB_ID), ("movielens", MOVIELENS_ID))
        if set(names) & set(columns) or ("id" in columns and options.ids == kind)
    ]
    if ("id" in columns and options.ids == "local") or not kinds:
        kinds.append(ID_KINDS["local"])
    return " and ".join(kinds)
