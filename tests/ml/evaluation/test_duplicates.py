"""Searching the originals of altered copies: by hash, by features, by both, beside a slow reference."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from ml.evaluation.duplicates import (
    ALTERATIONS,
    EVERYDAY,
    Copies,
    altered_copies,
    duplicate_differences,
    duplicate_figures,
    find_originals,
    make_copies,
    vectors_of_copies,
)
from ml.evaluation.errors import EvaluationError
from ml.evaluation.vectors import Vectors, vectors_of
from ml.grouping import PosterRelations, group_numbers
from ml.imaging.images import ImageRejected, perceptual_hash
from ml.labelled_set.listing import LabelledPoster
from ml.labelled_set.pictures import read_pictures
from tests.ml.imaging.drawings import drawing, encoded
from tests.ml.labelled_set.made_sets import folders, no_bar


def drawn(folder, count: int = 6) -> tuple[list[LabelledPoster], PosterRelations]:
    posters = []
    for number in range(count):
        path = folder / f"{number}.png"
        path.write_bytes(encoded(drawing(number, (80, 120)), "PNG"))
        posters.append(LabelledPoster(number + 2, path.name, path, ("Drama",)))
    hashes = read_pictures(posters, folder / "cache", lambda done: None).hashes
    nobody = group_numbers([""] * count)
    return posters, PosterRelations(hashes, nobody, nobody)


def vectors(values, fingerprint="made") -> Vectors:
    return Vectors("pixels", fingerprint, "float32", np.asarray(values, np.float32), {})


def test_copies_are_what_they_say():
    original = drawing(3, (200, 300))
    found = [Image.open(io.BytesIO(each)) for each in altered_copies(encoded(original, "PNG"))]
    by_name = dict(zip(ALTERATIONS, found, strict=True))
    assert by_name["resize"].size == (120, 180)
    assert by_name["crop_5"].size == (180, 270)
    assert by_name["crop_10"].size == (160, 240)
    assert by_name["border"].size == (220, 320)
    grey = np.asarray(by_name["grey"]).astype(int)
    assert np.ptp(grey, axis=2).max() <= 2
    mirrored = np.asarray(by_name["mirror"]).astype(float)[:, ::-1]
    assert np.abs(mirrored - np.asarray(original)).mean() < 6
    sizes = [len(each) for each in altered_copies(encoded(original, "PNG"))]
    assert sizes[list(ALTERATIONS).index("jpeg")] < sizes[list(ALTERATIONS).index("mirror")]
    assert set(EVERYDAY) < set(ALTERATIONS)
    with pytest.raises(ImageRejected):
        altered_copies(b"nothing")


def test_only_posters_without_a_near_duplicate_are_altered(tmp_path):
    posters, relations = drawn(tmp_path)
    (tmp_path / "0.png").write_bytes(encoded(drawing(1, (80, 120)), "PNG"))
    twins = PosterRelations(relations.hashes.copy(), relations.movie, relations.series)
    twins.hashes[0] = twins.hashes[1]
    found = make_copies(posters, twins, 10, 0, folders(tmp_path), no_bar)
    assert found.rows.tolist() == [2, 3, 4, 5]
    some, again = (make_copies(posters, relations, 3, 5, folders(tmp_path), no_bar) for _ in range(2))
    assert some.rows.tolist() == again.rows.tolist() and len(some.rows) == 3


def test_hashes_are_those_of_the_copy_and_of_its_mirror_image(tmp_path):
    posters, relations = drawn(tmp_path, 2)
    found = make_copies(posters, relations, 2, 0, folders(tmp_path), no_bar)
    for number, row in enumerate(found.rows):
        for alteration, data in enumerate(altered_copies(posters[row].path.read_bytes())):
            picture = Image.open(io.BytesIO(data)).convert("RGB")
            mirror = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            assert found.hashes[number, alteration] == int(perceptual_hash(picture), 16)
            assert found.mirrored[number, alteration] == int(perceptual_hash(mirror), 16)


def test_posters_too_small_to_be_altered_are_left_out(tmp_path):
    posters, relations = drawn(tmp_path, 3)
    posters[1].path.write_bytes(encoded(drawing(1, (17, 20)), "PNG"))
    found = make_copies(posters, relations, 3, 0, folders(tmp_path), no_bar)
    assert found.rows.tolist() == [0, 2]
    alone = PosterRelations(relations.hashes[1:2], relations.movie[:1], relations.series[:1])
    with pytest.raises(EvaluationError, match="--duplicates"):
        make_copies(posters[1:2], alone, 3, 0, folders(tmp_path), no_bar)


def test_agrees_with_a_slow_reference_on_random_hashes_and_vectors():
    random = np.random.default_rng(1)
    count, altered, alterations = 40, 12, len(ALTERATIONS)
    # Few bits differ, so that hashes tie and fall on both sides of six bits.
    hashes = random.integers(0, 2**63, count, dtype=np.uint64) & np.uint64(0x3FFF)
    values = random.normal(size=(count, 5)).astype(np.float32)
    rows = np.sort(random.permutation(count)[:altered])
    noise = random.integers(0, 2**14, (2, altered, alterations), dtype=np.uint64)
    copies = Copies(rows, hashes[rows][:, None] ^ noise[0], hashes[rows][:, None] ^ noise[1])
    embedded = values[rows][:, None] + random.normal(0, 1.2, (altered, alterations, 5)).astype(np.float32)
    embedded[0, 0] = np.nan
    found = find_originals(copies, hashes, vectors(values), "cosine", embedded)

    for number, row in enumerate(rows):
        for alteration in range(alterations):
            bits = [int(copies.hashes[number, alteration] ^ each).bit_count() for each in hashes]
            mirror = [int(copies.mirrored[number, alteration] ^ each).bit_count() for each in hashes]
            either = [min(pair) for pair in zip(bits, mirror, strict=True)]
            vector = embedded[number, alteration].astype(float)
            lengths = np.linalg.norm(values.astype(float), axis=1) * np.linalg.norm(vector)
            far = 1 - values.astype(float) @ vector / lengths
            missing = bool(np.isnan(vector).any())
            by_features = -1 if missing else int(np.argmin(far))
            near = [other for other in range(count) if either[other] == min(either)]
            if min(either) > 6:
                by_both = by_features
            else:
                by_both = near[0] if missing else min(near, key=lambda other: far[other])
            wanted = [int(np.argmin(bits)) == row, by_features == row, by_both == row]
            assert found[number, alteration].tolist() == wanted
    assert 0 < found.mean() < 1


def test_both_ways_find_what_either_alone_misses(tmp_path):
    posters, relations = drawn(tmp_path)
    originals = vectors_of("pixels", posters, "float16", folders(tmp_path), lambda done: None)
    copies = make_copies(posters, relations, 6, 0, folders(tmp_path), no_bar)
    embedded = vectors_of_copies(copies, posters, originals, folders(tmp_path), no_bar)
    assert embedded.shape == (6, len(ALTERATIONS), originals.values.shape[1])
    found = duplicate_figures(
        find_originals(copies, relations.hashes, originals, "euclidean", embedded), 6, resamples=20, seed=0
    )
    for name in ("resize", "jpeg", "grey", "mirror"):
        assert found["alterations"][name]["both"]["value"] == 1, name
    assert found["alterations"]["mirror"]["hash"]["value"] < 1
    again = vectors_of_copies(copies, posters, originals, folders(tmp_path), no_bar)
    assert (again == embedded).all()


def test_figures_are_means_and_differences_are_paired():
    hits = np.zeros((4, len(ALTERATIONS), 3), bool)
    everyday = [list(ALTERATIONS).index(name) for name in EVERYDAY]
    hits[:, everyday[0], 2] = [True, True, True, False]
    found = duplicate_figures(hits, 9, resamples=30, seed=0)
    assert found["alterations"][EVERYDAY[0]]["both"]["value"] == 0.75
    assert found["everyday"]["both"]["value"] == pytest.approx(0.75 / 5)
    assert found["everyday"]["hash"] == {"value": 0, "low": 0, "high": 0}
    assert (found["n"], found["among"]) == (4, 9)
    differences = duplicate_differences(hits, hits, resamples=30, seed=0)
    assert differences["alterations"][EVERYDAY[0]]["both"] == {"value": 0, "low": 0, "high": 0}
    assert set(differences["everyday"]) == {"features", "both"}
