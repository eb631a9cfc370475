"""Overviews as plain text: the same characters and the same limit whether imported or read from a page."""

import re
import unicodedata

MAX_OVERVIEW_LENGTH = 10_000
# A word may be this long: in a script without spaces the text is cut anywhere.
_LONGEST_WORD = 100

DIRECTION_CONTROLS = re.compile("[\u202a-\u202e\u2066-\u2069]")


def plain_overview(text: str) -> str:
    """`text` in NFC, without control characters, with single spaces, cut at a word if it is too long.

    Tags and entities stay: in a user's own file they are text.
    """
    text = _cut(" ".join(text.split()))
    if not text.isprintable():
        text = DIRECTION_CONTROLS.sub("", text)
        text = "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cs"))
    # A few characters become two or three in NFC.
    return _cut(" ".join(unicodedata.normalize("NFC", text).split()))


def _cut(text: str) -> str:
    if len(text) <= MAX_OVERVIEW_LENGTH:
        return text
    end = text.rfind(" ", MAX_OVERVIEW_LENGTH - _LONGEST_WORD, MAX_OVERVIEW_LENGTH + 1)
    return text[: end if end > 0 else MAX_OVERVIEW_LENGTH]
