"""Genre models found by folder or file, with the extractor each one reads; hostile until checked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ml.backbones import BACKBONES, STANDARD, UnknownExtractor, parse_spec
from ml.evaluation.errors import EvaluationError
from ml.genres.head import GenreHead, ModelFileError, load_head
from ml.genres.head_file import manifest_path
from ml.runtime import resolve_fingerprint
from ml.weights import WeightsUnavailable

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
    found = [path for path in place.glob("*.npz") if manifest_path(path).is_file()] if place.is_dir() else []
    if not found:
        raise EvaluationError(
            f"There is no genre model in {place} (a .npz with its manifest, a .json of the same name): train "
            "one with `manage.py train_genres`, or name the folder or file of one."
        )
    return max(found, key=lambda path: (path.stat().st_mtime_ns, path.name))


def read_teller(
    path: Path, weights_dir: Path | None, *, extractor: str | None = None, sha256: str | None = None
) -> Teller:
    """Read the genre model at `path` (.npz) and find the extractor whose vectors it reads.

    extractor: its spec, where somebody knows it; else it is told from the fingerprint in the manifest.

    Raises EvaluationError if a file is damaged, or if the extractor cannot be had here or differs.
    """
    try:
        head = load_head(path, sha256)
    except ModelFileError as error:
        raise EvaluationError(str(error)) from error
    spec = matching_extractor(head.extractor, extractor, weights_dir, f"The genre model {path.name}")
    return teller_of(head, spec, {"file": path.name, "extractor_fingerprint": head.extractor})


def teller_of(head: GenreHead, extractor: str, facts: dict[str, Any]) -> Teller:
    """The genre model that reads vectors of `extractor` (a spec), with both its operating points."""
    sure = head.sure_thresholds
    told = {**facts, "recipe": head.recipe, "no_evidence": list(head.no_evidence)}
    return Teller(head, extractor, sure, "" if sure is not None else NO_SURE, told)


def matching_extractor(fingerprint: str, spec: str | None, weights_dir: Path | None, who: str) -> str:
    """The spec of the extractor that has this fingerprint here.

    spec: what it should be, if known. Raises EvaluationError, with what to do, if there is none.
    """
    if not fingerprint and spec is None:
        raise EvaluationError(
            f"{who} does not say which extractor's vectors it was trained on: name it with --extractor."
        )
    wanted = [spec] if spec else _candidates(fingerprint)
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
        raise EvaluationError(
            f"{trained_on}, and the weights at hand make {alike[0]}: vectors of different fingerprints "
            "can't be compared. Put the weights it was trained with into the weights folder, or train again."
        )
    raise EvaluationError(
        f"{trained_on}, which no extractor here makes: name the extractor with --extractor."
    )


def _candidates(fingerprint: str) -> Sequence[str]:
    """Specs that may have this fingerprint: what its readable part says, then the standard of its kind."""
    backbone, *parts = fingerprint.split("-")
    if backbone not in BACKBONES:
        return STANDARD
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
