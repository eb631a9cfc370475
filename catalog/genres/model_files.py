"""Files of genre models: weights and what belongs to them, named by the weights' SHA-256."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from django.conf import settings

from catalog import shared_files
from catalog.models import GenreModel
from ml.files import write_bytes, write_json
from ml.genres.evidence.model import EvidenceModel
from ml.genres.evidence.model_file import load_model
from ml.genres.head_file import ModelFileError, manifest_path


def weights_path(model: GenreModel) -> Path:
    """Where this machine has the model's weights, after `fetch` at least."""
    return Path(settings.MODELS_DIR) / model.weights_file


def fetch(model: GenreModel) -> Path:
    """The path of the weights, after downloading them and the manifest where files are in a bucket.

    Raises ModelFileError if the bucket cannot be read; files that are missing are left to the reader.
    """
    path = weights_path(model)
    try:
        for each in (path, manifest_path(path)):
            with suppress(FileNotFoundError):
                shared_files.fetched(each)
    except OSError as error:
        raise ModelFileError(f"{path.name} could not be downloaded: {error.strerror}. Try again.") from error
    return path


def load(model: GenreModel) -> EvidenceModel:
    """The model, after its weights were checked against their SHA-256. Raises ModelFileError."""
    return load_model(fetch(model), model.weights_sha256)


def store(head: Path, sha256: str) -> str:
    """Store a head's weights and manifest in the models folder, named by the weights' SHA-256.

    Returns the name of the weights file there. Raises OSError.
    """
    models = Path(settings.MODELS_DIR)
    models.mkdir(parents=True, exist_ok=True)
    path = models / f"{sha256}.npz"
    manifest = json.loads(manifest_path(head).read_text())
    write_bytes(path, head.read_bytes())
    write_json(manifest_path(path), {**manifest, "weights_file": path.name})
    shared_files.publish(path, manifest_path(path))
    return path.name
