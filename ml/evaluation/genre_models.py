"""Reading trained genre models, which are untrusted files, and finding the extractor each one needs."""

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
from ml.genres.evidence.films import PARTS
from ml.genres.evidence.model import EvidenceModel
from ml.genres.evidence.model_file import load_model
from ml.genres.head_file import ModelFileError, manifest_path
from ml.genres.thresholds import NEVER

_LAYER_OR_SIZE = re.compile(r"[A-Za-z][A-Za-z0-9_.]*|\d+x\d+")

DEFAULT_EXTRACTOR = "postersite"
NO_SURE_THRESHOLDS = "The model's manifest has no sure_thresholds: it has one operating point only, suggest."


@dataclass(frozen=True)
class GenreModel:
    """A trained genre model.

    Args:
        scorer: its weights, genres and thresholds.
        extractor: spec of the extractor whose vectors it needs.
        facts: more about it, for the report.
    """

    scorer: EvidenceModel
    extractor: str
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def sure_reason(self) -> str:
        """Why there are no *sure* thresholds; "" if there are."""
        head = self.scorer.poster if self.scorer.parts == ("poster",) else None
        return NO_SURE_THRESHOLDS if head is not None and head.sure_thresholds is None else ""

    def used(self, evidence: Sequence[str]) -> tuple[str, ...]:
        """The parts of the evidence that the model uses."""
        return tuple(part for part in self.scorer.parts if part in evidence)

    def thresholds(self, evidence: Sequence[str] = PARTS) -> tuple[Sequence[float], Sequence[float] | None]:
        """The *suggest* and *sure* thresholds of films that have all these parts; without *sure* thresholds
        None. Each genre's is NEVER if the model uses none of the parts."""
        head, used = self.scorer.poster, self.used(evidence)
        if head is not None and self.scorer.parts == ("poster",) == used:
            return head.thresholds, head.sure_thresholds
        if not used:
            return ((NEVER,) * len(self.scorer.genres),) * 2
        chosen = self.scorer.combinations[used].thresholds
        return chosen.suggest.tolist(), chosen.sure.tolist()


def genre_model(scorer: EvidenceModel, extractor: str, facts: dict[str, Any]) -> GenreModel:
    """A genre model over vectors of `extractor` (a spec)."""
    more = {"recipe": scorer.recipe, "parts": list(scorer.parts), "no_evidence": list(scorer.no_evidence)}
    return GenreModel(scorer, extractor, {**facts, **more})


def find_model(path: Path) -> Path:
    """The weights file of the genre model at `path`: the .npz itself, or the newest in a folder.

    Raises EvaluationError if there is none.
    """
    newest = path if path.is_file() else newest_model(path)
    if newest is None:
        raise EvaluationError(
            f"There is no genre model in {path} (a .npz with its manifest, a .json of the same name). Train "
            "one with `manage.py train_genres`, or name the folder or file of one."
        )
    return newest


def newest_model(folder: Path) -> Path | None:
    """The weights file of the newest genre model in `folder`; None if there is none."""
    found = [path for path in folder.glob("*.npz") if manifest_path(path).is_file()]
    return max(found, key=lambda path: (path.stat().st_mtime_ns, path.name), default=None)


def read_model(
    path: Path, weights_dir: Path | None, *, extractor: str | None = None, sha256: str | None = None
) -> GenreModel:
    """Read the genre model at `path` (.npz) and find its extractor.

    extractor: spec, if known. Else the fingerprint in the manifest decides, and the file of a trained
    extractor is also searched beside the model.

    Raises EvaluationError if a file is damaged, or if the extractor is not available here or differs.
    """
    scorer = _load(path, sha256)
    if "poster" not in scorer.parts and extractor is None and not scorer.extractor:
        # It reads no vectors; any extractor can find the look-alikes.
        extractor = DEFAULT_EXTRACTOR
    spec = matching_extractor(
        scorer.extractor, extractor, weights_dir, f"The genre model {path.name}", beside=path.parent
    )
    return genre_model(scorer, spec, {"file": path.name, "extractor_fingerprint": scorer.extractor})


def read_bundled_model(extractor: str, weights_dir: Path | None) -> GenreModel:
    """The bundled genre model, for `extractor`: the bundled one or a copy of it.

    Raises EvaluationError if a file is missing or damaged, or if the model needs other vectors.
    """
    scorer = _load(bundled.GENRES, None)
    try:
        found = resolve_fingerprint(extractor, weights_dir)
    except WeightsUnavailable as error:
        raise EvaluationError(str(error)) from error
    if found != scorer.extractor:
        raise EvaluationError(
            f"The bundled genre model needs vectors of {scorer.extractor}, and {extractor} makes {found}. "
            "Name a model trained on those, or train a recipe with --fit."
        )
    facts = {"file": bundled.GENRES.name, "extractor_fingerprint": scorer.extractor}
    return genre_model(scorer, parse_spec(extractor).name, facts)


def _load(path: Path, sha256: str | None) -> EvidenceModel:
    try:
        return load_model(path, sha256)
    except ModelFileError as error:
        raise EvaluationError(str(error)) from error


def matching_extractor(
    fingerprint: str, spec: str | None, weights_dir: Path | None, model: str, *, beside: Path | None = None
) -> str:
    """The spec of the extractor that has this fingerprint here.

    Args:
        fingerprint: from the manifest of a model; "" if it has none.
        spec: what it should be, if known.
        model: what the error message calls the model.
        beside: a folder where the file of a trained extractor may be.

    Raises:
        EvaluationError: there is none.
    """
    if not fingerprint and spec is None:
        raise EvaluationError(
            f"{model} does not name the extractor whose vectors it was trained on. Name it with --extractor."
        )
    available: list[str] = []
    missing: list[str] = []
    for candidate in [spec] if spec else _specs(fingerprint, beside):
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
            available.append(found)
    raise EvaluationError(_why_none_matches(fingerprint, model, available, missing))


def _why_none_matches(fingerprint: str, model: str, available: Sequence[str], missing: Sequence[str]) -> str:
    trained_on = f"{model} was trained on vectors of {fingerprint}"
    backbone = fingerprint.partition("-")[0]
    alike = [found for found in available if found.partition("-")[0] == backbone]
    if alike:
        remedy = (
            f"Name the file it was trained with by --extractor {backbone}:FILE"
            if BACKBONES[backbone].trained
            else "Put the weights it was trained with into the weights folder"
        )
        return (
            f"{trained_on}, and the weights here make {alike[0]}. Vectors of different fingerprints cannot "
            f"be compared. {remedy}, or train again."
        )
    if missing:
        return f"{trained_on}, which is not available here. {missing[0]}"
    return f"{trained_on}, which no extractor here makes. Name the extractor with --extractor."


def _specs(fingerprint: str, beside: Path | None) -> Sequence[str]:
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
