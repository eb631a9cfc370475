"""From one CSV cell to one checked value: ids, years, titles, lists of genres."""

import ast
import json
import re
import unicodedata
import warnings

from catalog.external_ids import normalized_imdb_id, numeric_id
from catalog.genres.spelling import canonical_genre

FIRST_YEAR, LAST_YEAR = 1870, 2100
LONGEST_TITLE = 500
LONGEST_OVERVIEW = 10_000
LONGEST_LOCAL_ID = 255
MOST_GENRES = 50
# That of a real film has some hundred characters; Python's parser takes much memory for a long text.
LONGEST_LITERAL = 5_000

# Sorting the marks of a letter takes time by their number squared: what is much too long is not normalised.
_MOST_MARKS = 4
_STEERING = re.compile("[\u202a-\u202e\u2066-\u2069]")


class BadCell(ValueError):
    """A cell that cannot be what its column says; the message is a reason to show."""


class RepeatedRow(BadCell):
    """A row that repeats an earlier row: there is nothing to correct."""


def tidy(text: str) -> str:
    """`text` with every run of white space (line breaks, non-breaking spaces) as one space, in NFC, and
    without the invisible characters that turn the direction of what follows."""
    return unicodedata.normalize("NFC", " ".join(_STEERING.sub("", text).split()))


def title_in(text: str, column: str = "title") -> str:
    """A title; raises BadCell when it is empty, over LONGEST_TITLE, or holds control characters."""
    if len(text) > _MOST_MARKS * LONGEST_TITLE:
        text = " ".join(text.split())
        if len(text) > _MOST_MARKS * LONGEST_TITLE:
            raise BadCell(f"the {column} has {len(text)} characters; {LONGEST_TITLE} is the most")
    title = tidy(text)
    if all(unicodedata.category(c) in ("Cf", "Zs") for c in title):
        raise BadCell(f"the {column} is empty")
    if len(title) > LONGEST_TITLE:
        raise BadCell(f"the {column} has {len(title)} characters; {LONGEST_TITLE} is the most")
    if not title.isprintable() and any(unicodedata.category(c) in ("Cc", "Cs") for c in title):
        raise BadCell(f"the {column} holds control characters")
    return title


def prose_in(text: str) -> str:
    """A description, tidied; cut at LONGEST_OVERVIEW, since a long one is no reason to lose the title."""
    prose = tidy(" ".join(text.split())[:LONGEST_OVERVIEW])
    if prose.isprintable():
        return prose
    return "".join(c for c in prose if unicodedata.category(c) not in ("Cc", "Cs"))


def name_in(text: str, column: str) -> str:
    """An optional name (a franchise, an original title): like `title_in`, but empty is "" and fine."""
    return title_in(text, column) if text.strip() else ""


def year_in(text: str, column: str = "year") -> int | None:
    """A year, None when empty. Spreadsheets' "2009.0" is 2009; outside 1870 to 2100 raises BadCell."""
    text = text.strip()
    if not text or text.casefold() in ("nan", "null", "none", "\\n"):
        return None
    if not (found := re.fullmatch(r"([0-9]{4})(?:\.0+)?", text)):
        raise BadCell(f"the {column} {text[:40]!r} is not a year")
    return checked_year(int(found[1]), column)


def checked_year(year: int, column: str = "year") -> int:
    """`year` itself; raises BadCell outside 1870 to 2100."""
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise BadCell(f"the {column} {year} is outside {FIRST_YEAR} to {LAST_YEAR}")
    return year


def imdb_id_in(text: str, column: str = "imdb_id") -> str | None:
    """An IMDb id such as "tt0114709", None when empty; digits alone (MovieLens) are padded to seven."""
    text = text.strip()
    if text and not normalized_imdb_id(text):
        raise BadCell(f"the {column} {text[:40]!r} is not an IMDb id such as tt0114709")
    return normalized_imdb_id(text) or None


def number_in(text: str, column: str) -> int | None:
    """A positive id that fits the database, None when empty ("862.0" is 862)."""
    text = text.strip()
    if text and numeric_id(text) is None:
        raise BadCell(f"the {column} {text[:40]!r} is not a positive whole number")
    return numeric_id(text)


def flag_in(text: str, column: str) -> bool:
    """Whether the cell says yes; empty is no."""
    folded = text.strip().casefold()
    if folded in ("true", "1", "1.0", "yes"):
        return True
    if folded in ("", "false", "0", "0.0", "no"):
        return False
    raise BadCell(f"the {column} {text[:40]!r} is neither true nor false; have the row's cells slipped?")


def local_id_in(text: str, column: str = "id") -> str | None:
    """An id of somebody's own catalogue, None when empty."""
    text = tidy(text[: LONGEST_TITLE * _MOST_MARKS])
    if len(text) > LONGEST_LOCAL_ID:
        raise BadCell(f"the {column} has {len(text)} characters; {LONGEST_LOCAL_ID} is the most")
    if not text.isprintable():
        raise BadCell(f"the {column} holds control characters")
    return text or None


def genres_in(text: str) -> tuple[str, ...]:
    """The canonical genres of a cell; no repeats, in order.

    The cell lists names between pipes, else between commas or semicolons; or it is a list in JSON or Python
    of names, or of objects with a "name". Raises BadCell for a list that is neither.
    """
    if text.lstrip().startswith(("[", "{")):
        listed = literal_in(text)
        entries = listed if isinstance(listed, list) else [None]
        told = [entry.get("name") if isinstance(entry, dict) else entry for entry in entries]
        names = [name for name in told if isinstance(name, str)]
        if len(names) < len(told):
            raise BadCell('the genres are neither names between commas nor a list of names or of {"name"}')
        return canonical_genres(names)
    if "|" in text:
        return canonical_genres(text.split("|"))
    return canonical_genres(re.split(r"[,;]", text))


def canonical_genres(names: list[str]) -> tuple[str, ...]:
    """Each name once, canonical, in the order given; raises BadCell on an impossible name."""
    if len(names) > MOST_GENRES:
        raise BadCell(f"{len(names)} genres; {MOST_GENRES} is the most")
    try:
        genres = [canonical_genre(name) for name in names]
    except ValueError as error:
        raise BadCell(str(error)) from None
    return tuple(dict.fromkeys(genre for genre in genres if genre))


def literal_in(text: str) -> object:
    """The value that `text` writes in JSON or as a Python literal, None if in neither; nothing is run."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    if len(text) > LONGEST_LITERAL:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes in somebody's text
            return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
