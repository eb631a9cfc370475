"""Spec strings name extractors, and fingerprints change with everything that changes the vectors."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ml.extractors.registry
from ml.extractors.registry import BACKBONES, STANDARD, UnknownExtractor, parse_spec

DIGEST = "ab" * 32


@pytest.mark.parametrize(
    ("text", "layer", "pooling", "size"),
    [
        ("pixels", "", "flatten", (48, 32)),
        ("pixels:64x96", "", "flatten", (96, 64)),
        ("pixels:64x96:nearest", "", "flatten", (96, 64)),
        ("pixels:nearest", "", "flatten", (48, 32)),
        ("histograms", "", "flatten", (144, 96)),
        ("mobilenet_v2", "out_relu", "avg", (224, 224)),
        ("mobilenet_v2:flatten", "out_relu", "flatten", (224, 224)),
        ("mobilenet_v2:block_3_add:avg", "block_3_add", "avg", (224, 224)),
        ("mobilenet_v2:block_3_add:flatten:nearest", "block_3_add", "flatten", (224, 224)),
        ("inception_v3", "", "avg", (299, 299)),
        ("inception_v3:flatten", "", "flatten", (299, 299)),
        ("inception_v3:mixed8:avg", "mixed8", "avg", (299, 299)),
        ("inception_v3:mixed5:flatten", "mixed5", "flatten", (299, 299)),
        ("tfhub:https://tfhub.dev/google/x/5", "", "avg", (224, 224)),
        ("postersite", "", "avg", (288, 192)),
        ("postersite:models/mine.tflite", "", "avg", (288, 192)),
    ],
)
def test_a_spec_is_read_and_keeps_its_shortest_name(text, layer, pooling, size):
    spec = parse_spec(text)
    assert (spec.layer, spec.pooling, spec.size) == (layer, pooling, size)
    assert spec.resize == ("nearest" if "nearest" in text else "bilinear")
    assert spec.name == text


@pytest.mark.parametrize(
    ("text", "shortest"),
    [
        ("mobilenet_v2:", "mobilenet_v2"),
        ("inception_v3:mixed8", "inception_v3:mixed8:avg"),
        ("inception_v3:top", "inception_v3:mixed10:avg"),
    ],
)
def test_another_name_of_the_same_spec(text, shortest):
    assert parse_spec(text) == parse_spec(shortest)
    assert parse_spec(text).name == shortest


@pytest.mark.parametrize(
    ("backbone", "settings"),
    [
        ("pixels", ["mixed8", "0x4", "9999x9999", "avg"]),
        ("mobilenet_v2", ["a:b", "../../etc"]),
        ("inception_v3", ["mixed8:max"]),
        ("tfhub", [""]),
        ("postersite", [""]),
    ],
)
def test_a_setting_that_a_backbone_does_not_have_is_refused(backbone, settings):
    for setting in settings:
        with pytest.raises(UnknownExtractor, match=backbone):
            parse_spec(f"{backbone}:{setting}")


@pytest.mark.parametrize("text", ["", "resnet50", "Pixels"])
def test_an_unknown_backbone_is_refused_with_the_choices(text):
    with pytest.raises(UnknownExtractor, match=r"pixels.*tfhub"):
        parse_spec(text)


@given(
    st.text(max_size=40)
    | st.text("pixelsmobnt_v23:x0189avg", max_size=40)
    | st.text(max_size=20).map("postersite:".__add__)
)
def test_any_text_is_a_spec_or_unknown(text):
    try:
        spec = parse_spec(text)
    except UnknownExtractor:
        return
    assert parse_spec(spec.name) == spec


def test_fingerprints_are_readable_and_end_in_twelve_hexadecimal_characters():
    for text, start in [
        ("mobilenet_v2", "mobilenet_v2-224-gap-bilinear-f32-"),
        ("inception_v3:mixed5:flatten", "inception_v3-299-mixed5-flat-bilinear-f32-"),
        ("pixels:64x96:nearest", "pixels-64x96-flat-nearest-f32-"),
        ("postersite", "postersite-192x288-gap-bilinear-f16-"),
    ]:
        spec = parse_spec(text)
        found = spec.fingerprint(DIGEST if BACKBONES[spec.backbone].has_weights else "")
        assert re.fullmatch(re.escape(start) + "[0-9a-f]{12}", found)
        assert re.fullmatch(r"[A-Za-z0-9_.-]+", found)


def test_everything_that_changes_the_numbers_changes_the_fingerprint(monkeypatch):
    spec = parse_spec("mobilenet_v2")
    variants = [
        replace(spec, layer="block_3_add"),
        replace(spec, pooling="flatten"),
        replace(spec, resize="nearest"),
        replace(spec, scaling="unit"),
        replace(spec, precision="f16"),
        replace(spec, size=(192, 192)),
    ]
    found = [each.fingerprint(DIGEST)[-12:] for each in (spec, *variants)]
    found.append(spec.fingerprint("cd" * 32)[-12:])
    monkeypatch.setattr(ml.extractors.registry, "DECODER", "another")
    found.append(spec.fingerprint(DIGEST)[-12:])
    monkeypatch.undo()
    monkeypatch.setitem(BACKBONES, "mobilenet_v2", replace(BACKBONES["mobilenet_v2"], revision=2))
    found.append(spec.fingerprint(DIGEST)[-12:])
    assert len(set(found)) == len(found)


def test_a_fingerprint_is_the_same_on_every_run_and_wherever_a_model_lies():
    assert parse_spec("pixels").fingerprint() == "pixels-32x48-flat-bilinear-f32-26baaac210be"
    here, there = parse_spec("tfhub:/models/a"), parse_spec("tfhub:/elsewhere/b")
    assert here.fingerprint(DIGEST) == there.fingerprint(DIGEST)
    own, copied = parse_spec("postersite"), parse_spec("postersite:elsewhere/copy.tflite")
    assert own.fingerprint(DIGEST) == copied.fingerprint(DIGEST)


@pytest.mark.parametrize(
    ("text", "digest"),
    [("mobilenet_v2", ""), ("postersite", ""), ("pixels", DIGEST), ("inception_v3", DIGEST)],
)
def test_a_fingerprint_needs_the_digest_and_the_layer_that_it_depends_on(text, digest):
    with pytest.raises(ValueError, match=text):
        parse_spec(text).fingerprint(digest)


def test_every_standard_extractor_is_in_the_registry():
    assert [parse_spec(name).name for name in STANDARD] == list(STANDARD)
    assert all(facts.summary and min(facts.size) >= 8 for facts in BACKBONES.values())
