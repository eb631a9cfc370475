"""`manage.py forget_extractor`: says what would go, deletes when told to, and refuses what is in use."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from catalog.embeddings import deletion, embedding, index_files
from catalog.models import Embedding, Extractor, GenreModel, Poster
from catalog.runs import lifecycle
from tests.factories import EmbeddingFactory, ExtractorFactory, GenreModelFactory, PosterFactory

pytestmark = pytest.mark.django_db


def said(*arguments: str) -> str:
    out = io.StringIO()
    call_command("forget_extractor", *arguments, stdout=out)
    return out.getvalue()


def refused(*arguments: str) -> str:
    with pytest.raises(CommandError) as error:
        said(*arguments)
    return str(error.value)


@pytest.fixture
def shelf() -> tuple[Extractor, Extractor]:
    """Posters seen by our own ConvNet, which answers, and by an earlier one of the same name."""
    now = ExtractorFactory(spec="postersite", fingerprint=embedding.fingerprint("postersite"), dims=4)
    earlier = ExtractorFactory(spec="postersite", fingerprint="postersite-224-gap-00c0ffee", dims=4)
    for _ in range(3):
        poster = PosterFactory()
        EmbeddingFactory(poster=poster, extractor=now)
        EmbeddingFactory(poster=poster, extractor=earlier)
    return now, earlier


def test_without_delete_it_says_what_would_go_and_leaves_it(shelf: tuple[Extractor, Extractor]) -> None:
    out = said("00c0ffee")
    assert "Would be deleted: postersite-224-gap-00c0ffee: 3 vectors (24 bytes)" in out
    assert "Nothing was deleted." in out
    assert Embedding.objects.count() == 6


def test_vectors_index_export_and_row_go_and_nothing_else(
    shelf: tuple[Extractor, Extractor], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletion, "ROWS_AT_ONCE", 2)
    now, earlier = shelf
    index_files.build_stale()
    index, kept = (Path(settings.INDEX_DIR) / str(each.pk) for each in (earlier, now))
    export = Path(settings.EXPORTS_DIR) / f"{earlier.fingerprint}.tflite"
    export.parent.mkdir(parents=True)
    export.write_bytes(b"exported")
    assert "Deleted: " in said(earlier.fingerprint, "--delete")
    assert not index.exists() and not export.exists() and kept.is_dir()
    assert list(Extractor.objects.all()) == [now]
    assert Embedding.objects.filter(extractor=now).count() == Embedding.objects.count() == 3


def test_the_one_that_look_alikes_come_from_is_refused(shelf: tuple[Extractor, Extractor]) -> None:
    assert "Look-alikes come from postersite" in refused(shelf[0].fingerprint, "--delete")
    assert "Look-alikes come from postersite" in refused(shelf[0].fingerprint)
    assert Embedding.objects.count() == 6


def test_the_one_that_the_genre_model_in_use_reads_is_refused(shelf: tuple[Extractor, Extractor]) -> None:
    GenreModelFactory(version=9, extractor=shelf[1], state=GenreModel.State.ACTIVE)
    assert "Genre model 9, which is in use, reads" in refused("00c0ffee", "--delete")


def test_one_that_a_run_is_embedding_with_is_refused(
    shelf: tuple[Extractor, Extractor], settings: Any
) -> None:
    settings.EXTRACTORS = ["postersite", "pixels"]
    pixels = ExtractorFactory(fingerprint=embedding.fingerprint("pixels"))
    EmbeddingFactory(poster=Poster.objects.first(), extractor=pixels)
    assert "the next embedding run makes them anew" in said("pixels")
    run = lifecycle.start("embed", queue=False)
    assert f"{run} is embedding with pixels" in refused("pixels", "--delete")


def test_the_row_stays_for_the_genre_models_that_read_it(shelf: tuple[Extractor, Extractor]) -> None:
    GenreModelFactory(extractor=shelf[1], state=GenreModel.State.RETIRED)
    assert "models that read it stay in the list (1)" in said("00c0ffee", "--delete")
    assert not shelf[1].embeddings.exists()
    assert Extractor.objects.filter(pk=shelf[1].pk).exists()


def test_a_name_that_several_have_lists_them(shelf: tuple[Extractor, Extractor]) -> None:
    told = refused("postersite", "--delete")
    assert "2 extractors are called postersite" in told
    assert f"{shelf[0].fingerprint} (in use)" in told and "00c0ffee (not in use)" in told
    assert "There is no extractor 'fee'" in refused("fee")


def test_without_a_name_all_are_listed(shelf: tuple[Extractor, Extractor]) -> None:
    assert [line.split()[0] for line in said().splitlines()] == ["in", "not"]
    assert refused("--delete") == "Name the extractor to forget."
    Embedding.objects.all().delete()
    Extractor.objects.all().delete()
    assert said() == "Nothing is embedded yet.\n"
