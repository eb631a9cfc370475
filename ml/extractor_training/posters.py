"""The posters that networks and genre models are trained on, with their genres, texts, groups and parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.command_line import ProgressBar
from ml.csv_files.rows import Row, read_rows
from ml.files import write_json
from ml.genres.evidence.films import Films
from ml.genres.evidence.training import EvidenceData
from ml.genres.training_set import TrainingDataError
from ml.labelled_set.listing import LabelledPoster, LabelledSet, label_table, read_labelled_set, sample
from ml.labelled_set.pictures import read_pictures

from .errors import TrainingError
from .further import FURTHER_PARTS, LEFT_OUT, further_parts, with_further
from .splits import TRAIN, PosterGroups, Split, check_groups, group_posters, stored_split

MIN_POSTERS = 30
LEFT_OUT_ROWS = "left-out.json"

Floats = npt.NDArray[np.float32]
Indexes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Sources:
    """What to read.

    listing, images: a CSV and the folder of its files. more: the same of further posters, for training only.
    texts: a CSV with the columns imdb_id, overview and, if known, keywords. limit: number of posters of each
    CSV, drawn with `seed`.
    """

    listing: Path
    images: Path
    more: tuple[Path, Path] | None = None
    texts: Path | None = None
    limit: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class Listing:
    """A CSV and its content: the usable posters with their hashes (n,) uint64, and the rows left out."""

    csv: Path
    content: LabelledSet
    posters: tuple[LabelledPoster, ...]
    hashes: npt.NDArray[np.uint64]
    left_out: list[dict[str, Any]]


@dataclass(frozen=True)
class Posters:
    """n posters to train on or to judge by: those of `listing`, then those of `more`.

    labels (n, genres) uint8 of all genres; hashes (n,) uint64; overviews, keywords: n texts, "" if unknown.
    """

    listing: Listing
    more: Listing | None
    posters: tuple[LabelledPoster, ...]
    genres: tuple[str, ...]
    labels: npt.NDArray[np.uint8]
    hashes: npt.NDArray[np.uint64]
    groups: PosterGroups
    split: Split
    overviews: tuple[str, ...]
    keywords: tuple[str, ...]

    @property
    def left_out(self) -> list[dict[str, Any]]:
        """The rows left out of both CSVs, with reasons."""
        return self.listing.left_out + (self.more.left_out if self.more else [])

    def evidence(self, rows: Indexes, vectors: Floats, extractor: str = "") -> EvidenceData:
        """What is known of the films of the rows (m,), with vectors (m, d) of their posters.

        Posters of the train part are marked as seen by the extractor; further ones choose no thresholds.
        """
        some = rows.tolist()
        return EvidenceData(
            Films(
                vectors,
                np.arange(len(rows)),
                [self.posters[row].title for row in some],
                np.array([self.posters[row].year or 0 for row in some], dtype=np.int64),
                [self.overviews[row] for row in some],
            ),
            self.labels[rows],
            self.groups.groups[rows],
            self.genres,
            extractor,
            [self.keywords[row] for row in some],
            train_only=rows >= len(self.listing.posters),
            seen=np.array(self.split.names(len(self.posters)))[rows] == TRAIN,
        )


def read_posters(sources: Sources, work: Path, held_out: int | None, bar: ProgressBar) -> Posters:
    """Read posters, texts and the parts stored in the folder `work`; draw and store parts that are missing.

    held_out: see `further_parts`. left-out.json lists the rows that are left out.

    Raises LabelledSetError and SourceError for unusable input, TrainingError for too few posters or stored
    parts that do not fit.
    """
    listing = _read_listing(sources.listing, sources.images, sources, work, bar)
    write_json(work / LEFT_OUT_ROWS, listing.left_out)
    if len(listing.posters) < MIN_POSTERS:
        raise TrainingError(
            f"Only {len(listing.posters)} labelled posters are usable. Training needs at least "
            f"{MIN_POSTERS}, and thousands for good results: use a larger CSV."
        )
    groups = group_posters(listing.posters, listing.hashes)
    genres, labels = label_table(listing.posters)
    try:
        split = stored_split(work, listing.posters, groups.groups, labels)
    except TrainingDataError as error:
        raise TrainingError(str(error)) from error
    more = _read_listing(*sources.more, sources, work, bar) if sources.more else None
    both = (*listing.posters, *_spelt_alike(more.posters, genres)) if more else listing.posters
    overviews, keywords = _texts(sources.texts, both)
    posters = Posters(listing, None, both, genres, labels, listing.hashes, groups, split, overviews, keywords)
    return _with_more(posters, more, work, held_out) if more else posters


def _with_more(posters: Posters, more: Listing, work: Path, held_out: int | None) -> Posters:
    """Add further posters; `posters` already has their rows and texts behind those of its listing."""
    hashes = np.concatenate([posters.hashes, more.hashes])
    parts = further_parts(work, posters.posters, hashes, posters.overviews, posters.split, held_out)
    rows, split = with_further(posters.split, parts)
    kept, overviews, keywords = (
        tuple(values[row] for row in rows.tolist())
        for values in (posters.posters, posters.overviews, posters.keywords)
    )
    groups = group_posters(kept, hashes[rows])
    if (work / FURTHER_PARTS).exists():
        check_groups(split, kept, groups.groups)
    left_out = [
        _left_out(more.csv, poster, part.reason)
        for poster, part in zip(more.posters, parts, strict=True)
        if part.name == LEFT_OUT
    ]
    more = replace(more, left_out=more.left_out + left_out)
    write_json(work / LEFT_OUT_ROWS, posters.listing.left_out + more.left_out)
    genres, labels = label_table(kept)
    return Posters(
        posters.listing, more, kept, genres, labels, hashes[rows], groups, split, overviews, keywords
    )


def _read_listing(listing: Path, images: Path, sources: Sources, work: Path, bar: ProgressBar) -> Listing:
    found = read_labelled_set(listing, images)
    drawn = sample(found.posters, sources.limit, sources.seed)
    with bar("Reading posters", len(drawn)) as show:
        pictures = read_pictures(drawn, work, show)
    left_out = [{"csv": str(listing), **asdict(note)} for note in found.left_out]
    left_out += [
        _left_out(listing, drawn[row], reason) for row, reason in sorted(pictures.unreadable.items())
    ]
    usable = [row for row in range(len(drawn)) if row not in pictures.unreadable]
    return Listing(
        listing, found, tuple(drawn[row] for row in usable), pictures.subset(usable).hashes, left_out
    )


def _left_out(listing: Path, poster: LabelledPoster, reason: str) -> dict[str, Any]:
    return {"csv": str(listing), "line": poster.line, "file": poster.file, "reason": reason}


def _spelt_alike(posters: Sequence[LabelledPoster], genres: Sequence[str]) -> Iterator[LabelledPoster]:
    """The posters with their genres spelt as in `genres`."""
    usual = {genre.casefold(): genre for genre in genres}
    for poster in posters:
        yield replace(poster, genres=tuple(usual.get(genre.casefold(), genre) for genre in poster.genres))


def _texts(path: Path | None, posters: Sequence[LabelledPoster]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Overview and keywords of each poster, "" if unknown; by IMDb id, else the overview of its own row."""
    ids = [poster.movie.removeprefix("imdb_id ") for poster in posters]
    wanted = set(ids) - {""}
    found: dict[str, tuple[str, str]] = {}
    for row in read_rows(path, [{"imdb_id"}, {"overview"}], known=("keywords",)) if path else ():
        if isinstance(row, Row) and row.cell("imdb_id") in wanted:
            found[row.cell("imdb_id")] = row.cell("overview"), row.cell("keywords").replace("|", "\n")
    known = [found.get(name, ("", "")) for name in ids]
    overviews = tuple(text or poster.overview for (text, _), poster in zip(known, posters, strict=True))
    return overviews, tuple(keywords for _, keywords in known)
