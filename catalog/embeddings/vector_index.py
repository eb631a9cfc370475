"""The index of look-alikes in PostgreSQL, with pgvector: approximate candidates, whose distances are exact.

A row of TABLE is a poster's vector from the centre, with length 1, and one more number that makes the squared
Euclidean distance to a query twice the corrected cosine distance plus a constant. So one HNSW index finds the
order that hub correction gives. Centre and penalties are those of the index files when the index was built; a
poster that is embedded later is found at once. Without pgvector everything here does nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from catalog.models import Embedding, Extractor, VectorIndex
from ml.search.growing_index import GrowingIndex
from ml.search.hubness import REFERENCES, STRENGTH, HubCorrection, penalties_of_added, reference_rows
from ml.vectors import unit_vectors

from .index_files import GROWTH, IndexNotReady, LoadedIndex, metric_of, open_index

# ruff: noqa: S608  only names and numbers from this module are put into the statements

log = logging.getLogger(__name__)

EXTENSION, TABLE = "vector", "catalog_indexedvector"
# Earlier versions lack iterative scans: they return fewer rows than asked when a filter leaves some out.
OLDEST_PGVECTOR = (0, 8)
# The longest `halfvec` that HNSW can index.
MOST_DIMS = 4000
# A scan of so few rows takes milliseconds, and is exact.
FEW_ROWS = 500
# Candidates that HNSW compares for each one that is returned; pgvector allows 1,000.
EFFORT, MOST_EFFORT = 4, 1000
_ROWS_PER_INSERT = 500
_LOCK = 0x706F737465727669
_TABLE_SQL = f"""
CREATE TABLE {TABLE} (
    index_id bigint NOT NULL, poster_id bigint NOT NULL, penalty real NOT NULL, vector halfvec NOT NULL,
    PRIMARY KEY (index_id, poster_id)
)"""
_INSERT_SQL = f"""
INSERT INTO {TABLE} (index_id, poster_id, penalty, vector)
SELECT %s, poster, penalty, vector::halfvec
FROM unnest(%s::bigint[], %s::real[], %s::text[]) AS new (poster, penalty, vector)
ON CONFLICT DO NOTHING"""
# With OFFSET, the inner query stays one that is executed for each row in turn: the planner cannot compare all
# rows instead because it expects that few match.
_CANDIDATES_SQL = f"""
SELECT found.poster_id, found.penalty, stored.vector
FROM {TABLE} found CROSS JOIN LATERAL (
    SELECT embedding.vector
    FROM catalog_poster poster
    JOIN catalog_movie movie ON movie.id = poster.movie_id AND movie.merged_into_id IS NULL
    JOIN catalog_embedding embedding ON embedding.poster_id = poster.id AND embedding.extractor_id = %s
    WHERE poster.id = found.poster_id AND poster.is_primary AND poster.movie_id <> %s
        AND length(embedding.vector) = %s
    OFFSET 0
) stored
WHERE found.index_id = {{index}}
ORDER BY {{order}}
LIMIT %s"""


def missing() -> str:
    """What a PostgreSQL server lacks for searching vectors, and what to do; "" if nothing."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT default_version, installed_version FROM pg_available_extensions WHERE name = %s",
            [EXTENSION],
        )
        available, installed = cursor.fetchone() or (None, None)
    needed = ".".join(map(str, OLDEST_PGVECTOR))
    if installed is None and (available is None or _version(available) < OLDEST_PGVECTOR):
        return f"Install pgvector {needed} or later on the database server, then run `manage.py migrate`."
    if installed is None:
        return "Run `CREATE EXTENSION vector` in the database as an administrator, then `manage.py migrate`."
    if _version(installed) < OLDEST_PGVECTOR:
        update = "`ALTER EXTENSION vector UPDATE`, then `manage.py migrate`"
        return f"Install pgvector {needed} or later on the database server, then run {update}."
    return "" if _has_table() else "Run `manage.py migrate`."


def prepare() -> None:
    """After migrations: create the extension and the table where that is possible."""
    tables = connection.introspection.table_names()
    if connection.vendor != "postgresql" or VectorIndex._meta.db_table not in tables:
        return
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"CREATE EXTENSION IF NOT EXISTS {EXTENSION}")
            if TABLE not in tables or not VectorIndex.objects.exists():
                # `flush` does not know the table, and lets the numbers of indexes begin again.
                cursor.execute(f"DROP TABLE IF EXISTS {TABLE}")
                cursor.execute(_TABLE_SQL)
                VectorIndex.objects.all().delete()
    except DatabaseError as error:
        log.info("Look-alikes are searched in index files: %s", str(error).strip().partition("\n")[0])
    if missing():  # the database may have been restored on another server
        VectorIndex.objects.all().delete()


def serving(extractor: Extractor) -> VectorIndex | None:
    """The index to search for an extractor's vectors, None where index files are searched."""
    if connection.vendor != "postgresql":
        return None
    ready = VectorIndex.objects.filter(extractor=extractor, built_at__isnull=False)
    return ready.defer("references").order_by("-pk").first()


def candidates(index: VectorIndex, query: np.ndarray, number: int, movie_id: int) -> LoadedIndex:
    """An exact index of the `number` posters that are probably the nearest to `query`, (1, dims).

    They are primary posters of movies that are not merged, and not of `movie_id`; fewer only if there are
    fewer. Among them, order and distances are exact.
    """
    centre = index.centre_array()
    dims = len(centre) + 1
    near = f"found.vector::halfvec({dims}) <-> %s::halfvec({dims})"
    point = _texts(query, centre, np.zeros(1, np.float32))[0]
    rows: list[tuple[int, float, bytes]] = []
    # The index has no order for the second expression, so all rows are compared.
    for order in (near, f"({near}) + 0")[index.rows < FEW_ROWS :]:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('hnsw.iterative_scan', 'relaxed_order', true),"
                " set_config('hnsw.ef_search', %s, true), set_config('hnsw.max_scan_tuples', %s, true)",
                [str(min(EFFORT * number, MOST_EFFORT)), str(2**31 - 1)],
            )
            cursor.execute(
                _CANDIDATES_SQL.format(index=index.pk, order=order),
                [index.extractor_id, movie_id, 2 * len(centre), point, number],
            )
            rows = sorted(cursor.fetchall())
        # Scans of the index end early if they need too much memory.
        if len(rows) == number:
            break
    ids = np.array([row[0] for row in rows], dtype=np.int64)
    penalties = np.array([row[1] for row in rows], dtype=np.float32)
    vectors = np.frombuffer(b"".join(row[2] for row in rows), dtype="<f2").reshape(len(rows), len(centre))
    correction = HubCorrection(centre, penalties)
    search = GrowingIndex(ids, vectors, "cosine", correction)
    return LoadedIndex(Path(), ids, vectors, correction, search, newest=0)


def add(embeddings: Sequence[Embedding]) -> None:
    """Make new embeddings of one extractor searchable. If this fails, the next scheduled task does it."""
    if connection.vendor != "postgresql" or not embeddings:
        return
    try:
        with transaction.atomic():
            indexes = VectorIndex.objects.filter(extractor=embeddings[0].extractor_id).order_by("pk")
            # Locked, so that an index that is deleted meanwhile leaves no rows behind.
            for index in indexes.select_for_update(no_key=True):
                _add(index, embeddings)
    except DatabaseError:
        log.exception("New posters are missing in the vector index until the next scheduled task.")


def build_due() -> None:
    """Build indexes that are missing or have outgrown their correction, complete the others, delete old ones.

    Called on schedule, outside of transactions. Pages use an index until its successor has been built.
    """
    if connection.vendor != "postgresql" or missing():
        return
    with _lock() as acquired:
        if not acquired:
            return
        for extractor in Extractor.objects.filter(similarity_index__isnull=False, dims__lt=MOST_DIMS):
            if metric_of(extractor.spec) == "cosine":
                try:
                    _build_or_complete(extractor)
                except IndexNotReady:
                    pass  # index files are built by another task
                except Exception:
                    log.exception("The vector index of %s could not be built.", extractor)
        used = [serving(extractor) for extractor in Extractor.objects.filter(similarity_index__isnull=False)]
        for old in VectorIndex.objects.exclude(pk__in=[index.pk for index in used if index]):
            _delete(old)


def _build_or_complete(extractor: Extractor) -> None:
    index, now = serving(extractor), extractor.similarity_index.rows
    if index is None or now > index.rows * GROWTH or index.rows > now * GROWTH:
        index = _build(extractor)
    _complete(index)


def _build(extractor: Extractor) -> VectorIndex:
    """An index of the vectors in the index files, with their correction. Raises IndexNotReady."""
    loaded = open_index(extractor, "cosine")
    assert loaded.correction is not None  # noqa: S101  with the cosine metric there is one
    ids, centre, penalties = loaded.poster_ids, loaded.correction.centre, loaded.correction.penalties
    index = VectorIndex.objects.create(
        extractor=extractor,
        centre=centre.astype("<f4").tobytes(),
        rows=len(ids),
        references=loaded.vectors[reference_rows(len(ids), REFERENCES)].astype("<f2").tobytes(),
    )
    for start in range(0, len(ids), _ROWS_PER_INSERT):
        part = slice(start, start + _ROWS_PER_INSERT)
        _insert(index, ids[part], loaded.vectors[part].astype(np.float32), penalties[part])
    dims = len(centre) + 1
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {TABLE}")
        cursor.execute(
            f"CREATE INDEX CONCURRENTLY {_name(index)} ON {TABLE}"
            f" USING hnsw ((vector::halfvec({dims})) halfvec_l2_ops) WHERE index_id = {index.pk}"
        )
    index.built_at = timezone.now()
    index.save(update_fields=["built_at"])
    return index


def _complete(index: VectorIndex) -> None:
    """Add embeddings that were stored while it was built, and delete rows whose embeddings were deleted."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT (SELECT count(*) FROM {TABLE} WHERE index_id = %s)"
            " = (SELECT count(*) FROM catalog_embedding WHERE extractor_id = %s)",
            [index.pk, index.extractor_id],
        )
        if cursor.fetchone()[0]:
            return
        cursor.execute(
            f"DELETE FROM {TABLE} row WHERE index_id = %s AND NOT EXISTS (SELECT 1 FROM catalog_embedding"
            " WHERE extractor_id = %s AND poster_id = row.poster_id)",
            [index.pk, index.extractor_id],
        )
        cursor.execute(
            "SELECT embedding.id FROM catalog_embedding embedding WHERE extractor_id = %s AND NOT EXISTS"
            f" (SELECT 1 FROM {TABLE} row WHERE index_id = %s AND row.poster_id = embedding.poster_id)",
            [index.extractor_id, index.pk],
        )
        absent = [pk for (pk,) in cursor.fetchall()]
    for start in range(0, len(absent), _ROWS_PER_INSERT):
        _add(index, list(Embedding.objects.filter(pk__in=absent[start : start + _ROWS_PER_INSERT])))


def _delete(index: VectorIndex) -> None:
    """The row is deleted last, so that an interrupted deletion is repeated."""
    VectorIndex.objects.filter(pk=index.pk).update(built_at=None)
    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {_name(index)}")
    with transaction.atomic(), connection.cursor() as cursor:
        # Waits for `add`; later ones wait for the end of this transaction, and find no index.
        list(VectorIndex.objects.select_for_update().filter(pk=index.pk).values("pk"))
        cursor.execute(f"DELETE FROM {TABLE} WHERE index_id = %s", [index.pk])
        index.delete()


def _add(index: VectorIndex, embeddings: Sequence[Embedding]) -> None:
    centre = index.centre_array()
    pairs = [(embedding.poster_id, embedding.as_array()) for embedding in embeddings]
    # `check_catalogue` reports damaged ones.
    usable = [pair for pair in pairs if len(pair[1]) == len(centre) and np.isfinite(pair[1]).all()]
    if usable:
        ids, vectors = (np.array(each) for each in zip(*usable, strict=True))
        correction = HubCorrection(centre, np.empty(0, np.float32))
        _insert(
            index, ids, vectors, penalties_of_added(vectors, index.references_array(), correction, index.rows)
        )


def _insert(index: VectorIndex, ids: np.ndarray, vectors: np.ndarray, penalties: np.ndarray) -> None:
    lengths = np.sqrt(2 * np.maximum(penalties + STRENGTH, 0))
    texts = _texts(vectors, index.centre_array(), lengths)
    with connection.cursor() as cursor:
        cursor.execute(_INSERT_SQL, [index.pk, ids.tolist(), penalties.tolist(), texts])


def _texts(vectors: np.ndarray, centre: np.ndarray, lengths: np.ndarray) -> list[str]:
    """Vectors (n, dims) for the table: ‖(u, l) - (q, 0)‖² = 2 (1 - u·q) + l² for unit vectors u, q."""
    stored = np.column_stack([unit_vectors(vectors, centre), lengths]).astype(np.float16)
    return [str(row) for row in stored.tolist()]


@contextmanager
def _lock() -> Iterator[bool]:
    """Whether no other process builds; PostgreSQL releases the lock if this process dies."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
        acquired = cursor.fetchone()[0]
    try:
        yield acquired
    finally:
        if acquired:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


def _has_table() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [TABLE])
        return bool(cursor.fetchone()[0])


def _name(index: VectorIndex) -> str:
    return f"{TABLE}_{index.pk}"


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2])
