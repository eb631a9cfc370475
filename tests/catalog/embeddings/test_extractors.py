"""Configured extractors: which are used, which are available, and which one is the default."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from catalog.embeddings import extractors, index_files
from catalog.models import Extractor, GenreModel, Poster
from catalog.runs import lifecycle
from ml import bundled
from tests.factories import EmbeddingFactory, ExtractorFactory, GenreModelFactory, PosterFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def posters() -> list[Poster]:
    return PosterFactory.create_batch(4)


@pytest.fixture
def mobilenet_weights(settings: Any) -> None:
    settings.WEIGHTS_DIR.mkdir(parents=True)
    (settings.WEIGHTS_DIR / "mobilenet_v2_1.0_224_imagenet.weights.h5").write_bytes(b"weights")


def embedded(spec: str, posters: Sequence[Poster]) -> Extractor:
    row = ExtractorFactory(spec=spec, fingerprint=extractors.fingerprint(spec))
    for poster in posters:
        EmbeddingFactory(poster=poster, extractor=row)
    return row


def test_without_a_setting_our_own_convnet_is_configured(mobilenet_weights: None) -> None:
    assert extractors.configured_specs() == ["postersite"]
    assert extractors.available(["postersite"]) == ({"postersite": extractors.fingerprint("postersite")}, [])
    assert extractors.why_no_convnet() == ""


def test_the_setting_replaces_the_default(settings: Any) -> None:
    settings.EXTRACTORS = ["pixels:16x24", "histograms"]
    assert extractors.configured_specs() == ["pixels:16x24", "histograms"]
    assert extractors.why_no_convnet() == ""


def test_an_extractor_without_weights_is_not_available() -> None:
    available, [problem] = extractors.available(["pixels", "mobilenet_v2"])
    assert list(available) == ["pixels"] and "fetch_weights mobilenet_v2" in problem


def test_the_extractor_of_the_active_genre_model_is_required_too(settings: Any) -> None:
    row = ExtractorFactory(spec="histograms", fingerprint=extractors.fingerprint("histograms"))
    GenreModelFactory(state=GenreModel.State.ACTIVE, extractor=row)
    PosterFactory()
    settings.EXTRACTORS = ["pixels"]
    assert extractors.required_specs() == ["pixels", "histograms"]
    assert lifecycle.start("embed", queue=False).params["extractors"] == ["pixels", "histograms"]
    settings.EXTRACTORS = ["histograms"]
    assert extractors.required_specs() == ["histograms"]


def test_an_extractor_that_cannot_be_loaded_any_more_is_not_required(settings: Any) -> None:
    lost = ExtractorFactory(spec="mobilenet_v2", fingerprint="lost")
    GenreModelFactory(state=GenreModel.State.ACTIVE, extractor=lost)
    settings.EXTRACTORS = ["pixels"]
    assert extractors.required_specs() == ["pixels"]


def test_the_default_is_the_first_configured_extractor_with_embeddings(
    settings: Any, posters: list[Poster]
) -> None:
    assert extractors.default_extractor() is None
    settings.EXTRACTORS = ["mobilenet_v2", "retina", "histograms", "pixels"]
    pixels = embedded("pixels", posters)
    assert extractors.default_extractor() == pixels
    histograms = embedded("histograms", posters)
    assert extractors.default_extractor() == histograms


def test_without_a_configured_one_the_extractor_with_most_embeddings_is_the_default(
    settings: Any, posters: list[Poster]
) -> None:
    settings.EXTRACTORS = ["mobilenet_v2"]
    embedded("pixels:16x24", posters[:2])
    most = embedded("pixels", posters)
    assert extractors.default_extractor() == most


def test_a_new_extractor_becomes_the_default_after_half_of_the_posters(
    mobilenet_weights: None, posters: list[Poster]
) -> None:
    histograms = embedded("histograms", posters)
    embedded("pixels", posters)
    assert (extractors.default_extractor(), extractors.why_no_convnet()) == (histograms, "embedding")
    mobilenet = embedded("mobilenet_v2", posters)
    assert (extractors.default_extractor(), extractors.why_no_convnet()) == (mobilenet, "")
    ours = embedded("postersite", posters[:1])
    assert extractors.default_extractor() == mobilenet
    embedded("postersite", posters[1:2])
    assert extractors.default_extractor() == ours


def test_an_earlier_version_of_an_extractor_gives_way_to_the_available_one(posters: list[Poster]) -> None:
    earlier = ExtractorFactory(spec="postersite", fingerprint="earlier weights")
    for poster in posters:
        EmbeddingFactory(poster=poster, extractor=earlier)
    assert extractors.default_extractor() == earlier
    ours = embedded("postersite", posters[:2])
    assert extractors.default_extractor() == ours


@pytest.fixture
def earlier(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, posters: list[Poster]) -> Extractor:
    """The network of an earlier version, by which posters are embedded. Its file is still there."""
    monkeypatch.setattr(bundled, "PREVIOUS", tmp_path)
    (tmp_path / "a.tflite").write_bytes(b"the network of another version")
    (tmp_path / "postersite-0123.tflite").write_bytes(b"an earlier network")
    row = ExtractorFactory(
        spec="postersite", fingerprint=extractors.fingerprint("postersite:postersite-0123.tflite")
    )
    for poster in posters:
        EmbeddingFactory(poster=poster, extractor=row)
    return row


def test_an_earlier_version_is_loaded_by_its_file(earlier: Extractor) -> None:
    assert extractors.is_available(earlier)
    assert extractors.spec_of(earlier) == "postersite:postersite-0123.tflite"
    other = ExtractorFactory(spec="postersite", fingerprint="lost")
    assert not extractors.is_available(other)
    assert extractors.spec_of(embedded("histograms", [])) == "histograms"


def test_an_earlier_version_is_required_while_it_serves_or_the_active_model_reads_it(
    earlier: Extractor, posters: list[Poster]
) -> None:
    both = ["postersite", "postersite:postersite-0123.tflite"]
    assert extractors.required_specs() == both
    embedded("postersite", posters)
    assert extractors.required_specs() == ["postersite"]
    GenreModelFactory(state=GenreModel.State.ACTIVE, extractor=earlier)
    assert extractors.required_specs() == both


def test_look_alikes_change_to_another_extractor_when_it_has_an_index(
    posters: list[Poster], settings: Any
) -> None:
    histograms = embedded("histograms", posters)
    index_files.build_stale()
    ours = embedded("postersite", posters)
    assert extractors.default_extractor() == histograms
    index_files.build_stale()
    assert extractors.default_extractor() == ours


def test_a_configured_convnet_lacks_weights_or_embeddings(settings: Any, posters: list[Poster]) -> None:
    settings.EXTRACTORS = ["mobilenet_v2", "histograms"]
    assert extractors.why_no_convnet() == ""  # nothing is embedded yet
    embedded("histograms", posters)
    assert extractors.why_no_convnet() == "weights"


def test_an_extractor_stays_loaded() -> None:
    assert extractors.load("pixels") is extractors.load(extractors.resolve("pixels"))
