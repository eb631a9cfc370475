"""How a file is to be read: which of its titles are wanted, what its ids are; and how many were left out."""

from collections import Counter
from dataclasses import dataclass, field

from .records import shortened

# Other types: short, tvSeries, tvEpisode, tvMiniSeries, tvShort, tvSpecial, tvPilot, video, videoGame.
FILMS = frozenset({"movie", "tvmovie"})
MOST_KINDS = 30


@dataclass(slots=True)
class Selection:
    """`types` are IMDb's, in lower case; `adult` and `video` let in what IMDb or TMDB marks as such.

    `ids`, a key of title_rows.ID_KINDS, says what a column `id` holds where the file does not tell;
    `ids_were_local`, whether an earlier import of the file is known to have taken them for local ids.

    `left_out` counts, by kind, the rows that a source read and did not give: they are not wrong.
    """

    types: frozenset[str] = FILMS
    adult: bool = False
    video: bool = False
    ids: str = "local"
    ids_were_local: bool = False
    left_out: Counter[str] = field(default_factory=Counter)

    def leave_out(self, kind: str) -> None:
        # The kinds come from the file: one that names a new one in each row must not fill the memory.
        known = kind in self.left_out or len(self.left_out) < MOST_KINDS
        self.left_out[kind if known else "other"] += 1

    def __str__(self) -> str:
        """How many rows were left out, by kind, the most first; "" when none was."""
        if not self.left_out:
            return ""
        kinds = ", ".join(f"{count:,} {shortened(kind)}" for kind, count in self.left_out.most_common())
        return f"{self.left_out.total():,} left out: {kinds}."
