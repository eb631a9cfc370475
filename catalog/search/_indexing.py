"""Keep the search index up to date: a row for each spelling of a title, and a trigram index of the rows."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from itertools import islice

from django.db import DatabaseError, connection, transaction

from catalog.models import Movie, SearchTitle

from ._folding import fold, spellings, squeeze

# Fields of a movie that its rows depend on.
INDEXED_FIELDS = frozenset({"title", "original_title", "franchise", "merged_into"})
TRIGRAMS = "catalog_search_trigrams"

logger = logging.getLogger(__name__)

_BATCH = 500
_TABLE = SearchTitle._meta.db_table
# Rows have spaces around words, so trigrams also find whole words and beginnings: " it " has two trigrams.
# ruff: noqa: S608  only names from this module are put into the statements
_STATEMENTS = {
    "sqlite": (
        f"CREATE VIRTUAL TABLE {TRIGRAMS} USING fts5(text, squeezed, content='{_TABLE}',"
        " content_rowid='id', tokenize='trigram')",
        f"CREATE TRIGGER {TRIGRAMS}_insert AFTER INSERT ON {_TABLE} BEGIN"
        f" INSERT INTO {TRIGRAMS} (rowid, text, squeezed) VALUES (new.id, new.text, new.squeezed); END",
        f"CREATE TRIGGER {TRIGRAMS}_delete AFTER DELETE ON {_TABLE} BEGIN"
        f" INSERT INTO {TRIGRAMS} ({TRIGRAMS}, rowid, text, squeezed)"
        " VALUES ('delete', old.id, old.text, old.squeezed); END",
        f"INSERT INTO {TRIGRAMS} ({TRIGRAMS}) VALUES ('rebuild')",
    ),
    "postgresql": (
        "CREATE EXTENSION IF NOT EXISTS pg_trgm",
        f"CREATE INDEX {TRIGRAMS} ON {_TABLE} USING gin (text gin_trgm_ops, squeezed gin_trgm_ops)"
        # With fastupdate, the planner avoids the index until a vacuum merges the rows of an import.
        " WITH (fastupdate = off)",
    ),
}
_REMOVAL = {
    "sqlite": (
        f"DROP TRIGGER IF EXISTS {TRIGRAMS}_insert",
        f"DROP TRIGGER IF EXISTS {TRIGRAMS}_delete",
        f"DROP TABLE IF EXISTS {TRIGRAMS}",
    ),
    "postgresql": (f"DROP INDEX IF EXISTS {TRIGRAMS}",),
}


def index(movies: Iterable[int] | None = None) -> int:
    """Update the rows of these movies (ids), or of all.

    Call it after changing movies without `Movie.save`. Returns the number of movies with changed rows.
    """
    changed = 0
    for batch in _batches(movies):
        with transaction.atomic():
            gone, new = _differences(batch)
            if gone:
                SearchTitle.objects.filter(pk__in=[row.pk for row in gone]).delete()
            # Two processes may index the same movie.
            SearchTitle.objects.bulk_create(new, ignore_conflicts=True)
            changed += len({row.movie_id for row in (*gone, *new)})
    return changed


def outdated() -> Iterator[int]:
    """Ids of movies whose rows `index` would change."""
    for batch in _batches(None):
        gone, new = _differences(batch)
        yield from sorted({row.movie_id for row in (*gone, *new)})


def prepare(*, rebuild: bool = False) -> int:
    """Create the trigram index if it is missing, and index all movies without rows.

    rebuild: create the trigram index again, and index all movies. Without the trigram extension, search
    works without it. Returns the number of movies with changed rows.
    """
    if _TABLE not in connection.introspection.table_names():
        return 0  # the database is at a migration before this table
    changed = index(None if rebuild else _without_rows())
    if rebuild or not has_trigrams():
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                for statement in _REMOVAL[connection.vendor] + _STATEMENTS[connection.vendor]:
                    cursor.execute(statement)
        except DatabaseError as error:
            logger.warning("Search works without an index: %s", str(error).strip())
    return changed


def has_trigrams() -> bool:
    """Whether the trigram index exists. Without it, search reads all rows."""
    if connection.vendor == "sqlite":
        # A migration that rebuilds the table drops the triggers.
        query = "SELECT COUNT(*) = 3 FROM sqlite_master WHERE name IN (%s, %s, %s)"
        names = [TRIGRAMS, f"{TRIGRAMS}_insert", f"{TRIGRAMS}_delete"]
    else:
        query, names = "SELECT to_regclass(%s) IS NOT NULL", [TRIGRAMS]
    with connection.cursor() as cursor:
        cursor.execute(query, names)
        return bool(cursor.fetchone()[0])


def _without_rows() -> Iterator[int]:
    return iter(list(Movie.objects.filter(search_titles=None).order_by().values_list("pk", flat=True)))


def _batches(movies: Iterable[int] | None) -> Iterator[list[int]]:
    if movies is not None:
        keys = iter(movies)
        while batch := list(islice(keys, _BATCH)):
            yield batch
        return
    last = 0
    every = Movie.everything.order_by("pk").values_list("pk", flat=True)
    while batch := list(every.filter(pk__gt=last)[:_BATCH]):
        yield batch
        last = batch[-1]


def _differences(movies: list[int]) -> tuple[list[SearchTitle], list[SearchTitle]]:
    """Rows to delete and rows to write."""
    facts = Movie.objects.filter(pk__in=movies).order_by()
    wanted = {
        (row.movie_id, row.kind, row.text): row
        for movie, *titles in facts.values_list("pk", "title", "original_title", "franchise")
        for row in _rows(movie, *titles)
    }
    gone = []
    for row in SearchTitle.objects.filter(movie__in=movies):
        if wanted.pop((row.movie_id, row.kind, row.text), None) is None:
            gone.append(row)
    return gone, list(wanted.values())


def _rows(movie: int, title: str, original_title: str, franchise: str) -> Iterator[SearchTitle]:
    texts = dict.fromkeys(spellings(title), SearchTitle.Kind.TITLE)
    for text in spellings(original_title):
        texts.setdefault(text, SearchTitle.Kind.ORIGINAL)
    if franchise:
        # With the title: "james bond goldfinger".
        for text in (*spellings(franchise), fold(f"{franchise} {title}")):
            texts.setdefault(text, SearchTitle.Kind.FRANCHISE)
    for text, kind in texts.items():
        yield SearchTitle(movie_id=movie, kind=kind, text=f" {text} ", squeezed=squeeze(text))
