"""Files of a genre head: weights in an .npz, everything else and a digest in a .json of the same name."""

import hashlib
import io
import json
import math
import zipfile
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ml.files import UNREADABLE_ARRAYS, write_bytes, write_json
from ml.genres.head import ARCHITECTURES, AnyWeights, GenreHead
from ml.genres.thresholds import NEVER

FORMAT_VERSION = 1

MAX_MANIFEST_BYTES = 1_000_000
MAX_DIM = 1_000_000
MAX_WEIGHTS = 1_000_000_000
# Room for the .npy header of each array and the zip directory.
OVERHEAD_BYTES = 100_000

AGAIN = "Train the genres again, or restore the file from a backup."


class ModelFileError(Exception):
    """A genre model's file can't be used; the message says which file, why, and what to do."""


def manifest_path(path: Path) -> Path:
    """The path of the manifest of the weights at `path`."""
    return path.with_suffix(".json")


def save_head(head: GenreHead, path: Path) -> str:
    """Write `head` to `path` (.npz) and its manifest (.json); returns the SHA-256 of the weights file.

    Each file is written completely or not at all, the manifest last: after a crash between the two,
    `load_head` refuses the pair. Raises OSError if the folder can't be written, ValueError for a path that is
    no .npz.
    """
    if path.suffix != ".npz":
        raise ValueError(f"A genre head is saved as .npz, not as {path.name}.")
    buffer = io.BytesIO()
    arrays = {field.name: getattr(head.weights, field.name) for field in fields(head.weights)}
    np.savez(buffer, allow_pickle=False, **arrays)
    content = buffer.getvalue()
    digest = hashlib.sha256(content).hexdigest()
    dims = dict(zip(head.weights.dim_names, head.weights.dims, strict=True))
    facts: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "architecture": {"kind": head.weights.kind, **dims},
        "genres": list(head.genres),
        "thresholds": list(head.thresholds),
        "extractor": head.extractor,
        "recipe": head.recipe,
        "weights_file": path.name,
        "weights_sha256": digest,
    }
    if head.sure_thresholds is not None:
        # In the file, null means "never sure".
        facts["sure_thresholds"] = [None if cut >= NEVER else cut for cut in head.sure_thresholds]
        facts["no_evidence"] = list(head.no_evidence)
    write_bytes(path, content)
    write_json(manifest_path(path), facts)
    return digest


def load_head(path: Path, sha256: str | None = None) -> GenreHead:
    """Read a head written by `save_head`.

    path: the .npz. sha256: the digest that the file must have, if the caller has recorded one (a database row
    does); the digest in the manifest is checked in any case.

    Raises ModelFileError for a missing, incomplete, changed or foreign file.
    """
    manifest = read_manifest(manifest_path(path))
    kind = _kind(manifest, manifest_path(path))
    shapes = kind.shapes(*_dims(manifest, manifest_path(path), kind))
    expected_bytes = 4 * sum(math.prod(shape) for shape in shapes.values())
    if expected_bytes > 4 * MAX_WEIGHTS:
        raise ModelFileError(
            f"The manifest {manifest_path(path)} describes a model that is too large. {AGAIN}"
        )
    content = read_capped(path, expected_bytes + OVERHEAD_BYTES)
    check_digest(path, content, manifest, sha256)
    arrays = read_arrays(path, content, {name: (shape, np.float32) for name, shape in shapes.items()})
    sure = manifest.get("sure_thresholds")
    try:
        return GenreHead(
            weights=kind(**arrays),
            genres=tuple(manifest["genres"]),
            thresholds=tuple(float(value) for value in manifest["thresholds"]),
            extractor=manifest["extractor"],
            recipe=manifest["recipe"],
            sure_thresholds=(
                None if sure is None else tuple(NEVER if cut is None else float(cut) for cut in sure)
            ),
            no_evidence=tuple(manifest.get("no_evidence", ())),
        )
    except (ValueError, OverflowError) as error:
        raise ModelFileError(f"The genre model in {path} is not valid: {error} {AGAIN}") from error


def check_digest(path: Path, content: bytes, manifest: dict[str, Any], sha256: str | None) -> None:
    """Raise ModelFileError unless the weights have the digest of the manifest and, if given, `sha256`.

    The checked bytes are also the parsed ones: the file can't change between check and use.
    """
    digest = hashlib.sha256(content).hexdigest()
    if digest != manifest.get("weights_sha256"):
        raise ModelFileError(
            f"The weights in {path} are not those its manifest describes (sha256 {digest[:12]}...): "
            f"the file was damaged or replaced. {AGAIN}"
        )
    if sha256 is not None and digest != sha256:
        raise ModelFileError(
            f"The weights in {path} have sha256 {digest[:12]}..., not {sha256[:12]}... as recorded after "
            f"training: the file was replaced. {AGAIN}"
        )


def read_capped(path: Path, limit: int) -> bytes:
    """The content of a file of at most `limit` bytes. Raises ModelFileError."""
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except FileNotFoundError as error:
        raise ModelFileError(f"The genre model's file {path} is missing. {AGAIN}") from error
    except OSError as error:
        raise ModelFileError(
            f"The genre model's file {path} can't be read: {error.strerror}. {AGAIN}"
        ) from error
    if len(content) > limit:
        raise ModelFileError(
            f"The genre model's file {path} is larger than it can be ({limit} bytes). {AGAIN}"
        )
    return content


def read_manifest(path: Path, version: int | None = None) -> dict[str, Any]:
    """Read a manifest of format `version` (by default FORMAT_VERSION) and check the keys that all formats
    have. Raises ModelFileError."""
    expected_version = FORMAT_VERSION if version is None else version
    content = read_capped(path, MAX_MANIFEST_BYTES)
    try:
        manifest = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"The manifest {path} is not JSON: {error}. {AGAIN}") from error
    if not isinstance(manifest, dict):
        raise ModelFileError(f"The manifest {path} is not a JSON object. {AGAIN}")
    found = manifest.get("format_version")
    if found != expected_version:
        raise ModelFileError(
            f"The manifest {path} has format version {found!r}, and this program reads version "
            f"{expected_version}. Update the program, or train the genres again."
        )
    expected: dict[str, type] = {
        "architecture": dict,
        "genres": list,
        "thresholds": list,
        "extractor": str,
        "recipe": str,
        "weights_sha256": str,
    }
    for key, kind in expected.items():
        if not isinstance(manifest.get(key), kind):
            raise ModelFileError(f"The manifest {path} has no usable {key!r}. {AGAIN}")
    if not all(isinstance(genre, str) for genre in manifest["genres"]):
        raise ModelFileError(f"The manifest {path} names genres that are not text. {AGAIN}")
    if not all(isinstance(value, int | float) for value in manifest["thresholds"]):
        raise ModelFileError(f"The manifest {path} has thresholds that are not numbers. {AGAIN}")
    sure = manifest.get("sure_thresholds")
    if sure is not None and not (
        isinstance(sure, list) and all(cut is None or isinstance(cut, int | float) for cut in sure)
    ):
        raise ModelFileError(f"The manifest {path} has sure_thresholds that are not numbers or null. {AGAIN}")
    unproven = manifest.get("no_evidence", [])
    if not (isinstance(unproven, list) and all(isinstance(genre, str) for genre in unproven)):
        raise ModelFileError(f"The manifest {path} has no_evidence that is not a list of genres. {AGAIN}")
    return manifest


def _kind(manifest: dict[str, Any], path: Path) -> type[AnyWeights]:
    kind = manifest["architecture"].get("kind")
    found = ARCHITECTURES.get(kind) if isinstance(kind, str) else None
    if found is None:
        raise ModelFileError(
            f"The manifest {path} describes a model of kind {kind!r}, and this program knows "
            f"{', '.join(map(repr, ARCHITECTURES))}. Update the program, or train the genres again."
        )
    return found


def _dims(manifest: dict[str, Any], path: Path, kind: type[AnyWeights]) -> list[int]:
    dims = [manifest["architecture"].get(key) for key in kind.dim_names]
    if not all(type(value) is int and 0 < value <= MAX_DIM for value in dims):
        raise ModelFileError(f"The manifest {path} has impossible dimensions {dims}. {AGAIN}")
    return dims


def read_arrays(
    path: Path, content: bytes, expected: Mapping[str, tuple[tuple[int, ...], DTypeLike]]
) -> dict[str, Any]:
    """Parse an .npz that must hold exactly the expected arrays (shape and type by name).

    Raises ModelFileError.
    """
    arrays: dict[str, Any] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            sizes = {info.filename: info.file_size for info in archive.infolist()}
        if set(sizes) != {f"{name}.npy" for name in expected}:
            raise ModelFileError(
                f"The genre model in {path} does not hold the arrays of a genre head. {AGAIN}"
            )
        # zipfile never decompresses a member beyond the size that the archive states.
        if sum(sizes.values()) > len(content) + OVERHEAD_BYTES:
            raise ModelFileError(f"The genre model in {path} unpacks to more than it can hold. {AGAIN}")
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            for name in expected:
                arrays[name] = archive[name]
    except ModelFileError:
        raise
    except (OSError, *UNREADABLE_ARRAYS) as error:
        raise ModelFileError(
            f"The genre model in {path} can't be read as arrays: {error}. {AGAIN}"
        ) from error
    for name, (shape, kind) in expected.items():
        array = arrays[name]
        if not isinstance(array, np.ndarray) or array.dtype != kind or array.shape != shape:
            raise ModelFileError(
                f"The genre model in {path} has {name} of shape {getattr(array, 'shape', None)} and type "
                f"{getattr(array, 'dtype', None)}; its manifest says {shape} {np.dtype(kind)}. {AGAIN}"
            )
    return arrays
