"""Say where in its poster a movie's suggested genre is seen: looked at once on request, kept on disk.

The web process does this itself: there the extractor costs some 40 MB and 10 ms a poster, for those posters
that somebody asks about. A worker would have to look again at every poster of a catalogue after every
training, or let a reviewer wait behind one. One look serves all genres of a model.
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

# Changes when the arithmetic of what is kept does.
REVISION = 1
# What was not asked for longest goes first: 256 folders of 64 files of some 4 kB are 64 MB at most.
KEPT_PER_FOLDER = 64
LARGEST_SIDE = 64

_one_at_a_time = threading.Lock()


class CannotExplain(ValueError):
    """There is no heat map of a suggestion; the sentence says why, and names no file of the server."""


@dataclass(frozen=True)
class Explanation:
    """Where one poster speaks for one genre.

    poster: what the model saw, which the movie may not show any more. places: (h, w) float32, in logits above
    an average poster. words: such as "lower left"; empty if no place speaks for the genre. version: names
    all of this, for addresses that never go stale.
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
            return f"No place in this poster speaks for {genre} more than in an average one."
        return f"Where the model sees {genre}: {self.words}."

    @property
    def caption(self) -> str:
        """The same in few words."""
        return f"{self.suggestion.genre.name}: {self.words or 'no place speaks for it'}"

    def picture(self) -> bytes:
        """The heat map as a PNG with transparency, to lay over the poster in any size."""
        return heat_maps.encoded(heat_maps.overlay(self.places, (self.poster.width, self.poster.height)))


def explain(suggestion: Suggestion) -> Explanation:
    """Where the poster that a suggestion was made from speaks for its genre. Raises CannotExplain.

    A movie is scored by all its posters together; this is about the one that the suggestion names.
    """
    model = suggestion.model
    same = Q(pk=suggestion.poster_id) | Q(movie=suggestion.movie_id)
    poster = Poster.objects.filter(same, sha256=suggestion.poster_sha256).first()
    if poster is None:
        raise CannotExplain("The poster that this was suggested from is gone.")
    genres = [genre.pk for genre in genre_rows(model.genres)]
    if suggestion.genre_id not in genres:
        raise CannotExplain(f"The genre model does not know {suggestion.genre.name} by this name any more.")
    name = _name(poster, model)
    index = genres.index(suggestion.genre_id)
    places = _evidence(poster, model, name)[:, :, index]
    return Explanation(suggestion, poster, places, explanations.where(places), f"{name[:16]}-{index}")


def _name(poster: Poster, model: GenreModel) -> str:
    facts = f"{REVISION} {poster.sha256} {model.extractor.fingerprint} {model.weights_sha256}"
    return hashlib.sha256(facts.encode()).hexdigest()


def _evidence(poster: Poster, model: GenreModel, name: str) -> npt.NDArray[np.float32]:
    """(h, w, genres) float32, from disk or by looking at the poster. Raises CannotExplain."""
    path = Path(settings.HEAT_MAPS_DIR) / name[:2] / f"{name}.npy"
    kept = _read(path, len(model.genres))
    if kept is not None:
        return kept
    with _one_at_a_time:
        # Another thread may just have looked.
        kept = _read(path, len(model.genres))
        if kept is None:
            kept = _look(poster, model)
            _keep(path, kept)
    return kept


def _look(poster: Poster, model: GenreModel) -> npt.NDArray[np.float32]:
    spec = model.extractor.spec
    try:
        if not BACKBONES[parse_spec(spec).backbone].trained:
            raise CannotExplain(f"The extractor {spec} keeps no map of where in a poster it sees what.")
        if extractors.fingerprint(spec) != model.extractor.fingerprint:
            raise CannotExplain(
                "This was suggested with an earlier version of the extractor. Start “Suggest genres” to "
                "see where the present one looks."
            )
        extractor = extractors.load(spec)
        head = suggestions.load(model)
        if list(head.genres) != list(model.genres):
            raise FeatureMismatch(f"The weights of {model} tell other genres than its row says.")
        with poster.file.open("rb") as file:
            pixels = load_pixels(file.read(), extractor.spec.size, resize=extractor.spec.resize)
        _, maps = extractor.embed_with_map(pixels[None])
        return explanations.evidence(head, maps[0]).places
    except (WeightsUnavailable, UnknownExtractor, ExtractorFailed) as error:
        why = "The extractor that this was suggested with is not here any more."
        raise _told(why, poster, error) from error
    except ModelFileError as error:
        raise _told("The genre model that suggested this cannot be read any more.", poster, error) from error
    except (OSError, ImageRejected) as error:
        raise _told("The poster's file cannot be read: fetch it again.", poster, error) from error
    except FeatureMismatch as error:
        raise _told("The genre model and the extractor do not fit together.", poster, error) from error


def _told(why: str, poster: Poster, error: Exception) -> CannotExplain:
    # Anybody may ask, and the error names files of the server: that is for the log.
    log.warning("No heat map for the %s: %s", poster, error)
    return CannotExplain(why)


def _read(path: Path, genres: int) -> npt.NDArray[np.float32] | None:
    """What was kept; None if there is nothing, or nothing whole."""
    try:
        with path.open("rb") as file:
            content = file.read(4 * LARGEST_SIDE**2 * genres + 1000)
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


def _keep(path: Path, places: npt.NDArray[np.float32]) -> None:
    buffer = io.BytesIO()
    np.save(buffer, places, allow_pickle=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, buffer.getvalue())
        _prune(path.parent)
    except OSError as error:
        log.warning("A heat map could not be kept in %s: %s", path.parent, error.strerror or error)


def _prune(folder: Path) -> None:
    """Drop what was asked for longest ago, beyond KEPT_PER_FOLDER; other processes may do so at once."""
    found: list[tuple[float, Path]] = []
    for path in folder.iterdir():
        with suppress(FileNotFoundError):
            found.append((path.stat().st_mtime, path))
    for _, path in sorted(found, reverse=True)[KEPT_PER_FOLDER:]:
        path.unlink(missing_ok=True)
