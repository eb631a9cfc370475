"""`manage.py forget_extractor`: shows what would be deleted, deletes it, and refuses an extractor in use."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from catalog.embeddings import deletion, extractors, index_files
from catalog.models import Embedding, Extractor, GenreModel, Poster
from catalog.runs import lifecycle
from tests.factories import EmbeddingFactory, ExtractorFactory, GenreModelFactory, PosterFactory

pytestmark = pytest.mark.django_db


def output(*arguments: str) -> str:
    out = io.StringIO()
    call_command("forget_extractor", *arguments, stdout=out)
    return out.getvalue()


def refused(*arguments: str) -> str:
    with pytest.raises(CommandError) as error:
        output(*arguments)
    return str(error.value)


@pytest.fixture
def both() -> tuple[Extractor, Extractor]:
    """Posters embedded by our own ConvNet, the default, and by an earlier version of it."""
    now = ExtractorFactory(spec="postersite", fingerprint=extractors.fingerprint("postersite"), dims=4)
    earlier = ExtractorFactory(spec="postersite", fingerprint="postersite-224-gap-00c0ffee", dims=4)
    for _ in range(3):
        poster = PosterFactory()
        EmbeddingFactory(poster=poster, extractor=now)
        EmbeddingFactory(poster=poster, extractor=earlier)
    return now, earlier


def test_without_delete_it_says_what_would_go_and_leaves_it(both: tuple[Extractor, Extractor]) -> None:
    out = output("00c0ffee")
    assert "Would be deleted: postersite-224-gap-00c0ffee: 3 vectors (24 bytes)" in out
    assert "Nothing was deleted." in out
    assert Embedding.objects.count() == 6


def test_vectors_index_export_and_row_go_and_nothing_else(
    both: tuple[Extractor, Extractor], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletion, "ROWS_PER_DELETE", 2)
    now, earlier = both
    index_files.build_stale()
    index, kept = (Path(settings.INDEX_DIR) / str(each.pk) for each in (earlier, now))
    export = Path(settings.EXPORTS_DIR) / f"{earlier.fingerprint}.tflite"
    export.parent.mkdir(parents=True)
    export.write_bytes(b"exported")
    assert "Deleted: " in output(earlier.fingerprint, "--delete")
    assert not index.exists() and not export.exists() and kept.is_dir()
    assert list(Extractor.objects.all()) == [now]
    assert Embedding.objects.filter(extractor=now).count() == Embedding.objects.count() == 3


def test_the_one_that_look_alikes_come_from_is_refused(both: tuple[Extractor, Extractor]) -> None:
    assert "Look-alikes come from postersite" in refused(both[0].fingerprint, "--delete")
    assert "Look-alikes come from postersite" in refused(both[0].fingerprint)
    assert Embedding.objects.count() == 6


def test_the_one_that_the_genre_model_in_use_reads_is_refused(both: tuple[Extractor, Extractor]) -> None:
    GenreModelFactory(version=9, extractor=both[1], state=GenreModel.State.ACTIVE)
    assert "The active genre model 9 uses" in refused("00c0ffee", "--delete")


def test_one_that_a_run_is_embedding_with_is_refused(
    both: tuple[Extractor, Extractor], settings: Any
) -> None:
    settings.EXTRACTORS = ["postersite", "pixels"]
    pixels = ExtractorFactory(fingerprint=extractors.fingerprint("pixels"))
    EmbeddingFactory(poster=Poster.objects.first(), extractor=pixels)
    assert "the next embedding run" in output("pixels")
    run = lifecycle.start("embed", queue=False)
    assert f"{run} is embedding with pixels" in refused("pixels", "--delete")


def test_the_row_stays_for_the_genre_models_that_read_it(both: tuple[Extractor, Extractor]) -> None:
    GenreModelFactory(extractor=both[1], state=GenreModel.State.RETIRED)
    assert "1 genre models that use it stay" in output("00c0ffee", "--delete")
    assert not both[1].embeddings.exists()
    assert Extractor.objects.filter(pk=both[1].pk).exists()


def test_a_name_that_several_have_lists_them(both: tuple[Extractor, Extractor]) -> None:
    message = refused("postersite", "--delete")
    assert "2 extractors match postersite" in message
    assert f"{both[0].fingerprint} (in use)" in message and "00c0ffee (not in use)" in message
    assert "There is no extractor 'fee'" in refused("fee")


def test_without_a_name_all_are_listed(both: tuple[Extractor, Extractor]) -> None:
    assert [line.split()[0] for line in output().splitlines()] == ["in", "not"]
    assert refused("--delete")
    Embedding.objects.all().delete()
    Extractor.objects.all().delete()
    assert output() == "Nothing is embedded yet.\n"
