"""The search index follows all changes of movies, and is created again when it is missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection

from catalog import search
from catalog.duplicates import merging
from catalog.integrity import consistency
from catalog.models import Movie, SearchTitle
from catalog.posters.fetch import complete_movie
from catalog.posters.sources.protocol import Found
from catalog.runs.local_worker import process_run
from catalog.search import _indexing
from catalog.titles import undo
from catalog.titles.formats.records import TitleRecord
from catalog.titles.importing import import_titles
from catalog.transfer.export import export_catalogue
from catalog.transfer.restore import restore_catalogue
from tests.catalog.transfer.export_sites import empty_the_catalogue
from tests.factories import MovieFactory

pytestmark = pytest.mark.django_db


def found(text: str) -> set[str]:
    return set(search.find(text, verbatim=True).movies.values_list("title", flat=True))


def test_saving_and_deleting() -> None:
    movie = MovieFactory(title="Ember", original_title="Glut")
    assert found("ember") == found("glut") == {"Ember"}
    movie.title = "Cinder"
    movie.save()
    assert (found("ember"), found("cinder")) == (set(), {"Cinder"})
    movie.original_title = "Asche"
    movie.save(update_fields=["overview"])
    assert found("glut") == {"Cinder"}
    movie.save(update_fields=["original_title"])
    assert (found("glut"), found("asche")) == (set(), {"Cinder"})
    movie.delete()
    assert found("cinder") == set() and not SearchTitle.objects.exists()


def test_an_import_and_its_undo() -> None:
    MovieFactory(title="Ash", imdb_id="tt0000001")
    rows = [TitleRecord("Ember", imdb_id="tt0000001"), TitleRecord("Cinder", imdb_id="tt0000002")]
    run, _ = import_titles(rows, "test")
    assert (found("ash"), found("ember"), found("cinder")) == (set(), {"Ember"}, {"Cinder"})
    assert not list(search.outdated())
    process_run(undo.start(run, queue=False))
    assert (found("ash"), found("ember"), found("cinder")) == ({"Ash"}, set(), set())
    assert not list(search.outdated())


def test_a_merge() -> None:
    kept, other = MovieFactory(title="Ember"), MovieFactory(title="Cinder", imdb_id=None, tmdb_id=None)
    other.franchise = "Fires"
    other.save()
    merging.merge_movies(kept, [other])
    assert (found("cinder"), found("fires")) == (set(), {"Ember"})
    assert not list(search.outdated())


def test_a_franchise_from_a_source() -> None:
    movie = MovieFactory(title="Ember")
    complete_movie(movie, Found((), "https://example.org/", franchise="Fires"))
    assert found("fires") == {"Ember"}


def test_a_restore(tmp_path: Path) -> None:
    MovieFactory(title="Ember")
    export_catalogue(tmp_path / "export")
    empty_the_catalogue(tmp_path / "new")
    assert not SearchTitle.objects.exists()
    restore_catalogue(tmp_path / "export")
    assert found("ember") == {"Ember"} and not list(search.outdated())


def drop_the_index() -> None:
    with connection.cursor() as cursor:
        for statement in _indexing._REMOVAL[connection.vendor]:
            cursor.execute(statement)


def lose_a_trigger() -> None:
    # What rebuilding the table in a migration does on SQLite.
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TRIGGER {_indexing.TRIGRAMS}_insert")


def lose_the_rows() -> None:
    SearchTitle.objects.all().delete()


@pytest.mark.parametrize("damage", [drop_the_index, lose_a_trigger, lose_the_rows])
def test_migrate_creates_what_is_missing(damage: Callable[[], None]) -> None:
    MovieFactory(title="Ember")
    damage()
    late = MovieFactory(title="Cinder")
    call_command("migrate", verbosity=0)
    assert found("ember") == {"Ember"} and found("cinder") == {late.title}
    assert _indexing.has_trigrams() or connection.vendor == "postgresql"


def test_a_database_without_trigrams_is_searched_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_indexing._STATEMENTS, connection.vendor, ("CREATE EXTENSION there_is_none",))
    drop_the_index()
    MovieFactory(title="Ember")
    search.prepare()
    assert not _indexing.has_trigrams()
    assert found("ember") == found("embe") == found("mber") == {"Ember"}


def test_outdated_rows_are_found_and_mended() -> None:
    movie = MovieFactory(title="Ember")
    MovieFactory(title="Other")
    Movie.objects.filter(pk=movie.pk).update(title="Cinder")
    assert list(search.outdated()) == [movie.pk]
    findings = [each for each in consistency.check() if each.kind == consistency.Kind.NOT_INDEXED]
    assert [each.pk for each in findings] == [movie.pk]
    consistency.mend(findings)
    assert found("cinder") == {"Cinder"} and not list(search.outdated())


def test_rebuild_search() -> None:
    movie = MovieFactory(title="Ember")
    Movie.objects.filter(pk=movie.pk).update(title="Cinder")
    call_command("rebuild_search")
    assert (found("ember"), found("cinder")) == (set(), {"Cinder"})


def test_indexing_again_writes_nothing() -> None:
    MovieFactory.create_batch(3)
    before = list(SearchTitle.objects.order_by("pk").values_list())
    assert search.index() == 0
    assert list(SearchTitle.objects.order_by("pk").values_list()) == before
