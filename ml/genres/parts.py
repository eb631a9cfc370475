"""The parts of the evidence on a film's genres, by name."""

from __future__ import annotations

PARTS = ("poster", "title", "year", "overview")
ALL = "all"


def parse_evidence(text: str) -> tuple[str, ...]:
    """The parts that a setting names: "all", or some of `PARTS` separated by commas, in the order of PARTS.

    Raises ValueError that says what is wrong.

    >>> parse_evidence("year, poster")
    ('poster', 'year')
    """
    names = [name.strip().lower() for name in text.split(",")]
    if names == [ALL]:
        return PARTS
    for name in names:
        if name not in PARTS:
            raise ValueError(
                f"{name!r} is no part of the evidence: write {ALL!r}, or some of {', '.join(PARTS)} "
                "separated by commas."
            )
    return tuple(part for part in PARTS if part in names)
