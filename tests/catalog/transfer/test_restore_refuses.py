"""What must not be restored is refused with a sentence, and then nothing has changed: no row, no file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.utils import timezone

from catalog.genres.bundled import take_up_genre_model
from catalog.models import GenreModel, ImportedFile, Movie, ReviewDecision
from catalog.transfer.columns import ADDED, TABLES
from catalog.transfer.errors import CannotRestore
from catalog.transfer.export import export_catalogue
from catalog.transfer.layout import SUMS
from catalog.transfer.restore import restore_catalogue
from tests.factories import MovieFactory, RunFactory

from .export_sites import contents, empty_the_catalogue, rewritten, rich_catalogue, sealed

pytestmark = pytest.mark.django_db


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """An export of a rich catalogue, beside a catalogue that is empty again."""
    rich_catalogue()
    export_catalogue(tmp_path / "export")
    empty_the_catalogue(tmp_path / "new")
    get_user_model().objects.all().delete()
    return tmp_path / "export"


def refused(export: Path, **options: Any) -> str:
    with pytest.raises(CannotRestore) as error:
        restore_catalogue(export, **options)
    assert not any(model._base_manager.exists() for model in TABLES.values())
    assert not get_user_model().objects.exists()
    assert contents(Path(settings.MEDIA_ROOT)) == {} and contents(Path(settings.MODELS_DIR)) == {}
    return str(error.value)


def changed(export: Path, table: str, change: Callable[[list[dict[str, Any]]], Any]) -> None:
    path = export / f"tables/{table}.jsonl"
    rows = [json.loads(line) for line in path.read_bytes().splitlines()]
    change(rows)
    text = "".join(json.dumps(row) + "\n" for row in rows)
    rewritten(export, f"tables/{table}.jsonl", text.encode())


def first_of(export: Path, pattern: str) -> Path:
    return sorted(export.glob(pattern))[0]


def test_a_changed_table(export: Path) -> None:
    path = export / "tables/movies.jsonl"
    path.write_text(path.read_text().replace("Film 3", "Film 4"))
    assert "not what was written" in refused(export)


def test_a_table_that_is_gone(export: Path) -> None:
    (export / "tables/suggestions.jsonl").unlink()
    assert "suggestions.jsonl" in refused(export)


def test_a_changed_list_of_digests(export: Path) -> None:
    with (export / "SHA256SUMS").open("a") as file:
        file.write("0" * 64 + "  README.txt\n")
    assert "damaged" in refused(export)


@pytest.mark.parametrize("name", ["../../../etc/passwd", "/etc/passwd", "media/posters/../../x.jpg", "a b"])
def test_a_listed_name_that_leads_elsewhere(export: Path, name: str) -> None:
    sealed(export, (export / "SHA256SUMS").read_text() + f"{'0' * 64}  {name}\n")
    assert "no export holds" in refused(export)


def test_a_link_in_place_of_a_picture(export: Path, tmp_path: Path) -> None:
    picture = first_of(export, "media/posters/*.jpg")
    picture.rename(tmp_path / "elsewhere.jpg")
    picture.symlink_to(tmp_path / "elsewhere.jpg")
    assert "plain files" in refused(export)


def test_a_pipe_in_place_of_a_table(export: Path) -> None:
    (export / "tables/movies.jsonl").unlink()
    os.mkfifo(export / "tables/movies.jsonl")
    assert "plain files" in refused(export)


def test_a_picture_listed_twice(export: Path) -> None:
    sums = (export / "SHA256SUMS").read_text()
    line = next(line for line in sums.splitlines() if "media/" in line)
    sealed(export, f"{sums}{line}\n")
    assert "twice" in refused(export)


def test_a_changed_picture_stops_everything_or_is_left_out(export: Path) -> None:
    first_of(export, "media/posters/*-m.jpg").write_bytes(b"torn")
    assert "--leave-out-damaged" in refused(export)
    restored = restore_catalogue(export, leave_out_damaged=True)
    assert len(restored.left_out) == 1
    assert Movie.objects.exists()


def test_a_picture_that_is_none(export: Path) -> None:
    picture = first_of(export, "media/posters/*-m.jpg")
    rewritten(export, picture.relative_to(export).as_posix(), b"<html><script>alert(1)</script></html>")
    assert "web page" in refused(export)


def test_a_picture_that_a_row_names_and_nobody_has(export: Path) -> None:
    def change(rows: list[dict[str, Any]]) -> None:
        rows[0]["file"] = "posters/other.jpg"

    changed(export, "posters", change)
    assert "posters.jsonl, line 1" in refused(export)


def test_pictures_that_no_row_names_are_not_kept(export: Path) -> None:
    extra = first_of(export, "media/posters/*.jpg").read_bytes()
    (export / "media/posters/extra.jpg").write_bytes(b"")
    rewritten(export, "media/posters/extra.jpg", extra)
    restore_catalogue(export)
    assert "posters/extra.jpg" not in contents(Path(settings.MEDIA_ROOT))


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("movies", "title", ""),
        ("movies", "year", 12),
        ("movies", "merged_into", 999_999),
        ("movie_genres", "genre", 999_999),
        ("posters", "sha256", "../x"),
        ("posters", "width", 0),
        ("suggestions", "score", 1.5),
        ("review_decisions", "reviewer", "nobody"),
        ("genre_models", "thresholds", [0.5]),
        ("genre_models", "weights_file", "/etc/passwd.npz"),
    ],
)
def test_a_value_that_its_column_cannot_have(export: Path, table: str, column: str, value: Any) -> None:
    changed(export, table, lambda rows: rows[0].update({column: value}))
    assert refused(export)


def test_two_rows_of_one_id(export: Path) -> None:
    changed(export, "genres", lambda rows: rows[1].update(id=rows[0]["id"]))
    assert "genres.jsonl" in refused(export)


@pytest.mark.parametrize("change", [lambda rows: rows.pop(), lambda rows: rows[0].pop("title")])
def test_rows_that_are_gone_or_cut(export: Path, change: Any) -> None:
    changed(export, "movies", change)
    assert "movies.jsonl" in refused(export)


@pytest.mark.parametrize(
    "line", [b"{", b"[1]", b"\xff\xfe", b'{"id": NaN}', b"[" * 100_000, b"null", b'"text"', b"\n"]
)
def test_a_line_that_is_no_row(export: Path, line: bytes) -> None:
    rewritten(export, "tables/placeholders.jsonl", line)
    assert "placeholders.jsonl, line 1" in refused(export)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((1, 3), "<f2"),
        np.zeros((6, 4), "<f2"),
        np.full((6, 3), np.nan, "<f2"),
        np.zeros((6, 3), "<f4"),
        np.zeros((7, 3), "<f2"),
        np.array([[{}] * 3] * 6, dtype=object),
        np.zeros((3, 6), "<f2").T,
    ],
    ids=["fewer", "longer", "not finite", "float32", "more", "pickled", "turned round"],
)
def test_vectors_that_do_not_fit(export: Path, array: np.ndarray) -> None:
    path = first_of(export, "embeddings/*.npy")
    np.save(path, array, allow_pickle=True)
    rewritten(export, path.relative_to(export).as_posix(), path.read_bytes())
    assert path.name in refused(export) or "embeddings" in refused(export)


def test_vectors_cut_short(export: Path) -> None:
    path = first_of(export, "embeddings/*.npy")
    rewritten(export, path.relative_to(export).as_posix(), path.read_bytes()[:-1])
    assert "cut short" in refused(export)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("format", "something", "no export"),
        ("version", 2, "version 2"),
        ("version", "1", "version '1'"),
        ("tables", {}, "damaged"),
        ("tables", [], "damaged"),
        ("vectors", {"x": {}}, "damaged"),
        ("files", -1, "damaged"),
    ],
)
def test_a_manifest_of_something_else(export: Path, key: str, value: Any, said: str) -> None:
    manifest = json.loads((export / "manifest.json").read_text())
    (export / "manifest.json").write_text(json.dumps({**manifest, key: value}))
    assert said in refused(export)


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, '{"version": Infinity}'])
def test_a_manifest_that_is_none(export: Path, text: str) -> None:
    (export / "manifest.json").write_text(text)
    assert "manifest.json" in refused(export)


def test_a_folder_without_a_manifest(export: Path, tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    assert "export_catalogue" in refused(tmp_path / "bare")
    assert "export_catalogue" in refused(tmp_path / "nowhere")


def test_a_column_of_a_later_version(export: Path) -> None:
    manifest = json.loads((export / "manifest.json").read_text())
    manifest["tables"]["movies"]["fields"].append("runtime")
    (export / "manifest.json").write_text(json.dumps(manifest))
    assert "runtime" in refused(export)


def test_a_column_that_an_earlier_version_did_not_have_gets_its_default(export: Path) -> None:
    manifest = json.loads((export / "manifest.json").read_text())
    manifest["tables"]["movies"]["fields"].remove("franchise")
    manifest["tables"]["posters"]["fields"].remove("locked")
    (export / "manifest.json").write_text(json.dumps(manifest))
    changed(export, "movies", lambda rows: [row.pop("franchise") for row in rows])
    changed(export, "posters", lambda rows: [row.pop("locked") for row in rows])
    restore_catalogue(export)
    assert not Movie.everything.exclude(franchise="").exists()


def test_a_table_that_an_earlier_version_did_not_have_is_empty(export: Path) -> None:
    manifest = json.loads((export / "manifest.json").read_text())
    _as_before_batches(export, manifest)
    for name in ADDED:
        del manifest["tables"][name]
        (export / f"tables/{name}.jsonl").unlink()
    manifest["files"] -= len(ADDED)
    (export / "manifest.json").write_text(json.dumps(manifest))
    lines = (export / SUMS).read_text().splitlines()
    sealed(export, "".join(f"{line}\n" for line in lines if not any(name in line for name in ADDED)))
    # What a site remembers of an import that took nothing does not make it one with a catalogue.
    ImportedFile.objects.create(sha256="c" * 64, ids="local", was_local=True, imported_at=timezone.now())
    restore_catalogue(export)
    assert Movie.objects.exists()
    assert not ImportedFile.objects.exists()
    assert set(ReviewDecision.objects.values_list("sequence", "batch")) == {(1, None)}


def _as_before_batches(export: Path, manifest: dict[str, Any]) -> None:
    """Decisions as they were then: none in a batch, each suggestion decided once, and nothing undone."""
    later = {"sequence", "origin_before", "batch", "reverses"}

    def earlier(rows: list[dict[str, Any]]) -> None:
        rows[:] = [
            {name: value for name, value in row.items() if name not in later}
            for row in rows
            if row["reverses"] is None and row["sequence"] == 1
        ]
        manifest["tables"]["review_decisions"]["rows"] = len(rows)

    fields = manifest["tables"]["review_decisions"]["fields"]
    manifest["tables"]["review_decisions"]["fields"] = [name for name in fields if name not in later]
    changed(export, "review_decisions", earlier)


def test_a_catalogue_that_is_not_empty(export: Path) -> None:
    MovieFactory(title="Mine")
    with pytest.raises(CannotRestore, match="POSTERSITE_SAMPLE=0"):
        restore_catalogue(export)
    assert [movie.title for movie in Movie.objects.all()] == ["Mine"]


def test_a_site_at_work(export: Path) -> None:
    RunFactory()
    assert "not over" in refused(export)


def test_pictures_that_lie_there_already(export: Path) -> None:
    mine = Path(settings.MEDIA_ROOT) / "posters/mine.jpg"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    with pytest.raises(CannotRestore, match="holds pictures already"):
        restore_catalogue(export)
    assert mine.read_bytes() == b"mine"


def test_what_came_with_postersite_gives_way(export: Path) -> None:
    shipped = take_up_genre_model().model
    restore_catalogue(export)
    assert not GenreModel.objects.filter(weights_sha256=shipped.weights_sha256).exists()
    assert take_up_genre_model().model.state == GenreModel.State.CANDIDATE
