"""The bundled extractor, the genre model for its vectors, and their model card."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).resolve().parent

EXTRACTOR = _FOLDER / "postersite.tflite"
"""The extractor `postersite`: a LiteRT file, see `ml.extractors.litert`."""

PREVIOUS = _FOLDER / "previous"
"""Extractors of earlier versions, for sites with vectors of them: `postersite:NAME` is the file NAME."""

GENRES = _FOLDER / "genres.npz"
"""The genre model, read by `ml.genres.evidence.model_file.load_model`; its manifest is genres.json."""

CARD = _FOLDER / "model-card.md"
"""What they were trained on and how, their accuracy, and their limits."""
