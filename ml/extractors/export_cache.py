"""Cache of exported models: exported once, checked before each use, exported again if damaged."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ml.files import file_sha256
from ml.subprocess import SubprocessFailed, run_in_subprocess

from .errors import ExtractorFailed
from .export import manifest_path
from .registry import ExtractorSpec

logger = logging.getLogger(__name__)


def exported_model(
    spec: ExtractorSpec, fingerprint: str, *, weights_dir: Path | None, cache_dir: Path
) -> tuple[Path, dict[str, Any]]:
    """Return the LiteRT file of an extractor and its manifest; export it if `cache_dir` has no valid one.

    An export takes half a minute and several hundred megabytes, in a subprocess. If several processes or
    threads need it at once, one exports and the others wait.

    Raises:
        ExtractorFailed: the export failed; the message says why.
    """
    cache_dir.mkdir(parents=True, exist_ok=True)
    file = cache_dir / f"{fingerprint}.tflite"
    manifest = _valid_manifest(file, fingerprint)
    if manifest is None:
        with _locked(cache_dir / f".{fingerprint}.lock"):
            manifest = _valid_manifest(file, fingerprint)
            if manifest is None:
                _export(spec, weights_dir, file)
                manifest = _valid_manifest(file, fingerprint)
    if manifest is None:
        raise ExtractorFailed(
            f"{file} is not valid after an export of {spec.name}; its weights may have been replaced. Try "
            "again; if the error persists, check the disk."
        )
    return file, manifest


def _export(spec: ExtractorSpec, weights_dir: Path | None, file: Path) -> None:
    logger.info("Exporting %s to %s", spec.name, file)
    arguments = ["--spec", spec.name, "--out", str(file)]
    if weights_dir is not None:
        arguments += ["--weights", str(weights_dir)]
    try:
        run_in_subprocess("ml.extractors.export", arguments)
    except SubprocessFailed as error:
        raise ExtractorFailed(f"{spec.name} could not be exported: {error}") from error


def _valid_manifest(file: Path, fingerprint: str) -> dict[str, Any] | None:
    """The manifest of `file` if its fingerprint and SHA-256 match; else None."""
    try:
        manifest = json.loads(manifest_path(file).read_bytes())
        digest = file_sha256(file)
        valid = manifest["sha256"] == digest and manifest["fingerprint"] == fingerprint
        valid = valid and isinstance(manifest["dims"], int)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        logger.warning("%s cannot be used (%s); it will be exported again", file, error)
        return None
    if not valid:
        logger.warning("%s does not match its manifest; it will be exported again", file)
    return manifest if valid else None


@contextlib.contextmanager
def _locked(lock: Path) -> Iterator[None]:
    """Hold an advisory lock; it is released when the process ends."""
    with lock.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)
