"""Shared by the readers of all title formats: options, titles, rejected rows, errors."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from ml.csv_files.files import SourceError, shortened
from ml.csv_files.rows import RejectedRow

__all__ = ["FILMS", "ReadOptions", "RejectedRow", "SourceError", "TitleRecord", "shortened"]

# Other IMDb types: short, tvSeries, tvEpisode, tvMiniSeries, tvShort, tvSpecial, tvPilot, video, videoGame.
FILMS = frozenset({"movie", "tvmovie"})
MAX_SKIPPED_KINDS = 30


@dataclass(slots=True)
class ReadOptions:
    """Which titles of a file to read and how to read its ids; counts the rows that were skipped.

    types: IMDb types in lower case. adult, video: include titles that IMDb or TMDB marks as such. ids: what a
    column `id` contains where the format does not define it, a key of csv_file.ID_KINDS. ids_were_local: an
    earlier import of the file read the column as local ids. skipped: number of skipped rows by kind; they are
    not errors.
    """

    types: frozenset[str] = FILMS
    adult: bool = False
    video: bool = False
    ids: str = "local"
    ids_were_local: bool = False
    skipped: Counter[str] = field(default_factory=Counter)

    def skip(self, kind: str) -> None:
        # Kinds come from the file. The limit keeps a hostile file from filling the memory with them.
        known = kind in self.skipped or len(self.skipped) < MAX_SKIPPED_KINDS
        self.skipped[kind if known else "other"] += 1

    def __str__(self) -> str:
        """The number of skipped rows by kind, the largest first; "" if there are none."""
        if not self.skipped:
            return ""
        kinds = ", ".join(f"{count:,} {shortened(kind)}" for kind, count in self.skipped.most_common())
        return f"{self.skipped.total():,} skipped: {kinds}."


@dataclass(frozen=True, slots=True)
class TitleRecord:
    """One title of a file, with validated ids and canonical genre names.

    genres: empty if the file does not tag the title. local_id: the id in a catalogue without public ids,
    unique within the file. former_local_id: the local id that an earlier import gave the title when it read
    the file's ids as local; was_local: whether one did. poster_path: an existing image, for a folder of
    images. poster_url: where the poster can be fetched; the title is "" if the record gives only that.
    tentative_title: the title is the original one, so a movie in the catalogue keeps its own. file, line:
    where the record was read; not part of its value.
    """

    title: str
    year: int | None = None
    genres: tuple[str, ...] = ()
    imdb_id: str | None = None
    tmdb_id: int | None = None
    movielens_id: int | None = None
    local_id: str | None = None
    original_title: str = ""
    overview: str = ""
    franchise: str = ""
    poster_path: Path | None = None
    tentative_title: bool = False
    former_local_id: str | None = None
    was_local: bool = False
    poster_url: str = ""
    file: str = field(default="", compare=False)
    line: int = field(default=0, compare=False)
