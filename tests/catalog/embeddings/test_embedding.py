"""Embedding posters: the stored vectors, and errors that concern one poster or one extractor."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import time_machine
from django.db.models.signals import post_save
from django.utils import timezone

from catalog.embeddings import embedding, extractors
from catalog.models import Embedding, Extractor, Poster, Run
from catalog.posters.primary import store_poster
from catalog.runs import leases, lifecycle
from catalog.runs.local_worker import process_run
from catalog.similarity import search
from ml.extractors.runtime import load_extractor
from tests.factories import MovieFactory, RunFactory, tiny_jpeg

pytestmark = pytest.mark.django_db


def posters(count: int) -> list[Poster]:
    return [store_poster(MovieFactory(), tiny_jpeg(n), source="upload") for n in range(count)]


def test_every_poster_gets_a_vector_of_each_extractor(settings: Any) -> None:
    settings.EXTRACTORS = ["postersite", "pixels"]
    made = posters(3)
    run = process_run(lifecycle.start("embed", queue=False))
    assert (run.state, run.done, run.failed) == (Run.State.DONE, 3, 0)
    assert {(e.poster_id, e.extractor.spec) for e in Embedding.objects.select_related("extractor")} == {
        (poster.pk, spec) for poster in made for spec in ("postersite", "pixels")
    }


def test_vectors_are_stored_as_little_endian_float16(tmp_path: Path) -> None:
    [poster] = posters(1)
    embedding.embed([poster], extractors.load("pixels"))
    row = Embedding.objects.get()
    extractor = load_extractor("pixels", weights_dir=None, cache_dir=tmp_path)
    expected = extractor.embed_image(poster.file.path)
    assert (row.extractor.fingerprint, row.extractor.dims) == (extractor.fingerprint, len(expected))
    assert bytes(row.vector) == expected.astype("<f2").tobytes()
    assert np.abs(row.as_array() - expected).max() <= 2**-11


def test_embedding_again_changes_nothing() -> None:
    posters(2)
    process_run(lifecycle.start("embed", queue=False))
    before = list(Embedding.objects.order_by("pk").values("pk", "vector", "created_at"))
    again = lifecycle.start("embed", queue=False)
    assert again.message == "Nothing to do: every poster is embedded."
    assert embedding.embed(list(Poster.objects.all()), extractors.load("postersite")) == {}
    assert list(Embedding.objects.order_by("pk").values("pk", "vector", "created_at")) == before


@pytest.mark.parametrize("content", [b"", b"<html>", tiny_jpeg(1)[:400]])
def test_one_bad_file_fails_only_its_item(content: bytes) -> None:
    good, bad, also_good = posters(3)
    Path(bad.file.path).write_bytes(content)
    run = process_run(lifecycle.start("embed", queue=False))
    assert (run.state, run.done, run.failed) == (Run.State.DONE, 2, 1)
    item = run.items.get(state="failed")
    assert item.poster == bad
    assert str(bad.movie) in item.error
    assert set(Embedding.objects.values_list("poster", flat=True)) == {good.pk, also_good.pk}


def test_a_missing_file_is_named() -> None:
    [poster] = posters(1)
    Path(poster.file.path).unlink()
    run = process_run(lifecycle.start("embed", queue=False))
    assert run.state == Run.State.FAILED
    error = run.items.get().error
    assert str(poster.file.name) in error and "Fetch it again" in error


def test_missing_weights_fail_the_items() -> None:
    made = posters(2)
    run = lifecycle.start("embed", queue=False)
    # They were there when the run was started.
    run.params["extractors"] = ["pixels", "mobilenet_v2"]
    run = process_run(run)
    assert run.failed == 2
    assert all("fetch_weights mobilenet_v2" in item.error for item in run.items.all())
    assert Embedding.objects.count() == len(made)


@pytest.mark.parametrize("values", [[np.nan], [np.inf], [1.0, 65520.0]])
def test_a_vector_that_float16_cannot_hold_is_refused(values: list[float]) -> None:
    with pytest.raises(embedding.UnusableVector):
        embedding.pack(np.array(values, dtype=np.float32))


def test_posters_of_other_fingerprints_are_embedded_anew() -> None:
    [poster] = posters(1)
    Extractor.objects.create(spec="pixels", fingerprint="pixels of an earlier decoder", dims=4608)
    assert embedding.not_embedded(Poster.objects.all(), [extractors.fingerprint("pixels")]).get() == poster


def test_vectors_of_an_extractor_that_is_not_configured_stay_and_none_are_added() -> None:
    [old] = posters(1)
    embedding.embed([old], extractors.load("pixels"))
    [new] = [store_poster(MovieFactory(), tiny_jpeg(7), source="upload")]
    process_run(lifecycle.start("embed", queue=False))
    assert [str(each) for each in search.extractors_in_use()] == ["postersite", "pixels"]
    assert list(new.embeddings.values_list("extractor__spec", flat=True)) == ["postersite"]
    assert old.embeddings.count() == 2


def test_the_lease_is_renewed_before_each_extractor(settings: Any) -> None:
    """An export takes half a minute or more; several together outlast the lease."""
    posters(2)
    run = lifecycle.start("embed", queue=False)
    lease = timedelta(seconds=settings.CLAIM_LEASE_S)
    with time_machine.travel(timezone.now(), tick=False) as clock:

        def slowly(sender: Any, created: bool, **_: Any) -> None:
            if created:
                clock.shift(lease * 0.7)
                assert leases.release_expired(run.pk) == 0

        post_save.connect(slowly, sender=Extractor)
        try:
            leases.process_batch(run.pk, embedding.embed_items)
        finally:
            post_save.disconnect(slowly, sender=Extractor)
    assert list(run.items.values_list("state", "attempts")) == [("done", 1)] * 2


def test_a_run_says_that_an_extractor_is_being_exported(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.WEIGHTS_DIR.mkdir(parents=True)
    (settings.WEIGHTS_DIR / "mobilenet_v2_1.0_224_imagenet.weights.h5").write_bytes(b"weights")
    run = RunFactory(kind="embed", message="One extractor was left out.")
    messages: list[str] = []

    def load(resolved: object) -> None:
        messages.append(Run.objects.get(pk=run.pk).message)

    monkeypatch.setattr(extractors, "load", load)
    embedding._load("mobilenet_v2", run)
    exported = extractors.exported_file(extractors.fingerprint("mobilenet_v2"))
    exported.parent.mkdir(parents=True)
    exported.touch()
    embedding._load("mobilenet_v2", run)
    assert messages[0].startswith("Preparing mobilenet_v2")
    assert messages[1] == "One extractor was left out."
