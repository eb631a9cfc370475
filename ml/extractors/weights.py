"""Find weights (bundled, in a local folder, or downloaded by Keras), and download them on request.

Only `fetch_weights` downloads. It runs `python -m ml.extractors.weights NAME FOLDER` in a subprocess, because
that loads TensorFlow.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from ml import bundled
from ml.files import file_sha256
from ml.subprocess import SubprocessFailed, report_failure, run_in_subprocess

from .registry import BACKBONES, ExtractorSpec, parse_spec

Kind = Literal["with_top", "no_top", "arrays", "saved_model", "litert"]


class WeightsUnavailable(RuntimeError):
    """Weights are missing, damaged or lack a layer; the message says which, and what to do."""


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """One file (or SavedModel folder) of weights.

    `kind` is its format: Keras with or without the classifier, plain arrays in `get_weights()` order, a
    TensorFlow SavedModel, or a trained LiteRT file. `reaches` is the last layer that it includes, "" for all.
    """

    path: Path
    kind: Kind
    reaches: str = ""

    @property
    def digest(self) -> str:
        """SHA-256 of the content, hexadecimal; cached until the file's size or modification time changes.

        Raises WeightsUnavailable if it cannot be read.
        """
        if not self.path.is_dir():
            return _file_digest(self.path)
        total = hashlib.sha256()
        for file in sorted(path for path in self.path.rglob("*") if path.is_file()):
            total.update(f"{file.relative_to(self.path).as_posix()}\0{_file_digest(file)}\n".encode())
        return total.hexdigest()


# File names of a backbone's weights, best first.
_FILES: dict[str, tuple[tuple[str, Kind, str], ...]] = {
    "mobilenet_v2": (
        ("mobilenet_v2_1.0_224_imagenet.weights.h5", "with_top", ""),
        ("mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5", "no_top", ""),
        ("mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5", "with_top", ""),
    ),
    "inception_v3": (
        ("inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5", "no_top", ""),
        ("inception_v3_weights_tf_dim_ordering_tf_kernels.h5", "with_top", ""),
        ("inception_v3_20151205_to_mixed8_fp16.npz", "arrays", "mixed8"),
    ),
}
_digests: dict[tuple[str, int, int], str] = {}


def _file_digest(path: Path) -> str:
    try:
        facts = path.stat()
        key = (str(path.resolve()), facts.st_mtime_ns, facts.st_size)
        if key not in _digests:
            _digests[key] = file_sha256(path)
    except OSError as error:
        raise WeightsUnavailable(
            f"The weights {path} cannot be read: {error.strerror or error}. "
            "Give this user read permission, or replace the file."
        ) from error
    return _digests[key]


def find_weights(spec: ExtractorSpec | str, weights_dir: Path | None) -> WeightsFile | None:
    """Find the best weights for an extractor by file name; None if there are none.

    Searches `weights_dir`, then Keras' download folder (`KERAS_HOME`, `~/.keras`), and skips weights that do
    not include the layer. A TF-Hub handle may be the path of a folder, a folder in `weights_dir`, or what
    `fetch_weights` downloaded; a trained file may be a path, in `weights_dir`, or that of an earlier version.
    """
    wanted = parse_spec(spec) if isinstance(spec, str) else spec
    if BACKBONES[wanted.backbone].trained:
        return _find_trained(wanted.handle, weights_dir)
    if not wanted.needs_weights:
        return None
    if wanted.backbone == "tfhub":
        return _find_hub_folder(wanted.handle, weights_dir)
    keras_home = Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser()
    for folder in filter(None, (weights_dir, keras_home / "models")):
        for name, kind, reaches in _FILES[wanted.backbone]:
            if (folder / name).is_file() and _covers(reaches, wanted.layer):
                return WeightsFile(folder / name, kind, reaches)
    return None


def _find_hub_folder(handle: str, weights_dir: Path | None) -> WeightsFile | None:
    places = [] if "://" in handle else [Path(handle).expanduser()]
    if weights_dir is not None:
        places += [weights_dir / handle] if "://" not in handle else []
        places.append(_hub_folder(handle, weights_dir))
    for place in places:
        if (place / "saved_model.pb").is_file():
            return WeightsFile(place.resolve(), "saved_model")
    return None


def _find_trained(handle: str, weights_dir: Path | None) -> WeightsFile | None:
    places = [Path(handle).expanduser()] if handle else [bundled.EXTRACTOR]
    if handle and weights_dir is not None:
        places.append(weights_dir / handle)
    if handle:
        places.append(bundled.PREVIOUS / handle)
    for place in places:
        if place.is_file():
            return WeightsFile(place.resolve(), "litert")
    return None


def _hub_folder(handle: str, weights_dir: Path) -> Path:
    readable = re.sub(r"[^A-Za-z0-9.]+", "_", handle.partition("://")[2] or handle).strip("_.")[-80:]
    return weights_dir / "tfhub" / f"{readable}-{hashlib.sha256(handle.encode()).hexdigest()[:8]}"


def _covers(reaches: str, layer: str) -> bool:
    """Whether weights up to `reaches` include `layer`, judging by names; the export checks it."""
    last, wanted = re.match(r"mixed(\d+)", reaches), re.match(r"mixed(\d+)", layer)
    return not (last and wanted) or int(wanted[1]) <= int(last[1])


def require_weights(spec: ExtractorSpec | str, weights_dir: Path | None) -> WeightsFile:
    """`find_weights`, but WeightsUnavailable, with what to do about it, instead of None."""
    wanted = parse_spec(spec) if isinstance(spec, str) else spec
    found = find_weights(wanted, weights_dir)
    if found is not None:
        return found
    if BACKBONES[wanted.backbone].trained and wanted.handle:
        raise WeightsUnavailable(
            f"There is no trained extractor {wanted.handle}: give the path of the .tflite file that "
            "`manage.py train_extractor` wrote."
        )
    if BACKBONES[wanted.backbone].trained:
        raise WeightsUnavailable(
            f"{bundled.EXTRACTOR}, which comes with Postersite, is missing: install it again, or restore the "
            "file with `git checkout -- ml/bundled`."
        )
    place = str(weights_dir) if weights_dir else "the folder that POSTERSITE_WEIGHTS names"
    if wanted.backbone == "tfhub":
        raise WeightsUnavailable(
            f"The TF-Hub model {wanted.handle} was not found: put its folder (with saved_model.pb) into "
            f"{place}, or run `manage.py fetch_weights {wanted.name}`."
        )
    names = [name for name, _, reaches in _FILES[wanted.backbone] if _covers(reaches, wanted.layer)]
    raise WeightsUnavailable(
        f"The weights of {wanted.name} were not found: put {' or '.join(names)} into {place}, "
        f"or run `manage.py fetch_weights {wanted.backbone}`."
    )


def resolve_spec(spec: ExtractorSpec, weights: WeightsFile | None) -> ExtractorSpec:
    """`spec` with the default layer, or the last one that the weights include (Inception-v3)."""
    if spec.layer or weights is None or not BACKBONES[spec.backbone].last_layer:
        return spec
    return replace(spec, layer=weights.reaches or BACKBONES[spec.backbone].last_layer)


def fetch_weights(name: str, weights_dir: Path, *, timeout: float = 1800) -> Path:
    """Download weights with keras.applications or TensorFlow Hub into `weights_dir`; returns their path.

    Args:
        name: `mobilenet_v2`, `inception_v3` or `tfhub:HANDLE`; a layer or pooling after it is ignored.
        weights_dir: the folder; created if necessary. Files of the same name are replaced.
        timeout: seconds.

    Raises:
        WeightsUnavailable: the download failed; the folder is unchanged.
        UnknownExtractor: there is no such extractor.
    """
    spec = parse_spec(name)
    if not spec.needs_weights:
        raise WeightsUnavailable(f"{spec.name} needs no weights: there is nothing to fetch.")
    weights_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=weights_dir, prefix=".fetching-") as scratch:
        try:
            run_in_subprocess(
                "ml.extractors.weights",
                [spec.name, scratch],
                environment={"KERAS_HOME": scratch, "TFHUB_CACHE_DIR": scratch},
                timeout=timeout,
            )
        except SubprocessFailed as error:
            place = _hub_folder(spec.handle, weights_dir) if spec.handle else weights_dir
            raise WeightsUnavailable(
                f"The weights of {spec.backbone} could not be downloaded ({error}). Check the connection, or "
                f"put the files into {place} by hand."
            ) from error
        if spec.backbone == "tfhub":
            return _store_hub_folder(Path(scratch), _hub_folder(spec.handle, weights_dir))
        return _store_keras_file(Path(scratch), spec, weights_dir)


def _store_keras_file(scratch: Path, spec: ExtractorSpec, weights_dir: Path) -> Path:
    known = {name for name, _, _ in _FILES[spec.backbone]}
    for file in (scratch / "models").glob("*.h5"):
        if file.name in known:
            return file.replace(weights_dir / file.name)
    raise WeightsUnavailable(f"Keras downloaded no file known to hold the weights of {spec.backbone}.")


def _store_hub_folder(scratch: Path, target: Path) -> Path:
    for marker in scratch.rglob("saved_model.pb"):
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            shutil.rmtree(target)
        return Path(shutil.move(marker.parent, target))
    raise WeightsUnavailable("TF-Hub gave no SavedModel: only models in TensorFlow 2 format can be used.")


def _download(spec: ExtractorSpec) -> None:
    if spec.backbone == "tfhub":
        import tensorflow_hub

        tensorflow_hub.resolve(spec.handle)
        return
    import keras

    build = getattr(keras.applications, BACKBONES[spec.backbone].keras_name)
    build(weights="imagenet", include_top=False)


def main(arguments: Sequence[str]) -> int:
    try:
        _download(parse_spec(arguments[0]))
    except Exception as error:  # noqa: BLE001 - the parent process reports any error
        report_failure(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
