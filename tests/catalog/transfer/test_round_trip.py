"""A catalogue exported, restored into an empty one and exported again is the same, byte for byte."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError, connection

from catalog.embeddings import index_files
from catalog.genres import promotion, review
from catalog.models import Embedding, Extractor, Genre, GenreModel, Movie, Poster, ReviewDecision, Suggestion
from catalog.similarity import search
from catalog.transfer._columns import TABLES
from catalog.transfer.export import export_catalogue
from catalog.transfer.restore import restore_catalogue
from tests.factories import EmbeddingFactory, ExtractorFactory, MovieFactory, PosterFactory, UserFactory

from .export_sites import contents, empty_the_catalogue

pytestmark = pytest.mark.django_db


@pytest.fixture
def restored(original: Path) -> Path:
    """The folder of an export that was restored."""
    restore_catalogue(original)
    return original


def test_a_restored_catalogue_is_exported_to_the_same_bytes(original: Path, tmp_path: Path) -> None:
    restored = restore_catalogue(original)
    assert all(model._base_manager.exists() for model in TABLES.values())
    assert restored.absent == 0 and restored.left_out == []
    export_catalogue(tmp_path / "again")
    assert contents(tmp_path / "again") == contents(original)


def test_accounts_are_created_inactive_or_left_as_they_are(original: Path) -> None:
    present = UserFactory(username="anna@example.org", admin=True)
    assert restore_catalogue(original).accounts == ["Bořivoj"]
    created = get_user_model().objects.get(username="Bořivoj")
    assert not (created.is_active or created.is_staff or created.has_usable_password())
    present.refresh_from_db()
    assert present.is_superuser and present.has_usable_password()
    assert {decision.reviewer for decision in ReviewDecision.objects.all()} == {present, created}


def test_new_ids_follow_the_restored_ones(restored: Path) -> None:
    last = Movie.everything.order_by("pk").last()
    assert last is not None
    assert MovieFactory().pk > last.pk


def test_a_restored_catalogue_works(restored: Path, client: Any) -> None:
    index_files.build_stale()
    movie = Movie.objects.get(local_id="a/b c")
    page = client.get(movie.get_absolute_url())
    assert page.status_code == 200 and "Amélie" in page.text
    assert movie.primary_poster is not None
    assert client.get(movie.primary_poster.thumbnail.url).status_code == 200
    assert search.lookalikes(movie, Extractor.objects.get(spec="pixels"))
    suggestion = Suggestion.objects.filter(state=Suggestion.State.PENDING).first()
    assert suggestion is not None
    assert review.accept([suggestion], UserFactory()) == 1
    assert Genre.objects.filter(movies=suggestion.movie, pk=suggestion.genre_id).exists()
    promotion.promote(GenreModel.objects.get(state=GenreModel.State.CANDIDATE))
    merged = Movie.everything.get(merged_into__isnull=False)
    response = client.get(merged.get_absolute_url(), follow=True)
    assert response.request["PATH_INFO"].startswith(movie.get_absolute_url())
    with pytest.raises(IntegrityError), connection.cursor() as cursor:
        cursor.execute("UPDATE catalog_reviewdecision SET score = 0")


def test_vectors_are_readable_by_numpy_and_restored_exactly(restored: Path) -> None:
    lines = (restored / "tables/embeddings.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    for file in (restored / "embeddings").iterdir():
        vectors = np.load(file, allow_pickle=False)
        own = [row for row in rows if row["extractor"] == int(file.stem)]
        assert vectors.dtype == np.float16 and len(vectors) == len(own) > 0
        for row, vector in zip(own, vectors, strict=True):
            assert bytes(Embedding.objects.get(pk=row["id"]).vector) == vector.tobytes()


def test_standard_tools_check_the_digests(original: Path) -> None:
    done = subprocess.run(
        ["sha256sum", "--quiet", "-c", "SHA256SUMS"],  # noqa: S607
        cwd=original,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    listed = {line.split("  ", 1)[1] for line in (original / "SHA256SUMS").read_text().splitlines()}
    assert listed | {"SHA256SUMS", "manifest.json"} == set(contents(original))


def test_of_accounts_only_names_are_exported(original: Path) -> None:
    assert (original / "tables/people.jsonl").read_text() == (
        '{"username": "Bořivoj"}\n{"username": "anna@example.org"}\n'
    )


def test_a_missing_picture_is_listed_and_stays_missing(tmp_path: Path) -> None:
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


def test_invalid_vectors_are_left_out(tmp_path: Path) -> None:
    extractor = ExtractorFactory(dims=4)
    valid = EmbeddingFactory(extractor=extractor)
    EmbeddingFactory(extractor=extractor, values=[1, 2])
    EmbeddingFactory(extractor=extractor, values=[1, 2, 3, float("nan")])
    exported = export_catalogue(tmp_path / "export")
    assert exported.invalid_vectors == 2 and exported.rows["embeddings"] == 1
    empty_the_catalogue(tmp_path / "new")
    restore_catalogue(tmp_path / "export")
    assert Embedding.objects.get().pk == valid.pk


def test_an_empty_catalogue_can_be_exported_and_restored(tmp_path: Path) -> None:
    export_catalogue(tmp_path / "export")
    assert set(restore_catalogue(tmp_path / "export").rows.values()) == {0}
    export_catalogue(tmp_path / "again")
    assert contents(tmp_path / "again") == contents(tmp_path / "export")
