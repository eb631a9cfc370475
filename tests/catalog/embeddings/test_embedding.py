"""Embedding posters: the rows that result, what is left out, and the sentence for what cannot be had."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import time_machine
from django.db.models.signals import post_save
from django.utils import timezone

from catalog.embeddings import embedding
from catalog.models import Embedding, Extractor, GenreModel, Poster, Run
from catalog.posters.primary import store_poster
from catalog.runs import leases, lifecycle
from catalog.similarity import search
from ml.extractors.runtime import load_extractor
from tests.factories import GenreModelFactory, MovieFactory, RunFactory, tiny_jpeg

pytestmark = pytest.mark.django_db


def posters(count: int) -> list[Poster]:
    return [store_poster(MovieFactory(), tiny_jpeg(n), source="upload") for n in range(count)]


def worked_off(run: Run) -> Run:
    while leases.process_batch(run.pk, embedding.embed_items):
        pass
    lifecycle.settle(run.pk)
    run.refresh_from_db()
    return run


def test_every_poster_gets_a_vector_of_each_extractor(settings: Any) -> None:
    settings.EXTRACTORS = ["postersite", "pixels"]
    made = posters(3)
    run = worked_off(lifecycle.start("embed", queue=False))
    assert (run.state, run.done, run.failed) == (Run.State.DONE, 3, 0)
    assert {(e.poster_id, e.extractor.spec) for e in Embedding.objects.select_related("extractor")} == {
        (poster.pk, spec) for poster in made for spec in ("postersite", "pixels")
    }


def test_rows_are_little_endian_float16_of_what_the_extractor_says(tmp_path: Path) -> None:
    [poster] = posters(1)
    embedding.embed([poster], "pixels")
    row = Embedding.objects.get()
    extractor = load_extractor("pixels", weights_dir=None, cache_dir=tmp_path)
    expected = extractor.embed_image(poster.file.path)
    assert (row.extractor.fingerprint, row.extractor.dims) == (extractor.fingerprint, len(expected))
    assert bytes(row.vector) == expected.astype("<f2").tobytes()
    assert np.abs(row.as_array() - expected).max() <= 2**-11


def test_embedding_again_changes_nothing() -> None:
    posters(2)
    worked_off(lifecycle.start("embed", queue=False))
    before = list(Embedding.objects.order_by("pk").values("pk", "vector", "created_at"))
    again = lifecycle.start("embed", queue=False)
    assert again.message == "Nothing to do: every poster is embedded."
    assert embedding.embed(list(Poster.objects.all()), "postersite") == {}
    assert list(Embedding.objects.order_by("pk").values("pk", "vector", "created_at")) == before


@pytest.mark.parametrize("content", [b"", b"<html>", tiny_jpeg(1)[:400]])
def test_one_bad_file_fails_only_its_item(content: bytes) -> None:
    good, bad, also_good = posters(3)
    Path(bad.file.path).write_bytes(content)
    run = worked_off(lifecycle.start("embed", queue=False))
    assert (run.state, run.done, run.failed) == (Run.State.DONE, 2, 1)
    item = run.items.get(state="failed")
    assert item.poster == bad
    assert str(bad.movie) in item.error
    assert set(Embedding.objects.values_list("poster", flat=True)) == {good.pk, also_good.pk}


def test_a_missing_file_says_which_and_what_to_do() -> None:
    [poster] = posters(1)
    Path(poster.file.path).unlink()
    run = worked_off(lifecycle.start("embed", queue=False))
    assert run.state == Run.State.FAILED
    error = run.items.get().error
    assert str(poster.file.name) in error
    assert "cannot be read" in error and "Fetch it again" in error


def test_missing_weights_fail_the_items_with_where_they_belong_and_how_to_fetch_them() -> None:
    made = posters(2)
    run = lifecycle.start("embed", queue=False)
    # They were there when the run was started.
    Run.objects.filter(pk=run.pk).update(params={"extractors": ["pixels", "mobilenet_v2"]})
    run = worked_off(run)
    assert run.failed == 2
    assert all("fetch_weights mobilenet_v2" in item.error for item in run.items.all())
    assert Embedding.objects.count() == len(made)


@pytest.mark.parametrize("values", [[np.nan], [np.inf], [1.0, 65520.0]])
def test_a_vector_that_float16_cannot_hold_is_refused(values: list[float]) -> None:
    with pytest.raises(embedding.UnusableVector):
        embedding.packed(np.array(values, dtype=np.float32))


def test_posters_of_other_fingerprints_are_embedded_anew() -> None:
    [poster] = posters(1)
    Extractor.objects.create(spec="pixels", fingerprint="pixels of an earlier decoder", dims=4608)
    assert embedding.lacking(Poster.objects.all(), ["pixels"]).get() == poster


def test_pixel_vectors_of_an_earlier_version_stay_in_use_and_are_not_added_to() -> None:
    [old] = posters(1)
    embedding.embed([old], "pixels")
    [new] = [store_poster(MovieFactory(), tiny_jpeg(7), source="upload")]
    worked_off(lifecycle.start("embed", queue=False))
    assert [str(each) for each in search.extractors_in_use()] == ["postersite", "pixels"]
    assert list(new.embeddings.values_list("extractor__spec", flat=True)) == ["postersite"]
    assert old.embeddings.count() == 2


def weights_of_mobilenet(settings: Any) -> None:
    settings.WEIGHTS_DIR.mkdir(parents=True)
    (settings.WEIGHTS_DIR / "mobilenet_v2_1.0_224_imagenet.weights.h5").write_bytes(b"weights")


def test_by_default_a_site_embeds_with_our_own_convnet_alone(settings: Any) -> None:
    assert embedding.wanted_specs() == ["postersite"]
    weights_of_mobilenet(settings)
    assert embedding.wanted_specs() == ["postersite"]
    assert embedding.usable(embedding.wanted_specs()) == (["postersite"], [])
    assert embedding.why_no_convnet() == ""


def test_a_named_convnet_without_weights_or_embeddings_leaves_colour_and_shape(settings: Any) -> None:
    settings.EXTRACTORS = ["mobilenet_v2", "histograms"]
    assert embedding.why_no_convnet() == ""  # nothing is seen at all yet
    embedding.embed(posters(2), "histograms")
    assert embedding.why_no_convnet() == "weights"
    weights_of_mobilenet(settings)
    assert embedding.why_no_convnet() == "embedding"
    seen_by(settings.EXTRACTORS[0])
    assert embedding.why_no_convnet() == ""


def seen_by(spec: str) -> Extractor:
    extractor = Extractor.objects.create(spec=spec, fingerprint=embedding.fingerprint(spec), dims=1)
    for poster in Poster.objects.all():
        Embedding.objects.create(poster=poster, extractor=extractor, vector=b"\0\0")
    return extractor


def test_after_an_upgrade_the_forerunner_answers_until_our_own_has_done_its_share(settings: Any) -> None:
    made = posters(4)
    embedding.embed(made, "histograms")
    embedding.embed(made, "pixels")
    assert (str(embedding.default_extractor()), embedding.why_no_convnet()) == ("histograms", "embedding")
    weights_of_mobilenet(settings)
    seen_by("mobilenet_v2")
    assert (str(embedding.default_extractor()), embedding.why_no_convnet()) == ("mobilenet_v2", "")
    embedding.embed(made[:1], "postersite")
    assert str(embedding.default_extractor()) == "mobilenet_v2"
    embedding.embed(made[:2], "postersite")
    assert str(embedding.default_extractor()) == "postersite"


def test_of_two_of_one_name_the_one_that_can_be_made_here_answers() -> None:
    made = posters(2)
    earlier = Extractor.objects.create(spec="postersite", fingerprint="of earlier weights", dims=1)
    for poster in made:
        Embedding.objects.create(poster=poster, extractor=earlier, vector=b"\0\0")
    assert embedding.default_extractor() == earlier
    embedding.embed(made[:1], "postersite")
    now = embedding.default_extractor()
    assert now is not None and now.fingerprint == embedding.fingerprint("postersite")


def test_what_the_operator_named_is_what_is_wanted(settings: Any) -> None:
    settings.EXTRACTORS = ["pixels:16x24", "histograms"]
    assert embedding.wanted_specs() == ["pixels:16x24", "histograms"]
    assert embedding.why_no_convnet() == ""


def test_what_the_active_model_reads_is_embedded_too(settings: Any) -> None:
    [poster] = posters(1)
    embedding.embed([poster], "histograms")
    GenreModelFactory(state=GenreModel.State.ACTIVE, extractor=Extractor.objects.get())
    settings.EXTRACTORS = ["pixels"]
    assert embedding.specs_to_embed_with() == ["pixels", "histograms"]
    assert lifecycle.start("embed", queue=False).params["extractors"] == ["pixels", "histograms"]
    settings.EXTRACTORS = ["histograms"]
    assert embedding.specs_to_embed_with() == ["histograms"]


def test_vectors_that_can_be_made_no_more_are_not_asked_for(settings: Any) -> None:
    of_lost_weights = Extractor.objects.create(spec="mobilenet_v2", fingerprint="lost", dims=1280)
    GenreModelFactory(state=GenreModel.State.ACTIVE, extractor=of_lost_weights)
    settings.EXTRACTORS = ["pixels"]
    assert embedding.specs_to_embed_with() == ["pixels"]


def test_the_default_is_the_first_wanted_extractor_that_has_embedded_something(settings: Any) -> None:
    assert embedding.default_extractor() is None
    [poster] = posters(1)
    embedding.embed([poster], "pixels")
    settings.EXTRACTORS = ["mobilenet_v2", "retina", "histograms", "pixels"]
    found = embedding.default_extractor()
    assert found is not None and found.spec == "pixels"
    embedding.embed([poster], "histograms")
    found = embedding.default_extractor()
    assert found is not None and found.spec == "histograms"


def test_without_a_wanted_one_the_extractor_that_knows_most_answers(settings: Any) -> None:
    made = posters(2)
    embedding.embed(made[:1], "pixels:16x24")
    embedding.embed(made, "pixels")
    settings.EXTRACTORS = ["mobilenet_v2"]
    assert str(embedding.default_extractor()) == "pixels"


def test_the_claim_is_renewed_before_each_extractor(settings: Any) -> None:
    """An export takes half a minute or more: those of several extractors together must not cost the claim."""
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


def test_a_run_that_stands_still_for_an_export_says_so(settings: Any) -> None:
    weights_of_mobilenet(settings)
    run = RunFactory(kind="embed", message="One extractor was left out.")
    with embedding._said_while_exporting(run, "mobilenet_v2"):
        run.refresh_from_db()
        assert run.message.startswith("Getting mobilenet_v2 ready")
    run.refresh_from_db()
    assert run.message == "One extractor was left out."
    settings.EXPORTS_DIR.mkdir(parents=True)
    (settings.EXPORTS_DIR / f"{embedding.fingerprint('mobilenet_v2')}.tflite").write_bytes(b"")
    with embedding._said_while_exporting(run, "mobilenet_v2"):
        run.refresh_from_db()
        assert run.message == "One extractor was left out."
