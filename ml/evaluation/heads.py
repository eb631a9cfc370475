"""Genre models found by folder or file, with the extractor each one reads; hostile until checked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ml import bundled
from ml.evaluation.errors import EvaluationError
from ml.extractors.registry import BACKBONES, STANDARD, UnknownExtractor, parse_spec
from ml.extractors.runtime import resolve_fingerprint
from ml.extractors.weights import WeightsUnavailable
from ml.genres.head import GenreHead, ModelFileError, load_head
from ml.genres.head_file import manifest_path

_LAYER_OR_SIZE = re.compile(r"[A-Za-z][A-Za-z0-9_.]*|\d+x\d+")

NO_SURE = "The model's manifest has no sure_thresholds: it knows one operating point only, suggest."


@dataclass(frozen=True)
class Teller:
    """A trained genre model.

    extractor: spec of what makes the vectors it reads. sure: one threshold a genre or None, and then
    `sure_reason` says why. facts: more about it, for the report.
    """

    head: GenreHead
    extractor: str
    sure: tuple[float, ...] | None
    sure_reason: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


def find_head(place: Path) -> Path:
    """The weights file of the genre model at `place`: the .npz itself, or the newest of a folder.

    Raises EvaluationError if there is none.
    """
    if place.is_file():
        return place
    newest = newest_head(place)
    if newest is None:
        raise EvaluationError(
            f"There is no genre model in {place} (a .npz with its manifest, a .json of the same name): train "
            "one with `manage.py train_genres`, or name the folder or file of one."
        )
    return newest


def newest_head(folder: Path) -> Path | None:
    """The weights file of the newest genre model in `folder`; None if it holds none or is not there."""
    found = [path for path in folder.glob("*.npz") if manifest_path(path).is_file()]
    return max(found, key=lambda path: (path.stat().st_mtime_ns, path.name), default=None)


def read_teller(
    path: Path, weights_dir: Path | None, *, extractor: str | None = None, sha256: str | None = None
) -> Teller:
    """Read the genre model at `path` (.npz) and find the extractor whose vectors it reads.

    extractor: its spec, where somebody knows it; else it is told from the fingerprint in the manifest, and a
    trained extractor's file is looked for beside the model too.

    Raises EvaluationError if a file is damaged, or if the extractor cannot be had here or differs.
    """
    head = _load(path, sha256)
    spec = matching_extractor(
        head.extractor, extractor, weights_dir, f"The genre model {path.name}", beside=path.parent
    )
    return teller_of(head, spec, {"file": path.name, "extractor_fingerprint": head.extractor})


def read_shipped(extractor: str, weights_dir: Path | None) -> Teller:
    """The genre model that comes with Postersite, for `extractor`: that which comes with it, or a copy.

    Raises EvaluationError if a file is missing or damaged, or if the model reads other vectors.
    """
    head = _load(bundled.GENRES, None)
    try:
        found = resolve_fingerprint(extractor, weights_dir)
    except WeightsUnavailable as error:
        raise EvaluationError(str(error)) from error
    if found != head.extractor:
        raise EvaluationError(
            f"The genre model that comes with Postersite reads vectors of {head.extractor}, and {extractor} "
            f"makes {found}: name a model trained on those, or train a recipe with --fit."
        )
    facts = {"file": bundled.GENRES.name, "extractor_fingerprint": head.extractor}
    return teller_of(head, parse_spec(extractor).name, facts)


def _load(path: Path, sha256: str | None) -> GenreHead:
    try:
        return load_head(path, sha256)
    except ModelFileError as error:
        raise EvaluationError(str(error)) from error


def teller_of(head: GenreHead, extractor: str, facts: dict[str, Any]) -> Teller:
    """The genre model that reads vectors of `extractor` (a spec), with both its operating points."""
    sure = head.sure_thresholds
    told = {**facts, "recipe": head.recipe, "no_evidence": list(head.no_evidence)}
    return Teller(head, extractor, sure, "" if sure is not None else NO_SURE, told)


def matching_extractor(
    fingerprint: str, spec: str | None, weights_dir: Path | None, who: str, *, beside: Path | None = None
) -> str:
    """The spec of the extractor that has this fingerprint here.

    spec: what it should be, if known. beside: a folder where its trained file may lie.

    Raises EvaluationError, with what to do, if there is none.
    """
    if not fingerprint and spec is None:
        raise EvaluationError(
            f"{who} does not say which extractor's vectors it was trained on: name it with --extractor."
        )
    wanted = [spec] if spec else _candidates(fingerprint, beside)
    had: list[str] = []
    missing: list[str] = []
    for candidate in wanted:
        try:
            found = resolve_fingerprint(candidate, weights_dir)
        except WeightsUnavailable as error:
            missing.append(str(error))
        except UnknownExtractor as error:
            if spec:
                raise EvaluationError(str(error)) from error
        else:
            if not fingerprint or found == fingerprint:
                return parse_spec(candidate).name
            had.append(found)
    trained_on = f"{who} was trained on vectors of {fingerprint}"
    backbone = fingerprint.partition("-")[0]
    alike = [found for found in had if found.partition("-")[0] == backbone]
    if missing and not alike:
        raise EvaluationError(f"{trained_on}, which can't be made here. {missing[0]}")
    if alike:
        trained = BACKBONES[backbone].trained
        remedy = (
            f"Name the file it was trained with by --extractor {backbone}:FILE"
            if trained
            else "Put the weights it was trained with into the weights folder"
        )
        raise EvaluationError(
            f"{trained_on}, and the weights at hand make {alike[0]}: vectors of different fingerprints "
            f"can't be compared. {remedy}, or train again."
        )
    raise EvaluationError(
        f"{trained_on}, which no extractor here makes: name the extractor with --extractor."
    )


def _candidates(fingerprint: str, beside: Path | None) -> Sequence[str]:
    """Specs that may have this fingerprint: what its readable part says, then the standard of its kind."""
    backbone, *parts = fingerprint.split("-")
    if backbone not in BACKBONES:
        return STANDARD
    if BACKBONES[backbone].trained:
        files = sorted(beside.glob("*.tflite")) if beside is not None else []
        return [backbone, *(f"{backbone}:{file}" for file in files)]
    rebuilt = [backbone]
    for part in parts[:-1]:
        if part == "gap":
            rebuilt.append("avg")
        elif part == "flat":
            rebuilt.append("flatten")
        elif part.isdigit() and BACKBONES[backbone].sizable:
            rebuilt.append(f"{part}x{part}")
        elif part not in ("bilinear", "f32") and _LAYER_OR_SIZE.fullmatch(part):
            rebuilt.append(part)
    return [":".join(rebuilt), *(spec for spec in STANDARD if spec.partition(":")[0] == backbone)]
