"""What comes trained with Postersite: the extractor, the genre model over its vectors, their model card."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).resolve().parent

EXTRACTOR = _FOLDER / "postersite.tflite"
"""The extractor `postersite`: a LiteRT file, see `ml.extractors.trained`."""

GENRES = _FOLDER / "genres.npz"
"""The genre model, read by `ml.genres.head.load_head`; its manifest is the .json of the same name."""

CARD = _FOLDER / "model-card.md"
"""What they were trained on, how, how well they do, and where they do not."""
