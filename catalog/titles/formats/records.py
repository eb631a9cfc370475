"""What a title source yields: a title, or a row that could not be one and why."""

from dataclasses import dataclass, field
from pathlib import Path

SHOWN_CHARACTERS = 200


class SourceError(ValueError):
    """A whole file cannot be imported; the message says which, why, and what to do."""


@dataclass(frozen=True, slots=True)
class TitleRecord:
    """One title as its source gives it, ids and genre names checked and canonical.

    `genres == ()` means the source left the title untagged. `local_id` identifies a title of a catalogue
    that has no public id, and is unique within one file. `former_local_id` is the local id that an earlier
    import of the same file gave the title if it read the file's ids as local ones; `was_local` says that one
    did. `poster_path` is an existing image, set only when the source is a folder. `poster_url` is where the
    poster can be fetched; a record that gives nothing else has the title "". With `tentative_title` the
    source knows the original title only: a movie of the catalogue keeps the one it has. `file` and `line` say
    where it was read; they are no part of it.
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

    @property
    def untagged(self) -> bool:
        return not self.genres


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """One row that was not imported, or not wholly: where it starts, why, and how it begins.

    repeats: the row repeats an earlier one, so nothing is lost.
    """

    file: str
    line: int
    reason: str
    text: str
    repeats: bool = False

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}: {self.reason}"


def shortened(text: str) -> str:
    """`text` on one line, printable, and at most SHOWN_CHARACTERS long."""
    flat = "".join(c if c.isprintable() else " " for c in text[: SHOWN_CHARACTERS * 2]).strip()
    if len(flat) > SHOWN_CHARACTERS or len(text) > SHOWN_CHARACTERS * 2:
        return flat[: SHOWN_CHARACTERS - 1] + "…"
    return flat
