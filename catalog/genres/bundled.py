"""Install the bundled genre model, and replace what an earlier version bundled.

After an upgrade to another network, `embed_with_bundled_extractor` starts the run that embeds the posters
again, and `replace_genre_model` what follows. Both find in the database what is done, and do the next step in
one transaction, so they can be called at any time, by several processes, and after a crash.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from django.db import IntegrityError, transaction

from catalog.embeddings import extractors
from catalog.embeddings.embedding import not_embedded
from catalog.models import Embedding, Extractor, GenreModel, Poster, Run
from catalog.runs import lifecycle
from catalog.stored_json import dictionary
from ml import bundled
from ml.files import file_sha256
from ml.genres.evidence.model import EvidenceModel
from ml.genres.evidence.model_file import load_model
from ml.genres.head_file import ModelFileError
from ml.genres.recipes import LOGISTIC, config_values

from . import model_files, promotion
from .training import REPLACES

log = logging.getLogger(__name__)

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

    It becomes active if no other model is, else it is a candidate (see `replace_genre_model`). Missing files
    are stored again.

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
        if not _is_intact(existing):
            model_files.store(weights, sha256)
        return Installed(existing, False)
    extractor, _ = Extractor.objects.get_or_create(
        fingerprint=found.extractor, defaults={"spec": EXTRACTOR, "dims": found.dims or 0}
    )
    card = _card(weights, sha256)
    metrics = dictionary(dictionary(card, "genres"), "metrics")
    dataset = str(dictionary(card, "posters").get("csv_sha256", ""))
    model = GenreModel.objects.create(
        version=version,
        shipped=True,
        extractor=extractor,
        **promotion.columns_of(found),
        calibration=dictionary(metrics, "calibration"),
        metrics=metrics,
        config=dictionary(metrics, "config"),
        dataset_fingerprint=dataset[:MAX_FINGERPRINT_LENGTH],
        weights_file=model_files.store(weights, sha256),
        weights_sha256=sha256,
    )
    if promotion.active_model() is None:
        promotion.promote(model, queue=False)
    return Installed(model, True)


def embed_with_bundled_extractor() -> Run | None:
    """Start a run that embeds a catalogue with the bundled extractor if another one serves look-alikes.

    Returns the run of an earlier call that is live. Returns None if look-alikes come from the bundled
    extractor, if it lacks no poster, if nothing is embedded, and if POSTERSITE_EXTRACTORS is set. The workers
    start the run at the next sweep. If the run is cancelled, the next call starts another one.
    """
    available, _ = extractors.available([EXTRACTOR])
    if settings.EXTRACTORS or not available or not Embedding.objects.exists():
        return None
    vectors = available[EXTRACTOR]
    with transaction.atomic():
        promotion.lock_models()
        serving = extractors.default_extractor()
        posters = Poster.objects.filter(is_primary=True)
        is_done = serving is None or serving.fingerprint == vectors
        if is_done or not not_embedded(posters, [vectors]).exists():
            return None
        live = lifecycle.live_runs().filter(kind="embed", params__vectors=vectors).first()
        followers = ["label"] if promotion.active_model() is not None else []
        return live or lifecycle.start(
            "embed", params={"vectors": vectors}, followed_by=followers, queue=False
        )


def replace_genre_model() -> Run | None:
    """Replace an active genre model of an earlier version once look-alikes come from the bundled extractor.

    The bundled model of an earlier version gives way to that of this one, unless a person has undone just
    that. For a model of the site that reads an earlier bundled extractor, a training run on the new vectors
    starts; `training` decides whether its model becomes active. Each happens once. Nothing is done if
    POSTERSITE_EXTRACTORS is set. Returns the run that was started, if any.
    """
    if settings.EXTRACTORS or _next_step() is None:
        return None
    with transaction.atomic():
        promotion.lock_models()
        step = _next_step()  # another process may have done it meanwhile
        return None if step is None else step()


def _next_step() -> Callable[[], Run | None] | None:
    """What replaces the active genre model now; None if nothing does."""
    active = promotion.active_model()
    serving = extractors.default_extractor() if active is not None else None
    if active is None or serving is None:
        return None
    if serving.fingerprint not in extractors.available([EXTRACTOR])[0].values():
        return None
    if active.shipped:
        # One that was promoted before was retired, or its promotion undone, by a person.
        later = GenreModel.objects.filter(
            shipped=True, extractor=serving, version__gt=active.version, promoted_at=None
        ).first()
        return None if later is None else partial(_promote, later)
    if active.extractor == serving or active.extractor.spec != EXTRACTOR:
        return None
    trained = Run.objects.filter(
        kind="train", params__replaces=active.pk, params__vectors=serving.fingerprint
    )
    return None if trained.exists() else partial(_train_again, active, serving)


def installed_message(model: GenreModel) -> str:
    """What setup prints about a bundled model that it has just installed."""
    model.refresh_from_db()
    name = f"Genre model {model.version} is bundled with this version of Postersite"
    if model.state == GenreModel.State.ACTIVE:
        return f"{name} and suggests genres from now on."
    active = promotion.active_model()
    if active is not None and active.shipped and not settings.EXTRACTORS:
        return (
            f"{name}. It replaces genre model {active.version} when its extractor has embedded the posters."
        )
    return f"{name}. It is a candidate; compare its metrics and promote it in the admin if you like."


def _promote(model: GenreModel) -> Run | None:
    try:
        return promotion.promote(model, queue=False)
    except promotion.CannotPromote as error:
        log.warning("%s The next start restores its file.", error)
        return None


def _train_again(model: GenreModel, extractor: Extractor) -> Run:
    """Start a training run like that of `model` on vectors of `extractor`, a later version of its own."""
    params = {REPLACES: model.pk, "vectors": extractor.fingerprint, "extractor": EXTRACTOR, **_recipe(model)}
    return lifecycle.start("train", params=params, queue=False)


def _recipe(model: GenreModel) -> dict[str, Any]:
    """Recipe and settings of the model; none, for those of this version, if they were the defaults."""
    config = {key: value for key, value in model.config.items() if key != "name"}
    defaults = json.loads(json.dumps(config_values(LOGISTIC)))
    if model.recipe == LOGISTIC.name and all(defaults.get(key) == value for key, value in config.items()):
        return {}
    return {"recipe": model.recipe, "config": config}


def _card(weights: Path, sha256: str) -> dict[str, Any]:
    """What the training recorded beside the weights; empty if it is missing or describes other weights."""
    try:
        card = json.loads((weights.parent / CARD).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return card if dictionary(card, "genres").get("sha256") == sha256 else {}


def _is_intact(model: GenreModel) -> bool:
    try:
        model_files.load(model)
    except ModelFileError:
        return False
    return True
