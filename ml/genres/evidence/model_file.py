"""Files of genre models: weights in an .npz, everything else and a digest in a .json of the same name.

Format 1 is a head over posters alone (`ml.genres.head_file`), format 2 a model over several parts. Both are
untrusted: sizes, shapes, types and numbers are checked before use.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ml.files import write_bytes, write_json
from ml.genres.evidence.films import PARTS
from ml.genres.evidence.fusion import TOP, Balance, Fusion, combinations_of
from ml.genres.evidence.model import Combination, EvidenceModel, Thresholds
from ml.genres.evidence.text import NEWEST, TextModel
from ml.genres.evidence.year import KNOTS, YearModel
from ml.genres.head import GenreHead, LinearWeights
from ml.genres.head_file import (
    AGAIN,
    FORMAT_VERSION,
    MAX_MANIFEST_BYTES,
    OVERHEAD_BYTES,
    ModelFileError,
    check_digest,
    load_head,
    manifest_path,
    read_arrays,
    read_capped,
    read_manifest,
    save_head,
)
from ml.genres.thresholds import NEVER

EVIDENCE_FORMAT = 2
KIND = "evidence"
TEXTS = ("title", "overview")
MAX_FEATURES, MAX_GENRES, MAX_NGRAMS = 100_000, 1_000, 2_000_000
MAX_BYTES = 500_000_000

Expected = dict[str, tuple[tuple[int, ...], DTypeLike]]


def save_model(model: EvidenceModel, path: Path) -> str:
    """Write `model` to `path` (.npz) and its manifest (.json); returns the SHA-256 of the weights file.

    A model of posters alone is written in format 1. Each file is written completely or not at all, the
    manifest last. Raises OSError if the folder can't be written, ValueError for a path that is no .npz or for
    a dense head among several parts.
    """
    if model.parts == ("poster",) and model.poster is not None:
        return save_head(model.poster, path)
    if path.suffix != ".npz":
        raise ValueError(f"A genre model is saved as .npz, not as {path.name}.")
    arrays = _arrays(model)
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    content = buffer.getvalue()
    digest = hashlib.sha256(content).hexdigest()
    points = model.combinations[model.parts].thresholds
    facts: dict[str, Any] = {
        "format_version": EVIDENCE_FORMAT,
        "architecture": {
            "kind": KIND,
            "parts": list(model.parts),
            "genres": len(model.genres),
            "features": model.dims,
            **{f"{part}_ngrams": len(arrays[f"{part}_hashes"]) for part in TEXTS if part in model.parts},
            **{f"{part}_version": getattr(model, part).version for part in TEXTS if part in model.parts},
        },
        "genres": list(model.genres),
        # Those of films that have all parts; the .npz has those of all combinations.
        "thresholds": [float(cut) for cut in points.suggest],
        "sure_thresholds": [None if cut >= NEVER else float(cut) for cut in points.sure],
        "no_evidence": list(model.no_evidence),
        "extractor": model.extractor,
        "recipe": model.recipe,
        "weights_file": path.name,
        "weights_sha256": digest,
    }
    write_bytes(path, content)
    write_json(manifest_path(path), facts)
    return digest


def load_model(path: Path, sha256: str | None = None) -> EvidenceModel:
    """Read a genre model of either format.

    path: the .npz. sha256: the digest that the file must have, if the caller has recorded one; the digest in
    the manifest is checked in any case. A head over posters alone becomes a model with the one part "poster"
    and the same scores.

    Raises ModelFileError for a missing, incomplete, changed or foreign file.
    """
    if _format(path) == FORMAT_VERSION:
        return EvidenceModel.of_head(load_head(path, sha256))
    manifest = read_manifest(manifest_path(path), EVIDENCE_FORMAT)
    parts, expected = _expected(manifest, manifest_path(path))
    size = sum(math.prod(shape) * np.dtype(kind).itemsize for shape, kind in expected.values())
    if size > MAX_BYTES:
        raise ModelFileError(
            f"The manifest {manifest_path(path)} describes a model that is too large. {AGAIN}"
        )
    content = read_capped(path, size + OVERHEAD_BYTES)
    check_digest(path, content, manifest, sha256)
    arrays = read_arrays(path, content, expected)
    try:
        return _model(manifest, parts, arrays, manifest_path(path))
    except (ValueError, OverflowError) as error:
        raise ModelFileError(f"The genre model in {path} is not valid: {error} {AGAIN}") from error


def _format(path: Path) -> int:
    """The format that the manifest names; `load_head` says what is wrong with any other than 2."""
    try:
        manifest = json.loads(read_capped(manifest_path(path), MAX_MANIFEST_BYTES))
    except (ValueError, RecursionError):
        return FORMAT_VERSION
    is_evidence = isinstance(manifest, dict) and manifest.get("format_version") == EVIDENCE_FORMAT
    return EVIDENCE_FORMAT if is_evidence else FORMAT_VERSION


def _arrays(model: EvidenceModel) -> dict[str, Any]:
    arrays: dict[str, Any] = {"prior": model.prior}
    if model.poster is not None:
        weights = model.poster.weights
        if not isinstance(weights, LinearWeights):
            raise ValueError("Only a linear head can be one part of several.")
        arrays |= {f"poster_{name}": getattr(weights, name) for name in ("kernel", "bias", "mean", "scale")}
    for part in TEXTS:
        if (text := getattr(model, part)) is not None:
            arrays |= {f"{part}_{name}": getattr(text, name) for name in ("hashes", "idf", "kernel", "bias")}
            arrays[f"{part}_least_known"] = np.array(text.least_known)
    if model.year is not None:
        arrays |= {"year_kernel": model.year.kernel, "year_bias": model.year.bias}
    chosen = [model.combinations[parts] for parts in combinations_of(model.parts)]
    arrays["fusion_kernel"] = np.concatenate([one.fusion.kernel for one in chosen])
    arrays["fusion_bias"] = np.stack([one.fusion.bias for one in chosen])
    arrays["scale_slope"] = np.stack([one.slope for one in chosen])
    arrays["scale_offset"] = np.stack([one.offset for one in chosen])
    arrays |= {f"balance_{name}": getattr(model.balance, name) for name in ("slope", "offset", "kernel")}
    for name in ("suggest", "sure", "tick"):
        arrays[name] = np.stack([getattr(one.thresholds, name) for one in chosen])
    return arrays


def _expected(manifest: dict[str, Any], path: Path) -> tuple[tuple[str, ...], Expected]:
    """The parts of the model, and shape and type of each array of its file."""
    facts = manifest["architecture"]
    named = facts.get("parts")
    parts = tuple(part for part in PARTS if isinstance(named, list) and part in named)
    if facts.get("kind") != KIND or not parts or list(parts) != named:
        raise ModelFileError(f"The manifest {path} describes an unknown kind of model. {AGAIN}")
    genres = _size(facts, "genres", MAX_GENRES, path)
    combined = combinations_of(parts)
    expected: Expected = {
        "prior": ((genres,), np.float32),
        "fusion_kernel": ((sum(map(len, combined)), genres, genres), np.float32),
        "fusion_bias": ((len(combined), genres), np.float32),
        **{
            name: ((len(combined), genres), np.float32)
            for name in ("scale_slope", "scale_offset", "suggest", "sure", "tick")
        },
        "balance_slope": ((genres,), np.float32),
        "balance_offset": ((genres,), np.float32),
        "balance_kernel": ((genres + min(TOP, genres), genres), np.float32),
    }
    if "poster" in parts:
        features = _size(facts, "features", MAX_FEATURES, path)
        for name, shape in LinearWeights.shapes(features, genres).items():
            expected[f"poster_{name}"] = (shape, np.float32)
    if "year" in parts:
        expected |= {
            "year_kernel": ((len(KNOTS), genres), np.float32),
            "year_bias": ((genres,), np.float32),
        }
    for part in TEXTS:
        if part in parts:
            count = _size(facts, f"{part}_ngrams", MAX_NGRAMS, path)
            expected |= {
                f"{part}_hashes": ((count,), np.uint64),
                f"{part}_idf": ((count,), np.float16),
                f"{part}_kernel": ((count, genres), np.float16),
                f"{part}_bias": ((genres,), np.float32),
                f"{part}_least_known": ((), np.float64),
            }
    return parts, expected


def _size(facts: dict[str, Any], name: str, most: int, path: Path) -> int:
    value = facts.get(name)
    if type(value) is not int or not 0 < value <= most:
        raise ModelFileError(f"The manifest {path} has an impossible number of {name}: {value!r}. {AGAIN}")
    return value


def _model(
    manifest: dict[str, Any], parts: tuple[str, ...], arrays: dict[str, Any], path: Path
) -> EvidenceModel:
    genres = tuple(manifest["genres"])
    combinations: dict[tuple[str, ...], Combination] = {}
    start = 0
    for number, chosen in enumerate(combinations_of(parts)):
        kernel = arrays["fusion_kernel"][start : start + len(chosen)]
        start += len(chosen)
        combinations[chosen] = Combination(
            Fusion(kernel, arrays["fusion_bias"][number]),
            arrays["scale_slope"][number],
            arrays["scale_offset"][number],
            Thresholds(*(arrays[name][number] for name in ("suggest", "sure", "tick"))),
        )
    recipe, extractor = manifest["recipe"], manifest["extractor"]
    unproven = tuple(manifest.get("no_evidence", ()))
    head = None
    if "poster" in parts:
        weights = LinearWeights(*(arrays[f"poster_{name}"] for name in ("kernel", "bias", "mean", "scale")))
        points = combinations[("poster",)].thresholds
        head = GenreHead(
            weights,
            genres,
            tuple(points.suggest.tolist()),
            extractor,
            recipe,
            tuple(points.sure.tolist()),
            unproven,
        )

    def text(part: str) -> TextModel | None:
        if part not in parts:
            return None
        named = {name: arrays[f"{part}_{name}"] for name in ("hashes", "idf", "kernel", "bias")}
        # Models of version 1 do not name it.
        facts = {f"{part}_version": 1, **manifest["architecture"]}
        version = _size(facts, f"{part}_version", NEWEST, path)
        return TextModel(part, **named, least_known=float(arrays[f"{part}_least_known"]), version=version)

    return EvidenceModel(
        genres=genres,
        parts=parts,
        poster=head,
        title=text("title"),
        year=YearModel(arrays["year_kernel"], arrays["year_bias"]) if "year" in parts else None,
        overview=text("overview"),
        prior=arrays["prior"],
        combinations=combinations,
        balance=Balance(*(arrays[f"balance_{name}"] for name in ("slope", "offset", "kernel"))),
        extractor=extractor,
        recipe=recipe,
        no_evidence=unproven,
    )
