"""The formats that titles can be imported from, and detection of a file's format by its columns."""

import json
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ml.csv_files.files import SourceFile, files_in_zip, is_zip
from ml.csv_files.rows import columns_in, first_line, folded

from . import (
    csv_file,
    folder,
    imdb5000,
    imdb_basics,
    movie_genre,
    movielens,
    poster_urls,
    tmdb_csv,
    tmdb_ids,
)
from .records import ReadOptions, RejectedRow, SourceError, TitleRecord, shortened

Rows = Iterator[TitleRecord | RejectedRow]

SUFFIXES = (".csv", ".tsv", ".txt", ".json", ".jsonl")
MAX_FILES = 200
MAX_FILES_SHOWN = 8


@dataclass(frozen=True)
class TitleFormat:
    """One format. A file has it if its columns include one of each of `columns` (and no others, if `exact`).

    aliases: other names on the command line. ids: the kinds of ids it has; if "", the columns and
    `ReadOptions.ids` decide. reads_folders: `read` accepts a folder or a zip.
    """

    name: str
    description: str
    read: Callable[[Path | SourceFile, ReadOptions], Rows]
    columns: tuple[Collection[str], ...]
    ids: str = ""
    exact: bool = False
    aliases: tuple[str, ...] = ()
    is_json: bool = False
    reads_folders: bool = False

    def matches(self, columns: Collection[str], *, is_json: bool = False) -> bool:
        """Whether a file with these (folded) columns, or fields of JSON objects, has this format."""
        has_columns = all(set(alternatives) & set(columns) for alternatives in self.columns)
        has_others = len(columns) > len(self.columns)
        return has_columns and self.is_json == is_json and not (self.exact and has_others)


# In order of precedence, the most specific first.
TITLE_FORMATS = (
    TitleFormat(
        "imdb_basics",
        "IMDb's list of all titles, title.basics.tsv(.gz); only films are imported by default",
        imdb_basics.read,
        tuple({name} for name in imdb_basics.COLUMNS),
        ids="IMDb ids",
    ),
    TitleFormat(
        "imdb5000",
        "the IMDB 5000 Movie Dataset, movie_metadata.csv",
        lambda file, _: imdb5000.read(file),
        ({"movie_imdb_link"}, {"movie_title"}, {"genres"}),
        ids="IMDb ids",
    ),
    TitleFormat(
        "movie_genre",
        "Movie Genre from its Poster, MovieGenre.csv",
        lambda file, _: movie_genre.read(file),
        ({"imdbid"}, {"imdb_link"}, {"title"}, {"genre"}),
        ids="IMDb ids",
    ),
    TitleFormat(
        "tmdb",
        "a table of TMDB data: tmdb_5000_movies.csv, movies_metadata.csv, TMDB_movie_dataset_v11.csv",
        tmdb_csv.read,
        ({"id"}, {"title"}, {"genres"}, {"original_title"}, {"release_date"}, {"vote_average", "popularity"}),
        ids="TMDB ids, and IMDb ids where it has them",
        aliases=("tmdb5000",),
    ),
    TitleFormat(
        "tmdb_ids",
        "TMDB's daily export of ids, movie_ids_MM_DD_YYYY.json.gz",
        tmdb_ids.read,
        ({"id"}, {"original_title"}, {"popularity"}, {"video"}),
        ids="TMDB ids",
        is_json=True,
    ),
    TitleFormat(
        "movielens",
        "MovieLens: the folder, the archive (ml-25m.zip), or its movies.csv with links.csv beside it",
        lambda path, _: movielens.read(path),
        ({"movieid"}, {"title"}, {"genres"}),
        ids="MovieLens ids, and the IMDb and TMDB ids of links.csv",
        exact=True,
        reads_folders=True,
    ),
    TitleFormat(
        "folder",
        "a folder of images and a CSV that labels them (--labels)",
        lambda labels, options: folder.read(SourceFile.of(labels).path.parent, labels, options),
        ({"file", "filename", "file_name", "image"},),
    ),
    TitleFormat(
        "csv",
        "your own CSV with the columns id, title, genres",
        csv_file.read,
        (csv_file.TITLE, csv_file.IDS),
    ),
    TitleFormat(
        "poster_urls",
        "poster addresses of films in the catalogue, a CSV with the columns id, poster",
        poster_urls.read,
        (poster_urls.POSTER, csv_file.IDS),
    ),
)

# Files that are published together with titles but contain none; some look like the user's own CSV.
COMPANIONS: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"cast", "crew"}), "cast and crew"),
    (frozenset({"userid", "rating"}), "ratings"),
    (frozenset({"userid", "tag"}), "tags"),
    (frozenset({"movieid", "imdbid", "tmdbid"}), "ids of MovieLens titles"),
    (frozenset({"movieid", "tagid", "relevance"}), "relevances of tags"),
    (frozenset({"tagid", "tag"}), "names of tags"),
    (frozenset({"tconst", "averagerating"}), "IMDb's ratings"),
    (frozenset({"titleid", "ordering"}), "IMDb's other titles"),
    (frozenset({"tconst", "ordering"}), "IMDb's cast and crew"),
    (frozenset({"tconst", "directors"}), "IMDb's directors"),
    (frozenset({"tconst", "parenttconst"}), "IMDb's episodes"),
    (frozenset({"nconst"}), "IMDb's people"),
)

# The delimiter of an unknown file is the one that gives the most of these columns.
_KNOWN_COLUMNS = frozenset(
    column for each in TITLE_FORMATS for alternatives in each.columns for column in alternatives
).union(*(columns for columns, _ in COMPANIONS))


def format_named(name: str) -> TitleFormat | None:
    """The format with this name or alias."""
    return next((each for each in TITLE_FORMATS if name in (each.name, *each.aliases)), None)


def detect_format(
    path: Path, formats: Sequence[TitleFormat] = TITLE_FORMATS
) -> tuple[TitleFormat, SourceFile]:
    """The format of the titles in a file, a folder or a zip, and the file that contains them.

    Reads first lines only, and ignores files that are known to be published with titles (ratings, cast).

    Raises SourceError if no file or more than one matches; the message lists what was found.
    """
    if not path.exists():
        raise SourceError(f"{path} does not exist; check the path")
    files = _candidates(path)
    found: list[tuple[TitleFormat, SourceFile]] = []
    others: list[str] = []
    for file in files:
        try:
            columns, is_json = columns_of(file)
        except SourceError as error:
            if len(files) == 1:
                raise
            others.append(str(error))
            continue
        content = companion(columns)
        # Ratings and the like would pass for the user's own CSV. Images inside a zip cannot be imported.
        excluded = {"csv", "folder"} if content else {"folder"} if file.member else set()
        matching = [
            each for each in formats if each.name not in excluded and each.matches(columns, is_json=is_json)
        ]
        if matching:
            found.append((matching[0], file))
        else:
            others.append(f"{file.name} has {content or 'the columns ' + shortened(', '.join(columns))}")
    if len(found) == 1:
        return found[0]
    if found:
        several = ", ".join(f"{file.name} ({each.name})" for each, file in found[:MAX_FILES_SHOWN])
        raise SourceError(f"{path} contains several lists of titles: {several}; give the file that you want")
    raise SourceError(_nothing_found(path, others, formats))


def columns_of(file: SourceFile) -> tuple[list[str], bool]:
    """The folded names of the columns, or of the fields of the first JSON object; whether it is JSON.

    Raises SourceError if the file cannot be read or its first line names no columns.
    """
    line = first_line(file)
    if not line.lstrip().startswith("{"):
        return columns_in(line, _KNOWN_COLUMNS, file), False
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        value = None
    return [folded(name) for name in value] if isinstance(value, dict) else [], True


def companion(columns: Collection[str]) -> str:
    """What a file with these columns contains instead of titles; "" if it is not a known companion."""
    if set(csv_file.GENRES) & set(columns):
        return ""
    return next((content for names, content in COMPANIONS if names <= set(columns)), "")


def _candidates(path: Path) -> list[SourceFile]:
    if path.is_dir():
        with os.scandir(path) as entries:
            names = (entry.name for entry in entries if _has_suffix(entry.name) and entry.is_file())
            return [SourceFile(path / name) for name in sorted(islice(names, MAX_FILES))]
    if is_zip(path):
        return [file for file in files_in_zip(path) if _has_suffix(file.name)][:MAX_FILES]
    return [SourceFile(path)]


def _has_suffix(name: str) -> bool:
    return not name.startswith(".") and name.lower().removesuffix(".gz").endswith(SUFFIXES)


def _nothing_found(path: Path, others: list[str], formats: Sequence[TitleFormat]) -> str:
    if not others:
        return f"{path} contains no file that ends in {', '.join(SUFFIXES)} (or in one of these and .gz)"
    more = f". And {len(others) - MAX_FILES_SHOWN} more" if len(others) > MAX_FILES_SHOWN else ""
    wanted = "; ".join(
        f"{each.name} has {', '.join(' or '.join(sorted(names)) for names in each.columns)}"
        for each in formats
    )
    return (
        f"No titles were found in {path}: {'. '.join(others[:MAX_FILES_SHOWN])}{more}. Looked for: {wanted}"
    )
