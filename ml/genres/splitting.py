"""Group-wise, stratified splits and folds: parts share no group and have similar shares of every genre."""

import numpy as np
import numpy.typing as npt

from ml.genres.training_set import TrainingDataError

Indices = npt.NDArray[np.int64]


def split(
    groups: npt.ArrayLike | None, y: npt.ArrayLike, fraction: float = 0.2, seed: int = 0
) -> tuple[Indices, Indices]:
    """Split rows into training and validation, whole groups at a time, roughly stratified by genre.

    groups: (n,) whole numbers, negative for a group of one row, or None. y: (n, genres) of 0 and 1.
    fraction: share of the rows for validation, in (0, 1). Returns two sorted int64 index arrays, neither
    empty.

    Iterative stratification (Sechidis, Tsoumakas & Vlahavas, "On the stratification of multi-label data",
    2011) of groups instead of examples: the rarest genre first, each group to the part that lacks it most.

    Raises TrainingDataError if there are fewer than two groups.
    """
    labels = np.asarray(y, dtype=np.int64)
    member = _group_of_row(groups, len(labels))
    count = int(member.max()) + 1 if len(member) else 0
    if count < 2:
        raise TrainingDataError(
            f"All {len(labels)} posters belong to one group, so none can be held out for validation: add "
            "others."
        )
    # The last column counts rows, so that posters without a genre are distributed too.
    columns = np.column_stack([labels, np.ones(len(labels), dtype=np.int64)])
    held = np.zeros((count, columns.shape[1]), dtype=np.int64)
    np.add.at(held, member, columns)
    in_validation = _assign(held, fraction, np.random.default_rng(seed))
    chosen = in_validation[member]
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def folds(groups: npt.ArrayLike | None, y: npt.ArrayLike, count: int, seed: int = 0) -> Indices:
    """Distribute rows to `count` folds, whole groups at a time, with similar shares of every genre.

    groups, y: see `split`, which is called for each fold. Returns (n,) int64 fold numbers from 0; there are
    fewer folds if there are fewer groups. Raises TrainingDataError for fewer than two groups.
    """
    labels = np.asarray(y)
    member = _group_of_row(groups, len(labels))
    count = min(count, int(member.max()) + 1 if len(member) else 0)
    fold = np.zeros(len(labels), dtype=np.int64)
    rest = np.arange(len(labels))
    for number in range(1, max(count, 2)):
        others, chosen = split(member[rest], labels[rest], 1 / (count - number + 1), seed + number)
        fold[rest[chosen]] = number
        rest = rest[others]
        if len(np.unique(member[rest])) < 2:
            break
    return fold


def _group_of_row(groups: npt.ArrayLike | None, rows: int) -> Indices:
    if groups is None:
        return np.arange(rows)
    given = np.asarray(groups, dtype=np.int64)
    if given.shape != (rows,):
        raise TrainingDataError(f"groups must have one number per poster, {(rows,)}; got {given.shape}.")
    single = given < 0
    keys = np.stack([single, np.where(single, np.arange(rows), given)], axis=1)
    return np.unique(keys, axis=0, return_inverse=True)[1].reshape(rows).astype(np.int64)


def _assign(
    held: npt.NDArray[np.int64], fraction: float, random: np.random.Generator
) -> npt.NDArray[np.bool_]:
    count = len(held)
    wanted = np.outer([1 - fraction, fraction], held.sum(axis=0).astype(np.float64))
    remaining = held.sum(axis=0)
    in_validation = np.zeros(count, dtype=bool)
    waiting = np.ones(count, dtype=bool)
    order = random.permutation(count)
    while waiting.any():
        genres = np.flatnonzero(remaining[:-1] > 0)
        column = int(genres[np.argmin(remaining[genres])]) if genres.size else held.shape[1] - 1
        for group in order[waiting[order] & (held[order, column] > 0)]:
            lack = tuple(wanted[:, column])
            # If both lack the genre equally, the part that needs more rows gets the group.
            side = int(lack[1] > lack[0] or (lack[1] == lack[0] and wanted[1, -1] > wanted[0, -1]))
            in_validation[group] = side == 1
            waiting[group] = False
            wanted[side] -= held[group]
            remaining -= held[group]
    rows = held[:, -1]
    for side in (True, False):
        if not (in_validation == side).any():
            in_validation[np.argmin(rows)] = side
    return in_validation
