"""A poster's files: written before its row, deleted after it, unless another poster has the same image."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import connection

from catalog.integrity import consistency
from catalog.models import Movie, Poster
from catalog.posters import primary
from catalog.posters.primary import remove, store_poster
from tests.factories import MovieFactory, tiny_jpeg

pytestmark = pytest.mark.django_db


def there(poster: Poster) -> list[bool]:
    names = [str(picture.name) for picture in (poster.file, poster.medium, poster.thumbnail)]
    return [default_storage.exists(name) for name in names]


def once_after(monkeypatch: pytest.MonkeyPatch, place: Any, name: str, then: Callable[[], object]) -> None:
    """Call `then` after the first call of a function."""
    function = getattr(place, name)

    def called(*arguments: Any, **more: Any) -> Any:
        monkeypatch.setattr(place, name, function)
        result = function(*arguments, **more)
        then()
        return result

    monkeypatch.setattr(place, name, called)


@pytest.mark.parametrize("whole_movie", [False, True])
def test_files_are_deleted_when_the_deletion_of_the_poster_is_committed(
    whole_movie: bool, django_capture_on_commit_callbacks: Any
) -> None:
    movie = MovieFactory()
    poster = store_poster(movie, tiny_jpeg(1), source="upload")
    with django_capture_on_commit_callbacks() as callbacks:
        Movie.objects.filter(pk=movie.pk).delete() if whole_movie else remove([poster])
    assert there(poster) == [True, True, True]  # for the transaction may be rolled back
    for delete_files in callbacks:
        delete_files()
    assert there(poster) == [False, False, False]


def test_files_of_another_poster_stay(django_capture_on_commit_callbacks: Any) -> None:
    one, other = (store_poster(MovieFactory(), tiny_jpeg(1), source="upload") for _ in range(2))
    assert one.file.name == other.file.name
    with django_capture_on_commit_callbacks(execute=True):
        remove([one])
    assert there(other) == [True, True, True]
    with django_capture_on_commit_callbacks(execute=True):
        remove([other])
    assert there(other) == [False, False, False]


def test_the_last_other_poster_is_deleted_after_the_files_were_written(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    other = store_poster(MovieFactory(), tiny_jpeg(1), source="upload")

    def deleted() -> None:
        with django_capture_on_commit_callbacks(execute=True):
            remove([other])
        assert there(other) == [False, False, False]

    once_after(monkeypatch, primary, "write_files", deleted)
    poster = store_poster(MovieFactory(), tiny_jpeg(1), source="upload")
    assert there(poster) == [True, True, True]


def test_a_file_that_is_used_again_is_no_orphan() -> None:
    poster = store_poster(MovieFactory(), tiny_jpeg(1), source="upload")
    Poster.objects.all().delete()  # its files stay until the deletion is committed
    for name in (poster.file, poster.medium, poster.thumbnail):
        os.utime(name.path, (1, 1))
    findings = list(consistency.check())
    assert len(findings) == 3
    poster.pk = None
    poster.save(force_insert=True)
    assert consistency.mend(findings).deleted_files == 0
    assert there(poster) == [True, True, True]


def test_no_smaller_images_are_written_for_a_deleted_poster(
    django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    poster = store_poster(MovieFactory(), tiny_jpeg(1), source="upload")

    def deleted() -> None:
        with django_capture_on_commit_callbacks(execute=True):
            remove([Poster.objects.get()])

    once_after(monkeypatch, primary.images, "open_safely", deleted)
    assert primary.write_smaller(poster) == 0
    assert there(poster) == [False, False, False]


def test_files_and_their_folder_are_synced_before_the_row_is_written(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    events: list[str] = []
    fsync = os.fsync

    def recorded(descriptor: int) -> None:
        events.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    def insert(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith("INSERT") and "catalog_poster" in sql:
            events.append("row")
        return execute(sql, *rest)

    monkeypatch.setattr(os, "fsync", recorded)
    with connection.execute_wrapper(insert):
        poster = store_poster(MovieFactory(), tiny_jpeg(1), source="upload")
    before = events[: events.index("row")]
    prefix = poster.sha256[:2]
    assert sum(poster.sha256 in name for name in before) == 3
    # The folder after each file, and those above it, which are new.
    assert before.count(prefix) == 3 and {"posters", "media"} <= set(before)
    assert before[-1] == prefix


@pytest.mark.django_db(transaction=True)
def test_on_postgresql_a_deletion_waits_until_the_same_image_is_stored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """For SQLite: tests/faults/test_picture_deleted_while_stored.py, which needs a database in a file."""
    if connection.vendor != "postgresql":
        return
    other = store_poster(MovieFactory(), tiny_jpeg(1), source="upload")
    deleted = threading.Event()

    def delete() -> None:
        try:
            remove([other])
            deleted.set()
        finally:
            connection.close()

    thread = threading.Thread(target=delete)

    def meanwhile() -> None:
        thread.start()
        # It cannot end before this transaction does; without the lock it does, at once.
        assert not deleted.wait(1)

    once_after(monkeypatch, Poster.objects, "update_or_create", meanwhile)
    poster = store_poster(MovieFactory(), tiny_jpeg(1), source="upload")
    thread.join()
    assert deleted.is_set()
    assert there(poster) == [True, True, True]
