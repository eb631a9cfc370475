"""Embeddings that are newer than the index files: found at once, by every process, without a build."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog.embeddings import embedding, index_files
from catalog.embeddings.index_files import build, build_stale, is_stale, open_index
from catalog.models import Embedding, Extractor, Movie, SimilarityIndex
from catalog.similarity.search import lookalikes
from tests.factories import EmbeddingFactory, ExtractorFactory, PosterFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def extractor() -> Extractor:
    return ExtractorFactory(spec="pixels", dims=4)


def embedded(extractor: Extractor, number: float, **poster: object) -> Movie:
    made = PosterFactory(**poster)
    EmbeddingFactory(poster=made, extractor=extractor, values=[number, 1, 0, 0])
    return made.movie


def found(movie: Movie, extractor: Extractor) -> list[tuple[int, float]]:
    return [(each.movie.pk, each.distance) for each in lookalikes(movie, extractor, 50)]


@pytest.mark.parametrize("spec", ["pixels", "postersite"])
def test_a_new_poster_is_found_at_once_by_every_process(spec: str) -> None:
    extractor = ExtractorFactory(spec=spec, dims=4)
    early = PosterFactory()
    movies = [embedded(extractor, number) for number in range(4)]
    build(extractor)
    found(movies[0], extractor)
    # The poster may be older than those of the file, and there may be ties.
    EmbeddingFactory(poster=early, extractor=extractor, values=[3, 1, 0, 0])
    later = embedded(extractor, 1.5)
    added = found(movies[0], extractor)
    assert {early.movie_id, later.pk} < {pk for pk, _ in added}
    index_files._loaded.clear()  # another process
    assert found(movies[0], extractor) == added
    folder = SimilarityIndex.objects.get().folder
    build(extractor)
    assert SimilarityIndex.objects.get().folder != folder
    again = found(movies[0], extractor)
    assert {pk for pk, _ in again} == {pk for pk, _ in added}
    if spec == "pixels":
        assert again == added
    assert open_index(extractor, index_files.metric_of(spec)).search.added == 0


def test_what_is_deleted_or_embedded_again_is_masked(extractor: Extractor) -> None:
    movie, gone, again = (embedded(extractor, number) for number in (0, 1, 2))
    build(extractor)
    late_gone, late_again = (embedded(extractor, number) for number in (3, 4))
    assert len(found(movie, extractor)) == 4
    Embedding.objects.filter(poster__movie__in=(gone, late_gone, again, late_again)).delete()
    assert found(movie, extractor) == []
    EmbeddingFactory(poster=again.primary_poster, extractor=extractor, values=[6, 1, 0, 0])
    EmbeddingFactory(poster=late_again.primary_poster, extractor=extractor, values=[5, 1, 0, 0])
    assert found(movie, extractor) == [(late_again.pk, 5), (again.pk, 6)]
    index_files._loaded.clear()
    assert found(movie, extractor) == [(late_again.pk, 5), (again.pk, 6)]


def test_vectors_are_read_once_and_nothing_is_read_when_nothing_was_added(extractor: Extractor) -> None:
    embedded(extractor, 0)
    build(extractor)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            open_index(extractor, "euclidean")
        return len(captured)

    assert [queries(), queries()] == [1, 1]
    embedded(extractor, 1)
    assert [queries(), queries()] == [2, 1]
    Embedding.objects.order_by("pk").last().delete()  # type: ignore[union-attr]
    assert queries() == 1


def test_a_process_holds_a_limited_number_of_added_vectors(
    extractor: Extractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    movie = embedded(extractor, 0)
    build(extractor)
    monkeypatch.setattr(index_files, "MOST_CHANGES", 3)
    for number in range(1, 6):
        embedded(extractor, number)
        found(movie, extractor)
    assert [distance for _, distance in found(movie, extractor)] == [1, 2, 3]
    build_stale()
    assert [distance for _, distance in found(movie, extractor)] == [1, 2, 3, 4, 5]


def test_an_index_is_built_again_when_a_share_has_come_or_gone(
    extractor: Extractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_files, "MOST_CHANGED", 0.5)
    movies = [embedded(extractor, number) for number in range(4)]
    build(extractor)
    embedded(extractor, 4)
    movies[0].delete()
    assert not is_stale(extractor)
    movies[1].delete()
    assert is_stale(extractor)
    build_stale()
    assert not is_stale(extractor) and SimilarityIndex.objects.get().rows == 3


def test_damaged_vectors_are_left_out(extractor: Extractor) -> None:
    movie = embedded(extractor, 0)
    build(extractor)
    for vector in (b"\0" * 6, b"\xff" * 8):
        EmbeddingFactory(extractor=extractor, vector=vector)
    assert found(movie, extractor) == []
    good = embedded(extractor, 2)
    assert found(movie, extractor) == [(good.pk, 2)]


def test_embeddings_of_an_extractor_are_stored_by_one_process_at_a_time(extractor: Extractor) -> None:
    """Otherwise one with a lower id may be committed later, and be missed by who has read a higher one."""
    row = Embedding(poster=PosterFactory(), extractor=extractor, vector=b"\0" * 8)
    with CaptureQueriesContext(connection) as captured:
        embedding._store([row])
    statements = [each["sql"] for each in captured]
    [locked] = [number for number, sql in enumerate(statements) if 'FROM "catalog_extractor"' in sql]
    [stored] = [number for number, sql in enumerate(statements) if sql.startswith("INSERT")]
    assert locked < stored
    if connection.features.has_select_for_update:
        assert "FOR NO KEY UPDATE" in statements[locked]
