"""Franchises told from titles alone: weak, but there are far more of them than anybody wrote down."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

SHORTEST = 5
"""A shorter beginning ("Taxi", "War") is shared by strangers."""

LARGEST = 25
"""A beginning shared by more posters than this is a common phrase."""

_PARENTHESES = re.compile(r"\([^)]*\)")
# MovieLens writes "Matrix, The".
_ARTICLE_BEHIND = re.compile(r"^(.*?)(, the|, a|, an)\b(.*)$", re.DOTALL)
_ARTICLE_BEFORE = re.compile(r"^(?:the|a|an) ")
_SUBTITLE = re.compile(r":| - | part | episode | chapter ")
_NUMBER = re.compile(r"\s+(?:\d{1,2}|ii|iii|iv|v|vi|vii|viii|ix|x)$")


def title_series(titles: Sequence[str]) -> list[str]:
    """A name for the franchise that each title seems to belong to, "" for those that seem to belong to none.

    Titles are of one franchise when they begin alike: up to a colon, a dash, "part", or a number at the end.
    A beginning that only ever stands alone (remakes share a title without being a series), is shorter than
    `SHORTEST` or is shared by more than `LARGEST` titles counts for nothing. Wrong now and then ("American
    Beauty: ..." beside "American Beauty"): good enough to keep posters apart in a split and to be a hint in
    training, not to measure anything by.

    >>> title_series(["Alien", "Aliens", "Matrix, The", "The Matrix Reloaded", "Rocky II", "Rocky"])
    ['', '', '', '', 'rocky', 'rocky']
    """
    names = [_names(title) for title in titles]
    members: dict[str, list[int]] = defaultdict(list)
    for row, (stem, _) in enumerate(names):
        if len(stem) >= SHORTEST:
            members[stem].append(row)
    series = [""] * len(titles)
    for stem, rows in members.items():
        if 1 < len(rows) <= LARGEST and len({names[row][1] for row in rows}) > 1:
            for row in rows:
                series[row] = stem
    return series


def _names(title: str) -> tuple[str, str]:
    """What a title shares with its sequels, and all of it, both stripped of what spelling adds."""
    text = _PARENTHESES.sub("", title).strip().lower()
    turned = _ARTICLE_BEHIND.match(text)
    if turned:
        text = turned[1] + turned[3]
    text = _ARTICLE_BEFORE.sub("", text)
    whole = re.sub(r"[^a-z0-9: ]", "", text).strip()
    stem = re.sub(r"[^a-z0-9 ]", "", _SUBTITLE.split(text, maxsplit=1)[0]).strip()
    return _NUMBER.sub("", stem).strip(), whole
