"""A catalogue exported, restored into an empty one and exported again is the same, byte for byte."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.contrib.auth import get_user_model
from django.db import connection

from catalog.embeddings import index_files
from catalog.genres import promotion, review
from catalog.models import Embedding, Extractor, Genre, GenreModel, Movie, Poster, ReviewDecision, Suggestion
from catalog.similarity import search
from catalog.transfer.columns import TABLES
from catalog.transfer.export import export_catalogue
from catalog.transfer.restore import restore_catalogue
from tests.factories import EmbeddingFactory, ExtractorFactory, MovieFactory, PosterFactory, UserFactory

from .export_sites import contents, empty_the_catalogue, rich_catalogue

pytestmark = pytest.mark.django_db


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    rich_catalogue()
    export_catalogue(tmp_path / "export")
    return tmp_path / "export"


def all_rows() -> dict[str, list[Any]]:
    return {
        name: list(model._base_manager.order_by("pk").values_list())
        for name, model in TABLES.items()
        if model is not GenreModel
    }


def test_a_second_export_is_the_same_to_the_byte(exported: Path, tmp_path: Path) -> None:
    before = all_rows()
    assert all(before.values())  # a row of every kind
    empty_the_catalogue(tmp_path / "new")
    restored = restore_catalogue(exported)
    assert all_rows() == before
    assert restored.absent == 0 and restored.left_out == [] and restored.people == []
    export_catalogue(tmp_path / "again")
    assert contents(tmp_path / "again") == contents(exported)


def test_the_same_catalogue_gives_the_same_bytes(exported: Path, tmp_path: Path) -> None:
    export_catalogue(tmp_path / "again")
    assert contents(tmp_path / "again") == contents(exported)


def test_everybody_who_decided_is_there_and_cannot_sign_in(exported: Path, tmp_path: Path) -> None:
    decided = ReviewDecision.objects.order_by("pk").values_list("reviewer__username", flat=True)
    before = list(decided)
    empty_the_catalogue(tmp_path / "new")
    get_user_model().objects.all().delete()
    kept = UserFactory(username="anna@example.org", admin=True)
    restored = restore_catalogue(exported)
    assert restored.people == ["Bořivoj"]
    assert list(decided.all()) == before
    made = get_user_model().objects.get(username="Bořivoj")
    assert not (made.is_active or made.is_staff or made.has_usable_password())
    kept.refresh_from_db()
    assert kept.is_superuser and kept.has_usable_password()


def test_new_rows_get_ids_behind_those_restored(exported: Path, tmp_path: Path) -> None:
    last = Movie.everything.order_by("pk").last()
    assert last is not None
    empty_the_catalogue(tmp_path / "new")
    restore_catalogue(exported)
    assert MovieFactory().pk > last.pk


def test_a_restored_catalogue_works(exported: Path, tmp_path: Path, client: Any) -> None:
    empty_the_catalogue(tmp_path / "new")
    restore_catalogue(exported)
    index_files.build_stale()
    movie = Movie.objects.get(local_id="a/b c")
    page = client.get(movie.get_absolute_url())
    assert page.status_code == 200 and "Amélie" in page.text
    assert movie.primary_poster is not None
    assert client.get(movie.primary_poster.thumbnail.url).status_code == 200
    assert search.lookalikes(movie, Extractor.objects.get(spec="pixels"))
    waiting = Suggestion.objects.filter(state=Suggestion.State.PENDING).first()
    assert waiting is not None
    assert review.accept([waiting], UserFactory()) == 1
    assert Genre.objects.filter(movies=waiting.movie, pk=waiting.genre_id).exists()
    promotion.promote(GenreModel.objects.get(state=GenreModel.State.CANDIDATE))


def test_merged_movies_still_lead_to_the_one_that_was_kept(
    exported: Path, tmp_path: Path, client: Any
) -> None:
    merged = Movie.everything.get(merged_into__isnull=False)
    address = merged.get_absolute_url()
    empty_the_catalogue(tmp_path / "new")
    restore_catalogue(exported)
    assert (
        client.get(address, follow=True)
        .request["PATH_INFO"]
        .startswith(Movie.objects.get(local_id="a/b c").get_absolute_url())
    )


def test_decisions_are_still_append_only(exported: Path, tmp_path: Path) -> None:
    empty_the_catalogue(tmp_path / "new")
    restore_catalogue(exported)
    with pytest.raises(Exception, match="never changed"), connection.cursor() as cursor:
        cursor.execute("UPDATE catalog_reviewdecision SET score = 0")


def test_vectors_lie_as_stored_and_numpy_reads_them(exported: Path) -> None:
    rows = [json.loads(line) for line in (exported / "tables/embeddings.jsonl").read_text().splitlines()]
    for file in (exported / "embeddings").iterdir():
        vectors = np.load(file, allow_pickle=False)
        mine = [row for row in rows if row["extractor"] == int(file.stem)]
        assert vectors.dtype == np.float16 and len(vectors) == len(mine) > 0
        for row, vector in zip(mine, vectors, strict=True):
            assert bytes(Embedding.objects.get(pk=row["id"]).vector) == vector.tobytes()


def test_standard_tools_check_the_digests(exported: Path) -> None:
    done = subprocess.run(
        ["sha256sum", "--quiet", "-c", "SHA256SUMS"],  # noqa: S607
        cwd=exported,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    listed = {line.split("  ", 1)[1] for line in (exported / "SHA256SUMS").read_text().splitlines()}
    assert listed | {"SHA256SUMS", "manifest.json"} == set(contents(exported))


def test_no_password_or_address_of_a_person_is_exported(exported: Path) -> None:
    person = get_user_model().objects.get(username="anna@example.org")
    text = b"".join(contents(exported).values())
    assert person.password.encode() not in text
    assert (exported / "tables/people.jsonl").read_text() == (
        '{"username": "Bořivoj"}\n{"username": "anna@example.org"}\n'
    )


def test_a_picture_that_is_gone_is_listed_and_stays_gone(tmp_path: Path) -> None:
    poster = PosterFactory()
    poster.thumbnail.storage.delete(poster.thumbnail.name)
    assert export_catalogue(tmp_path / "export").missing == 1
    assert (tmp_path / "export/missing.txt").read_text() == f"media/{poster.thumbnail.name}\n"
    empty_the_catalogue(tmp_path / "new")
    assert restore_catalogue(tmp_path / "export").absent == 1
    restored = Poster.objects.get()
    assert restored.file.storage.exists(str(restored.file.name))
    assert not restored.file.storage.exists(str(restored.thumbnail.name))
    export_catalogue(tmp_path / "again")
    assert contents(tmp_path / "again") == contents(tmp_path / "export")


def test_vectors_that_cannot_be_right_are_left_out(tmp_path: Path) -> None:
    extractor = ExtractorFactory(dims=4)
    good = EmbeddingFactory(extractor=extractor)
    EmbeddingFactory(extractor=extractor, values=[1, 2])
    EmbeddingFactory(extractor=extractor, values=[1, 2, 3, float("nan")])
    written = export_catalogue(tmp_path / "export")
    assert written.unsound == 2 and written.rows["embeddings"] == 1
    empty_the_catalogue(tmp_path / "new")
    restore_catalogue(tmp_path / "export")
    assert Embedding.objects.get().pk == good.pk


def test_an_empty_catalogue_goes_round_too(tmp_path: Path) -> None:
    export_catalogue(tmp_path / "export")
    assert set(restore_catalogue(tmp_path / "export").rows.values()) == {0}
    export_catalogue(tmp_path / "again")
    assert contents(tmp_path / "again") == contents(tmp_path / "export")
