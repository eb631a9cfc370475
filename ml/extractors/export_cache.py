"""Exported models kept on disk: made once, checked before each use, remade if damaged."""

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

from .export import manifest_path
from .registry import ExtractorSpec

logger = logging.getLogger(__name__)


class ExtractorFailed(RuntimeError):
    """An extractor could not be made ready, or gave numbers that are no vector."""


def exported_model(
    spec: ExtractorSpec, fingerprint: str, *, weights_dir: Path | None, cache_dir: Path
) -> tuple[Path, dict[str, Any]]:
    """The LiteRT file of an extractor and its manifest, exported first if `cache_dir` has no sound one.

    Exporting takes half a minute and several hundred megabytes, in a process of its own. Of several
    processes or threads that ask at once, one exports and the others wait.

    Raises:
        ExtractorFailed: the export failed; the text says why.
    """
    cache_dir.mkdir(parents=True, exist_ok=True)
    file = cache_dir / f"{fingerprint}.tflite"
    manifest = _sound_manifest(file, fingerprint)
    if manifest is None:
        with _alone(cache_dir / f".{fingerprint}.lock"):
            manifest = _sound_manifest(file, fingerprint)
            if manifest is None:
                _export(spec, weights_dir, file)
                manifest = _sound_manifest(file, fingerprint)
    if manifest is None:
        raise ExtractorFailed(
            f"{file} is not sound after a fresh export of {spec.name}: were its weights replaced meanwhile? "
            "Try again; if it stays so, check the disk."
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


def _sound_manifest(file: Path, fingerprint: str) -> dict[str, Any] | None:
    """The manifest beside `file` if it is for this fingerprint and the file's SHA-256 is the one it tells."""
    try:
        manifest = json.loads(manifest_path(file).read_bytes())
        digest = file_sha256(file)
        sound = manifest["sha256"] == digest and manifest["fingerprint"] == fingerprint
        sound = sound and isinstance(manifest["dims"], int)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        logger.warning("%s cannot be used (%s); it will be exported again", file, error)
        return None
    if not sound:
        logger.warning("%s does not match its manifest; it will be exported again", file)
    return manifest if sound else None


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Hold an advisory lock that ends with the process, however it ends."""
    with lock.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)
