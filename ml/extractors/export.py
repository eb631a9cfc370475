"""Export a backbone with its weights to one float32 LiteRT file, and compare it with the original.

`python -m ml.extractors.export --spec mobilenet_v2 --weights FOLDER --out FILE.tflite`

The runtime runs this in a subprocess, because it imports TensorFlow. The conversion goes through a
SavedModel: `from_concrete_functions` can silently omit variables.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.files import write_bytes, write_json
from ml.subprocess import report_failure

from .registry import BACKBONES, ExtractorSpec, UnknownExtractor, parse_spec
from .weights import WeightsFile, WeightsUnavailable, require_weights, resolve_spec

AGREEMENT = 1e-4
"""Largest difference allowed between LiteRT and the original, relative to the largest activation above 1."""

_MAX_ARRAYS_BYTES = 2 * 1024**3
# A SavedModel is a program. These operations access files or Python; no feature extractor needs them.
_FORBIDDEN_OPERATIONS = frozenset(
    {
        "EagerPyFunc",
        "InitializeTableFromTextFile",
        "InitializeTableFromTextFileV2",
        "MatchingFiles",
        "PrintV2",
        "PyFunc",
        "PyFuncStateless",
        "ReadFile",
        "TextLineReader",
        "TextLineReaderV2",
        "WholeFileReader",
        "WholeFileReaderV2",
        "WriteFile",
    }
)

Floats = npt.NDArray[np.float32]


class ExportFailed(RuntimeError):
    """A backbone needs no export, or its LiteRT file disagrees with it."""


def build_keras_model(spec: ExtractorSpec, weights: WeightsFile) -> Any:
    """Build a Keras model from RGB [0, 255] float32 (n, height, width, 3) to vectors (n, dims).

    Call once in a process: Keras numbers the layers of a second Inception-v3 differently.

    Raises:
        WeightsUnavailable: the file is damaged, does not fit the architecture, or lacks the layer.
        UnknownExtractor: the architecture has no such layer.
    """
    import keras

    facts = BACKBONES[spec.backbone]
    height, width = spec.size
    application = getattr(keras.applications, facts.keras_name)
    body = application(include_top=weights.kind == "with_top", weights=None, input_shape=(height, width, 3))
    layers = {layer.name for layer in body.layers}
    if spec.layer not in layers:
        some = ", ".join(sorted(layer for layer in layers if "mixed" in layer or layer.endswith("_add")))
        raise UnknownExtractor(f"{spec.backbone} has no layer {spec.layer!r}. Some of its layers: {some}.")
    if weights.reaches:
        body = keras.Model(body.input, body.get_layer(weights.reaches).output)
        if spec.layer not in {layer.name for layer in body.layers}:
            raise WeightsUnavailable(
                f"{weights.path.name} reaches only up to {weights.reaches}, below {spec.layer}: "
                f"run `manage.py fetch_weights {spec.backbone}`, or choose a lower layer."
            )
    load_weights(body, weights, spec.backbone)
    output = body.get_layer(spec.layer).output
    if len(output.shape) == 4:
        pool = keras.layers.GlobalAveragePooling2D if spec.pooling == "avg" else keras.layers.Flatten
        output = pool()(output)
    cut = keras.Model(body.input, output)
    pixels = keras.Input((height, width, 3), dtype="float32")
    scale, offset = {"unit": (1 / 255, 0.0), "signed": (1 / 127.5, -1.0), "none": (1.0, 0.0)}[spec.scaling]
    return keras.Model(pixels, cut(keras.layers.Rescaling(scale, offset)(pixels)))


def load_weights(model: Any, weights: WeightsFile, backbone: str) -> None:
    """Load a weights file into a Keras model. Raises WeightsUnavailable if it is damaged or does not fit."""
    # Weights that the file lacks would keep their initial values without an error: mark them.
    model.set_weights([np.full(array.shape, np.nan, dtype=np.float32) for array in model.get_weights()])
    try:
        if weights.kind == "arrays":
            model.set_weights(read_arrays(weights.path))
        else:
            model.load_weights(weights.path)
        finite = all(np.isfinite(array).all() for array in model.get_weights())
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        first = (str(error).splitlines() or [""])[0][:160]
        raise WeightsUnavailable(
            f"{weights.path} is damaged or holds no weights of {backbone} ({first}): replace it, "
            f"or run `manage.py fetch_weights {backbone}`."
        ) from error
    if not finite:
        raise WeightsUnavailable(
            f"{weights.path} lacks some weights of {backbone}, or contains numbers that are not finite: "
            f"replace it, or run `manage.py fetch_weights {backbone}`."
        )


def read_arrays(path: Path) -> list[Floats]:
    """Read the arrays arr_0, arr_1, ... of an .npz file as float32, in order, without unpickling.

    Raises ValueError, OSError or BadZipFile for other files.
    """
    with zipfile.ZipFile(path) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > _MAX_ARRAYS_BYTES:
            raise ValueError("it unpacks to more than 2 GiB")
    with np.load(path, allow_pickle=False) as archive:
        if set(archive.files) != {f"arr_{number}" for number in range(len(archive.files))}:
            raise ValueError("its arrays are not named arr_0, arr_1 and so on")
        arrays = [archive[f"arr_{number}"] for number in range(len(archive.files))]
    if any(array.dtype.kind != "f" for array in arrays):
        raise ValueError("it contains arrays that are not floating point numbers")
    return [array.astype(np.float32) for array in arrays]


def build_hub_model(spec: ExtractorSpec, weights: WeightsFile) -> Any:
    """Wrap a TF-Hub SavedModel in a tf.Module whose `__call__` maps RGB [0, 255] to vectors (n, dims).

    Raises:
        WeightsUnavailable: the folder is no SavedModel, uses forbidden operations, or needs another input.
    """
    import tensorflow as tf
    import tensorflow_hub as hub

    refuse_operations(weights.path)
    try:
        loaded = hub.load(str(weights.path))
    except (OSError, ValueError, KeyError, tf.errors.OpError) as error:
        first = (str(error).splitlines() or [""])[0][:160]
        raise WeightsUnavailable(f"{weights.path} is not a whole SavedModel ({first}).") from error
    signature = dict(getattr(loaded, "signatures", {})).get("serving_default")
    if signature is None and not callable(loaded):
        raise WeightsUnavailable(f"{weights.path} has neither a call nor the signature serving_default.")
    height, width = spec.size

    class Scaled(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.loaded = loaded

        @tf.function(input_signature=[tf.TensorSpec([None, height, width, 3], tf.float32)])
        def __call__(self, pixels: Any) -> Any:
            image = pixels / 255.0
            if signature is None:
                found = self.loaded(image)
            else:
                (name,) = signature.structured_input_signature[1]
                found = signature(**{name: image})
            vectors = list(found.values()) if isinstance(found, dict) else [found]
            if len(vectors) != 1:
                raise ValueError(f"it gives {len(vectors)} outputs instead of one")
            return tf.reduce_mean(vectors[0], axis=(1, 2)) if len(vectors[0].shape) == 4 else vectors[0]

    module = Scaled()
    try:
        module.__call__.get_concrete_function()
    except (ValueError, TypeError) as error:
        last = " ".join(str(error).split())[-160:]
        raise WeightsUnavailable(
            f"{weights.path} does not turn {width} × {height} RGB pictures into one vector each ({last})."
        ) from error
    return module


def refuse_operations(folder: Path) -> None:
    """Raise WeightsUnavailable if a SavedModel reads or writes files, prints, or calls Python."""
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel()
    try:
        saved.ParseFromString((folder / "saved_model.pb").read_bytes())
    except (DecodeError, OSError) as error:
        raise WeightsUnavailable(f"{folder} is not a whole SavedModel ({error}).") from error
    for graph in (meta.graph_def for meta in saved.meta_graphs):
        nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
        found = sorted({node.op for node in nodes} & _FORBIDDEN_OPERATIONS)
        if found:
            raise WeightsUnavailable(
                f"{folder} is refused: it uses {', '.join(found)}, which no extractor needs."
            )


def export_extractor(spec_string: str, weights_dir: Path | None, out: Path) -> dict[str, Any]:
    """Write `out`, then its manifest `out` + ".json"; return the manifest.

    Each file is written completely or not at all.

    Raises:
        WeightsUnavailable, UnknownExtractor: as `build_keras_model` and `build_hub_model`.
        ExportFailed: the extractor needs no export, or the LiteRT file disagrees with the original by more
            than `AGREEMENT`.
    """
    wanted = parse_spec(spec_string)
    if not wanted.needs_weights:
        raise ExportFailed(f"{wanted.name} needs no export.")
    weights = require_weights(wanted, weights_dir)
    import tensorflow as tf

    spec = resolve_spec(wanted, weights)
    digest = weights.digest
    with tempfile.TemporaryDirectory() as scratch:
        original: Callable[[Floats], Floats]
        if spec.backbone == "tfhub":
            module = build_hub_model(spec, weights)
            tf.saved_model.save(module, scratch, signatures=module.__call__.get_concrete_function())
            original = lambda batch: module(tf.constant(batch)).numpy()  # noqa: E731
        else:
            model = build_keras_model(spec, weights)
            model.export(scratch, verbose=False)
            original = lambda batch: np.asarray(model(batch, training=False))  # noqa: E731
        content = tf.lite.TFLiteConverter.from_saved_model(scratch).convert()
    probe = _probe(spec.size)
    expected = original(probe)
    difference, scale = _difference(content, probe, expected)
    if not difference <= AGREEMENT * scale:
        raise ExportFailed(
            f"The LiteRT copy of {spec.name} is off by {difference:.2g} where activations reach {scale:.2g}."
        )
    manifest = {
        "spec": spec.name,
        "fingerprint": spec.fingerprint(digest),
        "weights": {"file": weights.path.name, "sha256": digest, "reaches": weights.reaches},
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "dims": int(expected.shape[1]),
        "input": [*spec.size, 3],
        "agreement": {"max_abs_difference": difference, "largest_activation": scale},
        "tensorflow": tf.__version__,
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(out, content)
    write_json(manifest_path(out), manifest)
    return manifest


def manifest_path(model: Path) -> Path:
    """The path of the manifest of an exported model."""
    return model.with_name(model.name + ".json")


def _probe(size: tuple[int, int]) -> Floats:
    """Four seeded images: two of noise, two smooth ones."""
    rng = np.random.default_rng(20)
    height, width = size
    noise = rng.uniform(0, 255, (2, height, width, 3))
    down, across = np.linspace(0, 1, height)[:, None, None], np.linspace(0, 1, width)[None, :, None]
    colours = rng.uniform(0, 255, (2, 2, 3))
    smooth = [a * down * across + b * (1 - down) for a, b in colours]
    return np.concatenate([noise, np.stack(smooth)]).astype(np.float32)


def _difference(content: bytes, probe: Floats, expected: Floats) -> tuple[float, float]:
    """Largest difference of the LiteRT copy, and the largest activation (at least 1)."""
    from .litert import LiteRTModel

    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "model.tflite"
        file.write_bytes(content)
        found = LiteRTModel(file, threads=1)(probe)
    return float(np.abs(found - expected).max()), float(max(1.0, np.abs(expected).max()))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m ml.extractors.export", description="Export a backbone to LiteRT."
    )
    parser.add_argument("--spec", required=True, help="such as mobilenet_v2 or inception_v3:mixed8:avg")
    parser.add_argument("--weights", type=Path, help="folder of weight files")
    parser.add_argument("--out", type=Path, required=True, help="the .tflite file to write")
    options = parser.parse_args(arguments)
    try:
        manifest = export_extractor(options.spec, options.weights, options.out)
    except (WeightsUnavailable, UnknownExtractor, ExportFailed, ModuleNotFoundError) as error:
        report_failure(error)
        return 1
    sys.stdout.write(json.dumps(manifest, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
