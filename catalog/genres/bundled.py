"""What comes trained with Postersite, taken up by a catalogue once: its genre model, and its eyes."""

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
from ml.genres.head import GenreHead
from ml.genres.head_file import ModelFileError, load_head

from . import promotion

EYES = extractors.DEFAULT_SPECS[0]
CARD = "card.json"
LONGEST_FINGERPRINT = 64


class ShippedUnusable(RuntimeError):
    """What comes with Postersite cannot be used; the message says which file and what to do."""


class TakenUp(NamedTuple):
    """The row of the shipped genre model, and whether it was made just now."""

    model: GenreModel
    fresh: bool


def take_up_genre_model(weights: Path = bundled.GENRES) -> TakenUp:
    """The shipped genre model as a row with its files in the models folder; made once for each weights file.

    It is put to use only where no other model is. One that a later version brings waits as another candidate.
    Files that were lost from the models folder are put there again.

    Raises ShippedUnusable for a file that is missing, damaged, or made for another extractor, and OSError
    when the models folder cannot be written.
    """
    head, sha256 = _read(weights)
    try:
        with transaction.atomic():
            return _take_up(weights, head, sha256)
    except IntegrityError:
        # Another process was faster, and took the version or made the row.
        with transaction.atomic():
            return _take_up(weights, head, sha256)


def _read(weights: Path) -> tuple[GenreHead, str]:
    try:
        sha256 = file_sha256(weights)
        head = load_head(weights, sha256=sha256)
        sees = extractors.fingerprint(EYES)
    except OSError as error:
        raise ShippedUnusable(f"{weights} cannot be read: {error.strerror or error}.") from error
    except (ModelFileError, *extractors.UNAVAILABLE) as error:
        raise ShippedUnusable(str(error)) from error
    if head.extractor != sees:
        raise ShippedUnusable(
            f"{weights} reads the vectors of {head.extractor or 'an unnamed extractor'}, and the extractor "
            f"beside it is {sees}: they belong to two versions. Install Postersite again, or restore both."
        )
    return head, sha256


def _take_up(weights: Path, head: GenreHead, sha256: str) -> TakenUp:
    promotion.lock_models()
    version = promotion.next_version()
    found = GenreModel.objects.filter(shipped=True, weights_sha256=sha256).first()
    if found is not None:
        if not _is_whole(promotion.weights_path(found), sha256):
            promotion.keep_files(weights, sha256)
        return TakenUp(found, False)
    extractor, _ = Extractor.objects.get_or_create(
        fingerprint=head.extractor, defaults={"spec": EYES, "dims": head.weights.dims[0]}
    )
    card = _card(weights, sha256)
    metrics = _dictionary(_dictionary(card, "genres"), "metrics")
    model = GenreModel.objects.create(
        version=version,
        shipped=True,
        recipe=head.recipe,
        extractor=extractor,
        genres=list(head.genres),
        thresholds=list(head.thresholds),
        sure_thresholds=list(head.sure_thresholds or ()),
        no_evidence=list(head.no_evidence),
        calibration=_dictionary(metrics, "calibration"),
        metrics=metrics,
        config=_dictionary(metrics, "config"),
        dataset_fingerprint=str(_dictionary(card, "posters").get("csv_sha256", ""))[:LONGEST_FINGERPRINT],
        weights_file=promotion.keep_files(weights, sha256),
        weights_sha256=sha256,
    )
    if promotion.active_model() is None:
        promotion.promote(model, queue=False)
    return TakenUp(model, True)


def look_with_new_eyes() -> Run | None:
    """A run that looks at every poster with our own ConvNet, for a catalogue that only others have looked at.

    The one that waits already, if the promotion of the bundled genre model has started it. None when it has
    begun, when nothing is embedded yet, when POSTERSITE_EXTRACTORS names extractors, and while another
    embedding run goes on. The workers take the run up at the next sweep.
    """
    if settings.EXTRACTORS or not extractors.available([EYES])[0] or not Embedding.objects.exists():
        return None
    begun = Embedding.objects.filter(extractor__fingerprint=extractors.fingerprint(EYES)).exists()
    if begun:
        return None
    live = lifecycle.live_runs().filter(kind="embed").first()
    if live is not None:
        return live if EYES in live.params["extractors"] else None
    after = ["label"] if promotion.active_model() is not None else []
    return lifecycle.start("embed", queue=False, followed_by=after)


def _card(weights: Path, sha256: str) -> dict[str, Any]:
    """What the training wrote down about itself, beside the weights; empty if it is lacking or another's."""
    try:
        card = json.loads((weights.parent / CARD).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return card if _dictionary(card, "genres").get("sha256") == sha256 else {}


def _is_whole(weights: Path, sha256: str) -> bool:
    try:
        load_head(weights, sha256=sha256)
    except ModelFileError:
        return False
    return True


def _dictionary(values: Any, key: str) -> dict[str, Any]:
    found = values.get(key) if isinstance(values, dict) else None
    return found if isinstance(found, dict) else {}
