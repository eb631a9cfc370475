"""Explain a suggestion by a heat map of its poster, computed on request and cached on disk.

The web process computes heat maps itself: the extractor takes about 40 MB and 10 ms per poster. A worker
would have to embed every poster again after each training, or let reviewers wait. One pass serves all genres.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from django.conf import settings
from django.db.models import Q

from catalog.embeddings import extractors
from catalog.models import GenreModel, Poster, Suggestion
from ml.extractors.errors import ExtractorFailed
from ml.extractors.registry import BACKBONES, UnknownExtractor, parse_spec
from ml.extractors.weights import WeightsUnavailable
from ml.files import write_bytes
from ml.genres import explanations
from ml.genres.head import FeatureMismatch
from ml.genres.head_file import ModelFileError
from ml.imaging import heat_maps
from ml.imaging.images import ImageRejected, load_pixels

from . import suggestions
from .names import genre_rows

log = logging.getLogger(__name__)

# To be increased when the computation changes.
REVISION = 1
# 256 folders of 64 files of about 4 kB are 64 MB at most. The least recently used files are deleted.
MAX_FILES_PER_FOLDER = 64
MAX_SIDE = 64

_lock = threading.Lock()


class CannotExplain(ValueError):
    """A suggestion has no heat map; the message says why, and contains no path of the server."""


@dataclass(frozen=True)
class Explanation:
    """Which places of a poster increase the score of a genre.

    poster: the poster that the model scored; the movie may show another one by now. places: (h, w) float32,
    in logits above an average poster. words: such as "lower left"; empty if no place increases the score.
    version: a hash of all of this, for URLs that can be cached forever.
    """

    suggestion: Suggestion
    poster: Poster
    places: npt.NDArray[np.float32]
    words: str
    version: str

    @property
    def sentence(self) -> str:
        genre = self.suggestion.genre.name
        if not self.words:
            return f"No part of this poster suggests {genre} more than an average poster does."
        return f"Where the model sees {genre}: {self.words}."

    @property
    def caption(self) -> str:
        """The same in a few words."""
        return f"{self.suggestion.genre.name}: {self.words or 'no part suggests it'}"

    def picture(self) -> bytes:
        """The heat map as a PNG with transparency, to overlay on the poster at any size."""
        return heat_maps.encoded(heat_maps.overlay(self.places, (self.poster.width, self.poster.height)))


def explain(suggestion: Suggestion) -> Explanation:
    """The heat map of the suggestion's poster and genre. Raises CannotExplain.

    A movie is scored by all its posters together, and by its title, year and overview if the model reads
    them; the heat map is of the poster that the suggestion refers to.
    """
    model = suggestion.model
    if not suggestion.poster_sha256:
        raise CannotExplain("This was suggested without a poster.")
    same = Q(pk=suggestion.poster_id) | Q(movie=suggestion.movie_id)
    poster = Poster.objects.filter(same, sha256=suggestion.poster_sha256).first()
    if poster is None:
        raise CannotExplain("The poster of this suggestion was deleted.")
    genres = [genre.pk for genre in genre_rows(model.genres)]
    if suggestion.genre_id not in genres:
        raise CannotExplain(f"The genre model has no genre named {suggestion.genre.name}.")
    name = _cache_name(poster, model)
    index = genres.index(suggestion.genre_id)
    places = _evidence(poster, model, name)[:, :, index]
    return Explanation(suggestion, poster, places, explanations.where(places), f"{name[:16]}-{index}")


def _cache_name(poster: Poster, model: GenreModel) -> str:
    facts = f"{REVISION} {poster.sha256} {model.extractor.fingerprint} {model.weights_sha256}"
    return hashlib.sha256(facts.encode()).hexdigest()


def _evidence(poster: Poster, model: GenreModel, name: str) -> npt.NDArray[np.float32]:
    """(h, w, genres) float32, from the cache or computed. Raises CannotExplain."""
    path = Path(settings.HEAT_MAPS_DIR) / name[:2] / f"{name}.npy"
    cached = _read(path, len(model.genres))
    if cached is not None:
        return cached
    with _lock:
        # Another thread may have computed it meanwhile.
        places = _read(path, len(model.genres))
        if places is None:
            places = _compute(poster, model)
            _write(path, places)
    return places


def _compute(poster: Poster, model: GenreModel) -> npt.NDArray[np.float32]:
    spec = extractors.spec_of(model.extractor) or model.extractor.spec
    try:
        if not BACKBONES[parse_spec(spec).backbone].trained:
            raise CannotExplain(f"The extractor {spec} cannot produce heat maps.")
        extractor = extractors.load(spec)
        if extractor.fingerprint != model.extractor.fingerprint:
            raise CannotExplain(
                "This was suggested with an earlier version of the extractor. Start “Suggest genres” for "
                "suggestions with heat maps."
            )
        head = suggestions.load(model).poster
        if head is None:
            raise CannotExplain("The genre model of this suggestion does not read posters.")
        if list(head.genres) != list(model.genres):
            raise FeatureMismatch(f"The weights of {model} have other genres than its row.")
        with poster.file.open("rb") as file:
            pixels = load_pixels(file.read(), extractor.spec.size, resize=extractor.spec.resize)
        _, maps = extractor.embed_with_map(pixels[None])
        return explanations.evidence(head, maps[0]).places
    except (WeightsUnavailable, UnknownExtractor, ExtractorFailed) as error:
        raise _failure(
            "The extractor of this suggestion is not available any more.", poster, error
        ) from error
    except ModelFileError as error:
        raise _failure("The genre model of this suggestion cannot be read.", poster, error) from error
    except (OSError, ImageRejected) as error:
        raise _failure("The poster's file cannot be read: fetch it again.", poster, error) from error
    except FeatureMismatch as error:
        raise _failure("The genre model and the extractor do not belong together.", poster, error) from error


def _failure(message: str, poster: Poster, error: Exception) -> CannotExplain:
    # Heat maps are public, and the error contains paths of the server: it is only logged.
    log.warning("No heat map for the %s: %s", poster, error)
    return CannotExplain(message)


def _read(path: Path, genres: int) -> npt.NDArray[np.float32] | None:
    """The cached array; None if there is none, or a damaged one."""
    try:
        with path.open("rb") as file:
            content = file.read(4 * MAX_SIDE**2 * genres + 1000)
        places = np.load(io.BytesIO(content), allow_pickle=False)
    except (OSError, ValueError, EOFError, SyntaxError, MemoryError):
        return None
    if places.dtype != np.float32 or places.ndim != 3 or places.shape[2] != genres:
        return None
    if not places.size or not np.isfinite(places).all():
        return None
    with suppress(OSError):
        os.utime(path)
    return np.asarray(places)


def _write(path: Path, places: npt.NDArray[np.float32]) -> None:
    buffer = io.BytesIO()
    np.save(buffer, places, allow_pickle=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, buffer.getvalue())
        _prune(path.parent)
    except OSError as error:
        log.warning("A heat map could not be cached in %s: %s", path.parent, error.strerror or error)


def _prune(folder: Path) -> None:
    """Delete the least recently used files; other processes may do so at the same time."""
    found: list[tuple[float, Path]] = []
    for path in folder.iterdir():
        with suppress(FileNotFoundError):
            found.append((path.stat().st_mtime, path))
    for _, path in sorted(found, reverse=True)[MAX_FILES_PER_FOLDER:]:
        path.unlink(missing_ok=True)
