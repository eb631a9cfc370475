"""Install the bundled genre model in a catalogue, and embed an older catalogue with the bundled extractor."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from django.db import IntegrityError, transaction

from catalog.embeddings import extractors
from catalog.models import Embedding, Extractor, GenreModel, Run
from catalog.runs import lifecycle
from ml import bundled
from ml.files import file_sha256
from ml.genres.evidence.model import EvidenceModel
from ml.genres.evidence.model_file import load_model
from ml.genres.head_file import ModelFileError

from . import promotion

EXTRACTOR = extractors.DEFAULT_SPECS[0]
CARD = "card.json"
MAX_FINGERPRINT_LENGTH = 64


class BundledModelUnusable(RuntimeError):
    """The bundled genre model cannot be used; the message says which file and what to do."""


class Installed(NamedTuple):
    """The row of the bundled genre model, and whether it was created just now."""

    model: GenreModel
    is_new: bool


def install_genre_model(weights: Path = bundled.GENRES) -> Installed:
    """Create the row of the bundled genre model and store its files, once for each weights file.

    It becomes active if no other model is, else it is a candidate. Missing files are stored again.

    Raises BundledModelUnusable if a file is missing, damaged, or made for another extractor, and OSError if
    the models folder cannot be written.
    """
    found, sha256 = _read(weights)
    try:
        with transaction.atomic():
            return _install(weights, found, sha256)
    except IntegrityError:
        # Another process has just taken the version or created the row.
        with transaction.atomic():
            return _install(weights, found, sha256)


def _read(weights: Path) -> tuple[EvidenceModel, str]:
    try:
        sha256 = file_sha256(weights)
        model = load_model(weights, sha256)
        fingerprint = extractors.fingerprint(EXTRACTOR)
    except OSError as error:
        raise BundledModelUnusable(f"{weights} cannot be read: {error.strerror or error}.") from error
    except (ModelFileError, *extractors.UNAVAILABLE) as error:
        raise BundledModelUnusable(str(error)) from error
    if model.extractor != fingerprint:
        raise BundledModelUnusable(
            f"{weights} was trained on {model.extractor or 'an unnamed extractor'}, but the bundled "
            f"extractor is {fingerprint}: they belong to two versions. Install Postersite again, or restore "
            "both files."
        )
    return model, sha256


def _install(weights: Path, found: EvidenceModel, sha256: str) -> Installed:
    promotion.lock_models()
    version = promotion.next_version()
    existing = GenreModel.objects.filter(shipped=True, weights_sha256=sha256).first()
    if existing is not None:
        if not _is_intact(promotion.weights_path(existing), sha256):
            promotion.store_files(weights, sha256)
        return Installed(existing, False)
    extractor, _ = Extractor.objects.get_or_create(
        fingerprint=found.extractor, defaults={"spec": EXTRACTOR, "dims": found.dims or 0}
    )
    card = _card(weights, sha256)
    metrics = _dictionary(_dictionary(card, "genres"), "metrics")
    dataset = str(_dictionary(card, "posters").get("csv_sha256", ""))
    model = GenreModel.objects.create(
        version=version,
        shipped=True,
        extractor=extractor,
        **promotion.columns_of(found),
        calibration=_dictionary(metrics, "calibration"),
        metrics=metrics,
        config=_dictionary(metrics, "config"),
        dataset_fingerprint=dataset[:MAX_FINGERPRINT_LENGTH],
        weights_file=promotion.store_files(weights, sha256),
        weights_sha256=sha256,
    )
    if promotion.active_model() is None:
        promotion.promote(model, queue=False)
    return Installed(model, True)


def embed_with_bundled_extractor() -> Run | None:
    """Start a run that embeds a catalogue with the bundled extractor if only other ones have embedded it.

    Returns the live run if it embeds with that extractor already. Returns None if the extractor has embedded
    a poster, if none has, if POSTERSITE_EXTRACTORS is set, and while another embedding run is live. The
    workers start the run at the next sweep.
    """
    available, _ = extractors.available([EXTRACTOR])
    if settings.EXTRACTORS or not available or not Embedding.objects.exists():
        return None
    if Embedding.objects.filter(extractor__fingerprint=available[EXTRACTOR]).exists():
        return None
    live = lifecycle.live_runs().filter(kind="embed").first()
    if live is not None:
        return live if EXTRACTOR in live.params["extractors"] else None
    followers = ["label"] if promotion.active_model() is not None else []
    return lifecycle.start("embed", queue=False, followed_by=followers)


def _card(weights: Path, sha256: str) -> dict[str, Any]:
    """What the training recorded beside the weights; empty if it is missing or describes other weights."""
    try:
        card = json.loads((weights.parent / CARD).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return card if _dictionary(card, "genres").get("sha256") == sha256 else {}


def _is_intact(weights: Path, sha256: str) -> bool:
    try:
        load_model(weights, sha256)
    except ModelFileError:
        return False
    return True


def _dictionary(values: Any, key: str) -> dict[str, Any]:
    found = values.get(key) if isinstance(values, dict) else None
    return found if isinstance(found, dict) else {}
