"""Training data of a genre head: features, labels, groups and genre names, checked, and their file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.files import UNREADABLE_ARRAYS

MIN_ROWS = 10


class TrainingDataError(ValueError):
    """The training data can't be used; the message says what is wrong with it and where."""


@dataclass(frozen=True)
class TrainingSet:
    """n posters with d features and g genres.

    features (n, d) float32; labels (n, g) uint8 of 0 and 1; groups (n,) int64: rows of one group (a
    franchise, copies of one poster) are never split, a negative number is a group of one row; genres: g
    names; extractor: fingerprint of the extractor of the features ("" if unknown).

    The recipe `evidence` also uses what else is known of the films: titles and overviews, n texts ("" if
    unknown); years (n,) int64 (0 if unknown); has_poster (n,) bool: films without one have any finite
    features, which are not used. None means that they are unknown, or that all have a poster.

    Raises TrainingDataError.
    """

    features: npt.NDArray[np.float32]
    labels: npt.NDArray[np.uint8]
    groups: npt.NDArray[np.int64]
    genres: tuple[str, ...]
    extractor: str = ""
    titles: tuple[str, ...] | None = None
    years: npt.NDArray[np.int64] | None = None
    overviews: tuple[str, ...] | None = None
    has_poster: npt.NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        rows = len(self.features)
        for name in ("titles", "years", "overviews", "has_poster"):
            if (given := getattr(self, name)) is not None and np.shape(given) != (rows,):
                raise TrainingDataError(f"{name} must have one entry per film, {rows}.")
        if self.features.ndim != 2 or not self.features.shape[1]:
            raise TrainingDataError(
                f"features must be (posters, numbers); their shape is {self.features.shape}."
            )
        if self.labels.shape != (rows, len(self.genres)):
            raise TrainingDataError(
                f"labels must have one row per poster and one column per genre, {(rows, len(self.genres))}; "
                f"their shape is {self.labels.shape}."
            )
        if self.groups.shape != (rows,):
            raise TrainingDataError(
                f"groups must have one number per poster, {(rows,)}; got {self.groups.shape}."
            )
        if rows < MIN_ROWS:
            raise TrainingDataError(
                f"There are only {rows} labelled posters, and training needs at least {MIN_ROWS}: label or "
                "import more."
            )
        if not self.genres or not all(self.genres) or len(set(self.genres)) != len(self.genres):
            raise TrainingDataError("genres must be names, each given once.")
        broken = np.flatnonzero(~np.isfinite(self.features).all(axis=1))
        if broken.size:
            raise TrainingDataError(
                f"{broken.size} of {rows} feature rows hold NaN or infinity, the first is row {broken[0]}: "
                "embed those posters again."
            )
        if not np.isin(self.labels, (0, 1)).all():
            raise TrainingDataError("labels must be 0 or 1.")


def training_set(
    features: npt.ArrayLike,
    labels: npt.ArrayLike,
    genres: Sequence[str],
    groups: npt.ArrayLike | None = None,
    extractor: str = "",
    *,
    titles: Sequence[str] | None = None,
    years: npt.ArrayLike | None = None,
    overviews: Sequence[str] | None = None,
    has_poster: npt.ArrayLike | None = None,
) -> TrainingSet:
    """Build a TrainingSet from arrays of any numeric type; without groups, every row is its own group.

    Raises TrainingDataError.
    """
    try:
        table = np.ascontiguousarray(features, dtype=np.float32)
        truth = np.asarray(labels)
        if not np.isin(truth, (0, 1)).all():
            raise TrainingDataError("labels must be 0 or 1.")
        single = np.full(len(table), -1)
        group = np.asarray(single if groups is None else groups)
        if group.dtype.kind not in "iu":
            raise TrainingDataError(f"groups must be whole numbers; their type is {group.dtype}.")
        return TrainingSet(
            table,
            truth.astype(np.uint8),
            group.astype(np.int64),
            tuple(genres),
            extractor,
            None if titles is None else tuple(titles),
            None if years is None else np.asarray(years).astype(np.int64),
            None if overviews is None else tuple(overviews),
            None if has_poster is None else np.asarray(has_poster).astype(bool),
        )
    except TrainingDataError:
        raise
    except (TypeError, ValueError) as error:
        raise TrainingDataError(f"The training data is not made of numbers: {error}.") from error


def write_training_set(data: TrainingSet, path: Path) -> None:
    """Save `data` as an .npz for `read_training_set` and `python -m ml.genres.training --data`."""
    known: dict[str, npt.NDArray[Any]] = {}
    for name in ("titles", "overviews"):
        if (texts := getattr(data, name)) is not None:
            # UTF-8 and lengths: an array of texts would pad each to the longest.
            encoded = [text.encode("utf-8", "replace") for text in texts]
            known[name] = np.frombuffer(b"".join(encoded), dtype=np.uint8)
            known[f"{name}_lengths"] = np.array([len(one) for one in encoded], dtype=np.int64)
    for name in ("years", "has_poster"):
        if (values := getattr(data, name)) is not None:
            known[name] = values
    with path.open("wb") as file:
        np.savez(
            file,
            allow_pickle=False,
            **known,
            features=data.features,
            labels=data.labels,
            groups=data.groups,
            genres=np.array(data.genres, dtype=np.str_),
            extractor=np.array(data.extractor, dtype=np.str_),
        )


def read_training_set(path: Path) -> TrainingSet:
    """Read features, labels, genres and, where given, everything else of a TrainingSet from an .npz.

    Raises TrainingDataError naming the file, if it is missing, damaged, pickled or inconsistent.
    """
    try:
        # np.load would also accept a single array or a pickle.
        with path.open("rb") as file:
            if file.read(4) != b"PK\x03\x04":
                raise TrainingDataError(f"{path} is not an .npz archive.")
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except TrainingDataError:
        raise
    except OSError as error:
        raise TrainingDataError(f"{path} can't be read: {error.strerror or error}.") from error
    except UNREADABLE_ARRAYS as error:
        raise TrainingDataError(f"{path} is damaged or holds more than plain arrays: {error}.") from error
    missing = [name for name in ("features", "labels", "genres") if name not in arrays]
    if missing:
        raise TrainingDataError(
            f"{path} has no array {missing[0]!r}; it has {', '.join(sorted(arrays)) or 'none'}."
        )
    names = arrays["genres"]
    if names.ndim != 1 or names.dtype.kind != "U":
        raise TrainingDataError(f"In {path}, genres must be a list of texts.")
    try:
        return training_set(
            arrays["features"],
            arrays["labels"],
            [str(name) for name in names],
            arrays.get("groups"),
            str(arrays.get("extractor", "")),
            titles=_texts(arrays, "titles"),
            years=arrays.get("years"),
            overviews=_texts(arrays, "overviews"),
            has_poster=arrays.get("has_poster"),
        )
    except TrainingDataError as error:
        raise TrainingDataError(f"{path} can't be used: {error}") from error


def _texts(arrays: dict[str, npt.NDArray[Any]], name: str) -> list[str] | None:
    if name not in arrays:
        return None
    content, lengths = arrays[name], arrays.get(f"{name}_lengths")
    if content.dtype != np.uint8 or lengths is None or lengths.dtype.kind not in "iu" or lengths.ndim != 1:
        raise TrainingDataError(f"{name} must be UTF-8 bytes with their lengths.")
    ends = np.cumsum(lengths).tolist()
    if (lengths < 0).any() or (ends[-1] if ends else 0) != len(content):
        raise TrainingDataError(f"The lengths of {name} do not add up to its bytes.")
    raw = content.tobytes()
    return [raw[start:end].decode("utf-8", "replace") for start, end in zip([0, *ends], ends, strict=False)]
