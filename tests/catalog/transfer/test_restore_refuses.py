"""A damaged or hostile export is refused, and no row, account or file is changed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.utils import timezone

from catalog.genres.bundled import install_genre_model
from catalog.models import GenreModel, ImportedFile, Movie, ReviewDecision, Suggestion
from catalog.transfer import restore
from catalog.transfer._columns import OPTIONAL_TABLES, TABLES
from catalog.transfer._layout import MANIFEST, SUMS
from catalog.transfer.errors import RestoreError
from catalog.transfer.restore import restore_catalogue
from tests.factories import MovieFactory, RunFactory

from .export_sites import contents, rewritten, sealed

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
Rows = list[dict[str, Any]]


def refused(export: Path, code: str, **options: Any) -> RestoreError:
    with pytest.raises(RestoreError) as error:
        restore_catalogue(export, **options)
    assert error.value.code == code, error.value
    assert not any(model._base_manager.exists() for model in TABLES.values())
    assert not get_user_model().objects.exists()
    assert contents(Path(settings.MEDIA_ROOT)) == {} and contents(Path(settings.MODELS_DIR)) == {}
    return error.value


def change_rows(export: Path, table: str, change: Callable[[Rows], Any]) -> None:
    path = export / f"tables/{table}.jsonl"
    rows = [json.loads(line) for line in path.read_bytes().splitlines()]
    change(rows)
    rewritten(export, f"tables/{table}.jsonl", "".join(json.dumps(row) + "\n" for row in rows).encode())


def change_manifest(export: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    manifest = json.loads((export / MANIFEST).read_text())
    change(manifest)
    (export / MANIFEST).write_text(json.dumps(manifest))


def first(export: Path, pattern: str) -> Path:
    return sorted(export.glob(pattern))[0]


Change = Callable[[Path], Any]


def value(table: str, column: str, to: Any) -> Change:
    return lambda export: change_rows(export, table, lambda rows: rows[0].update({column: to}))


def line(text: bytes) -> Change:
    return lambda export: rewritten(export, "tables/placeholders.jsonl", text)


def listed(name: str) -> Change:
    return lambda export: sealed(export, f"{(export / SUMS).read_text()}{'0' * 64}  {name}\n")


def manifest(key: str, to: Any) -> Change:
    return lambda export: change_manifest(export, lambda facts: facts.update({key: to}))


def manifest_text(text: str) -> Change:
    return lambda export: (export / MANIFEST).write_text(text)


def vectors(array: np.ndarray, cut: int | None = None) -> Change:
    def change(export: Path) -> None:
        path = first(export, "embeddings/*.npy")
        np.save(path, array, allow_pickle=True)
        rewritten(export, f"embeddings/{path.name}", path.read_bytes()[:cut])

    return change


def _link(export: Path) -> None:
    picture = first(export, "media/posters/*.jpg")
    picture.rename(export / "elsewhere.jpg")
    picture.symlink_to(export / "elsewhere.jpg")


def _pipe(export: Path) -> None:
    (export / "tables/movies.jsonl").unlink()
    os.mkfifo(export / "tables/movies.jsonl")


def _listed_twice(export: Path) -> None:
    sums = (export / SUMS).read_text()
    again = next(line for line in sums.splitlines() if "media/" in line)
    sealed(export, f"{sums}{again}\n")


def _web_page_as_picture(export: Path) -> None:
    picture = first(export, "media/posters/*-m.jpg").relative_to(export).as_posix()
    rewritten(export, picture, b"<html><script>alert(1)</script></html>")


FLOAT16 = np.zeros((6, 3), "<f2")
REFUSED: dict[str, dict[str, Change]] = {}
REFUSED["damaged"] = {
    "a changed table": lambda export: (export / "tables/movies.jsonl").write_text("{}\n"),
    "a missing table": lambda export: (export / "tables/suggestions.jsonl").unlink(),
    "a changed list of digests": lambda export: (export / SUMS).write_text(f"{'0' * 64}  README.txt\n"),
    "a changed picture": lambda export: first(export, "media/posters/*-m.jpg").write_bytes(b"torn"),
    "a web page as a picture": _web_page_as_picture,
    "a link as a picture": _link,
    "a pipe as a table": _pipe,
    "no tables": manifest("tables", {}),
    "a list of tables": manifest("tables", []),
    "vectors of no extractor": manifest("vectors", {"x": {}}),
    "an empty manifest": manifest_text(""),
    "half a manifest": manifest_text("{"),
    "a deep manifest": manifest_text("[" * 100_000),
    "a manifest with infinity": manifest_text('{"version": Infinity}'),
    "a manifest with a negative number of rows": lambda export: change_manifest(
        export, lambda facts: facts["tables"]["movies"].update(rows=-1)
    ),
}
REFUSED["not_an_export"] = {
    "another format": manifest("format", "something"),
    "a list as a manifest": manifest_text("[]"),
    "no manifest": lambda export: (export / MANIFEST).unlink(),
}
REFUSED["version"] = {
    "a later version": manifest("version", 2),
    "a version as text": manifest("version", "1"),
    "a later column": lambda export: change_manifest(
        export, lambda facts: facts["tables"]["movies"]["fields"].append("runtime")
    ),
}
REFUSED["invalid"] = {
    **{
        name: listed(name)
        for name in ("../../../etc/passwd", "/etc/passwd", "media/posters/../../x.jpg", "a b")
    },
    "a picture listed twice": _listed_twice,
    "a picture that is not there": value("posters", "file", "posters/other.jpg"),
    "a picture elsewhere": value("posters", "file", "posters/../../x.jpg"),
    "a picture of another folder": value("posters", "file", "learning_curves/curves.png"),
    "weights elsewhere": value("genre_models", "weights_file", "/etc/passwd.npz"),
    "no weights": value("genre_models", "weights_file", None),
    "an empty title": value("movies", "title", ""),
    "an implausible year": value("movies", "year", 12),
    "a number too large for a database": value("movies", "tmdb_id", 2**64),
    "no width": value("posters", "width", 0),
    "a digest that is a path": value("posters", "sha256", "../x"),
    "an unknown part": value("genre_models", "parts", ["poster", "smell"]),
    "an unknown state": value("suggestions", "state", "perhaps"),
    "a score above 1": value("suggestions", "score", 1.5),
    "no movie": value("suggestions", "movie", None),
    "merged into nothing": value("movies", "merged_into", 999_999),
    "a reference to nothing": value("movie_genres", "genre", 999_999),
    "an unknown account": value("review_decisions", "reviewer", "nobody"),
    "too few thresholds": value("genre_models", "thresholds", [0.5]),
    "an account without a name": value("people", "username", ""),
    "an account with a number": value("people", "username", 7),
    "two rows with one id": lambda export: change_rows(
        export, "genres", lambda rows: rows[1].update(id=rows[0]["id"])
    ),
    "a missing row": lambda export: change_rows(export, "movies", lambda rows: rows.pop()),
    "a missing column": lambda export: change_rows(export, "movies", lambda rows: rows[0].pop("title")),
    **{
        f"line {text[:12]!r}": line(text)
        for text in (b"[1]", b"\xff\xfe", b'{"id": NaN}', b'{"id": 1e999}', b"[" * 100_000, b"null", b"\n")
    },
    "fewer vectors": vectors(FLOAT16[:1]),
    "more vectors": vectors(np.zeros((7, 3), "<f2")),
    "no vectors": vectors(FLOAT16[:0]),
    "longer vectors": vectors(np.zeros((6, 4), "<f2")),
    "vectors that are not finite": vectors(FLOAT16 + np.float16("nan")),
    "vectors of float32": vectors(FLOAT16.astype("<f4")),
    "pickled vectors": vectors(np.array([[{}] * 3] * 6, dtype=object)),
    "transposed vectors": vectors(np.zeros((3, 6), "<f2").T),
    "vectors cut short": vectors(FLOAT16, cut=-1),
    "vectors without a header": vectors(FLOAT16, cut=20),
}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param(change, code, id=name)
        for code, changes in REFUSED.items()
        for name, change in changes.items()
    ],
)
def test_what_is_refused(export: Path, change: Change, code: str) -> None:
    change(export)
    refused(export, code)


def test_a_line_is_named(export: Path) -> None:
    line(b"{")(export)
    assert "placeholders.jsonl, line 1" in str(refused(export, "invalid"))


def test_a_damaged_picture_can_be_left_out(export: Path) -> None:
    first(export, "media/posters/*-m.jpg").write_bytes(b"torn")
    restored = restore_catalogue(export, leave_out_damaged=True)
    assert len(restored.left_out) == 1
    assert Movie.objects.exists()


def test_a_trusted_picture_is_not_decoded(export: Path) -> None:
    _web_page_as_picture(export)
    assert restore_catalogue(export, trusted=True).left_out == []


def test_pictures_that_no_row_names_are_not_restored(export: Path) -> None:
    rewritten(export, "media/posters/extra.jpg", first(export, "media/posters/*.jpg").read_bytes())
    restore_catalogue(export)
    assert "posters/extra.jpg" not in contents(Path(settings.MEDIA_ROOT))


def test_a_full_disk(export: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restore.shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    refused(export, "no_space")


def test_columns_that_an_earlier_version_did_not_have_get_their_default(export: Path) -> None:
    def change(facts: dict[str, Any]) -> None:
        facts["tables"]["movies"]["fields"].remove("franchise")
        facts["tables"]["posters"]["fields"].remove("locked")

    change_manifest(export, change)
    change_rows(export, "movies", lambda rows: [row.pop("franchise") for row in rows])
    change_rows(export, "posters", lambda rows: [row.pop("locked") for row in rows])
    restore_catalogue(export)
    assert not Movie.everything.exclude(franchise="").exists()


def without(columns: list[str], rows: Rows) -> None:
    for row in rows:
        for column in columns:
            del row[column]


def test_suggestions_of_an_earlier_version_rest_on_their_poster(export: Path) -> None:
    later = {
        "suggestions": ["text_version", "evidence", "evidence_digest", "tick", "explanation"],
        "genre_models": ["parts", "tick_thresholds"],
        "movies": ["text_version"],
    }

    def change(facts: dict[str, Any]) -> None:
        for table, columns in later.items():
            for column in columns:
                facts["tables"][table]["fields"].remove(column)

    change_manifest(export, change)
    for table, columns in later.items():
        change_rows(export, table, partial(without, columns))
    restore_catalogue(export)
    for suggestion in Suggestion.objects.all():
        assert suggestion.evidence_digest == suggestion.poster_sha256 != ""
        assert (suggestion.evidence, suggestion.explanation, suggestion.tick) == ("poster", {}, False)
    assert all(model.parts == ["poster"] for model in GenreModel.objects.all())


def test_tables_that_an_earlier_version_did_not_have_are_empty(export: Path) -> None:
    later = {"sequence", "origin_before", "batch", "reverses"}

    def earlier(rows: Rows) -> None:
        kept = [row for row in rows if row["reverses"] is None and row["sequence"] == 1]
        rows[:] = [{name: row[name] for name in row if name not in later} for row in kept]

    def change(facts: dict[str, Any]) -> None:
        decisions = facts["tables"]["review_decisions"]
        decisions["rows"] = len((export / "tables/review_decisions.jsonl").read_text().splitlines())
        decisions["fields"] = [name for name in decisions["fields"] if name not in later]
        for name in OPTIONAL_TABLES:
            del facts["tables"][name]

    change_rows(export, "review_decisions", earlier)
    lines = (export / SUMS).read_text().splitlines()
    sealed(
        export, "".join(f"{line}\n" for line in lines if not any(name in line for name in OPTIONAL_TABLES))
    )
    change_manifest(export, change)
    # An import from which nothing was taken leaves such a row.
    ImportedFile.objects.create(sha256="c" * 64, ids="local", was_local=True, imported_at=timezone.now())
    restore_catalogue(export)
    assert Movie.objects.exists()
    assert not ImportedFile.objects.exists()
    assert set(ReviewDecision.objects.values_list("sequence", "batch")) == {(1, None)}


def test_a_catalogue_that_is_not_empty(export: Path) -> None:
    MovieFactory(title="Mine")
    with pytest.raises(RestoreError) as error:
        restore_catalogue(export)
    assert error.value.code == "not_empty"
    assert [movie.title for movie in Movie.objects.all()] == ["Mine"]


def test_a_site_with_a_running_run(export: Path) -> None:
    RunFactory()
    refused(export, "busy")


def test_a_media_folder_with_pictures(export: Path) -> None:
    mine = Path(settings.MEDIA_ROOT) / "posters/mine.jpg"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    with pytest.raises(RestoreError) as error:
        restore_catalogue(export)
    assert error.value.code == "not_empty" and mine.read_bytes() == b"mine"


def test_a_failure_at_the_end_moves_files_back(export: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(stage: restore.Staging, undo: Any) -> None:
        move(stage, undo)
        raise OSError(28, "No space left on device")

    move = restore.Staging.move_into_place
    monkeypatch.setattr(restore.Staging, "move_into_place", fail)
    refused(export, "io")


def test_bundled_genre_models_are_replaced(export: Path) -> None:
    bundled = install_genre_model().model
    restore_catalogue(export)
    assert not GenreModel.objects.filter(weights_sha256=bundled.weights_sha256).exists()
    assert install_genre_model().model.state == GenreModel.State.CANDIDATE
