"""The forms that titles come in, and by which columns each is known: what `import_titles` can be told."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from . import (
    csv_file,
    folder,
    imdb5000,
    imdb_basics,
    movie_genre,
    movielens,
    poster_urls,
    title_rows,
    tmdb_csv,
    tmdb_ids,
)
from .files import SourceFile
from .options import Selection
from .records import RejectedRow, TitleRecord

Rows = Iterator[TitleRecord | RejectedRow]


@dataclass(frozen=True)
class TitleSource:
    """One form. A file whose columns have one of each of `marks` (and no others, if `only`) is in it.

    `also` are other names that it has on the command line. `ids` says which kinds of ids it gives; where it
    is "", the columns and `Selection.ids` decide (title_rows.ids_described). With `takes_folders`, `read`
    knows which file of a folder or zip it wants.
    """

    name: str
    holds: str
    read: Callable[[Path | SourceFile, Selection], Rows]
    marks: tuple[Collection[str], ...]
    ids: str = ""
    only: bool = False
    also: tuple[str, ...] = ()
    is_json: bool = False
    takes_folders: bool = False

    def fits(self, columns: Collection[str], *, is_json: bool = False) -> bool:
        """Whether a file with these (folded) columns, or fields of JSON objects, is in this form."""
        has_marks = all(set(mark) & set(columns) for mark in self.marks)
        return has_marks and self.is_json == is_json and not (self.only and len(columns) > len(self.marks))


# The one that asks most comes first: a file is taken for the first that it fits.
TITLE_SOURCES = (
    TitleSource(
        "imdb_basics",
        "everything IMDb has, title.basics.tsv(.gz); films are taken of it",
        imdb_basics.read,
        tuple({name} for name in imdb_basics.COLUMNS),
        ids="IMDb ids",
    ),
    TitleSource(
        "imdb5000",
        "the IMDB 5000 Movie Dataset, movie_metadata.csv",
        lambda file, _: imdb5000.read(file),
        ({"movie_imdb_link"}, {"movie_title"}, {"genres"}),
        ids="IMDb ids",
    ),
    TitleSource(
        "movie_genre",
        "Movie Genre from its Poster, MovieGenre.csv",
        lambda file, _: movie_genre.read(file),
        ({"imdbid"}, {"imdb_link"}, {"title"}, {"genre"}),
        ids="IMDb ids",
    ),
    TitleSource(
        "tmdb",
        "a table of TMDB's: tmdb_5000_movies.csv, movies_metadata.csv, TMDB_movie_dataset_v11.csv",
        tmdb_csv.read,
        ({"id"}, {"title"}, {"genres"}, {"original_title"}, {"release_date"}, {"vote_average", "popularity"}),
        ids="TMDB ids, and IMDb ids where it has them",
        also=("tmdb5000",),
    ),
    TitleSource(
        "tmdb_ids",
        "TMDB's daily export of ids, movie_ids_MM_DD_YYYY.json.gz",
        tmdb_ids.read,
        ({"id"}, {"original_title"}, {"popularity"}, {"video"}),
        ids="TMDB ids",
        is_json=True,
    ),
    TitleSource(
        "movielens",
        "MovieLens: the folder, the archive (ml-25m.zip), or its movies.csv with links.csv beside it",
        lambda place, _: movielens.read(place),
        ({"movieid"}, {"title"}, {"genres"}),
        ids="MovieLens ids, and the IMDb and TMDB ids of links.csv",
        only=True,
        takes_folders=True,
    ),
    TitleSource(
        "folder",
        "a folder of images and a CSV that labels them (--labels)",
        lambda labels, selection: folder.read(SourceFile.of(labels).path.parent, labels, selection),
        ({"file", "filename", "file_name", "image"},),
    ),
    TitleSource(
        "csv",
        "a CSV of your own with the columns id, title, genres",
        csv_file.read,
        (title_rows.TITLE, csv_file.IDS),
    ),
    TitleSource(
        "poster_urls",
        "poster addresses of films in the catalogue, a CSV with the columns id, poster",
        poster_urls.read,
        (poster_urls.POSTER, csv_file.IDS),
    ),
)

# Files that lie beside titles and hold none of their own; some would pass for a CSV of one's own.
COMPANIONS: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"cast", "crew"}), "cast and crew"),
    (frozenset({"userid", "rating"}), "ratings"),
    (frozenset({"userid", "tag"}), "tags"),
    (frozenset({"movieid", "imdbid", "tmdbid"}), "ids of MovieLens titles"),
    (frozenset({"movieid", "tagid", "relevance"}), "relevances of tags"),
    (frozenset({"tagid", "tag"}), "names of tags"),
    (frozenset({"tconst", "averagerating"}), "IMDb's ratings"),
    (frozenset({"titleid", "ordering"}), "other titles of IMDb's"),
    (frozenset({"tconst", "ordering"}), "IMDb's cast and crew"),
    (frozenset({"tconst", "directors"}), "IMDb's directors"),
    (frozenset({"tconst", "parenttconst"}), "IMDb's episodes"),
    (frozenset({"nconst"}), "IMDb's people"),
)


def named(name: str) -> TitleSource | None:
    """The source that is called so."""
    return next((source for source in TITLE_SOURCES if name in (source.name, *source.also)), None)


def companion(columns: Collection[str]) -> str:
    """What a file with these columns holds instead of titles; "" when it is no known one."""
    if set(title_rows.GENRES) & set(columns):
        return ""
    return next((what for marks, what in COMPANIONS if marks <= set(columns)), "")
