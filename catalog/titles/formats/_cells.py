"""Parse and validate single CSV cells: ids, years, titles, genres."""

import ast
import json
import re
import unicodedata
import warnings

from catalog.external_ids import normalized_imdb_id, numeric_id
from catalog.genres.names import canonical_genre
from catalog.overviews import DIRECTION_CONTROLS, plain_overview

FIRST_YEAR, LAST_YEAR = 1870, 2100
MAX_TITLE_LENGTH = 500
MAX_LOCAL_ID_LENGTH = 255
MAX_GENRES = 50
# A film's genres take some hundred characters; Python's parser uses much memory on a long text.
MAX_LITERAL_LENGTH = 5_000

# A letter may have several combining marks. Normalising very many of them takes quadratic time.
_MAX_MARKS = 4


class InvalidCell(ValueError):
    """A cell has no valid value for its column; the message is the reason shown to the user."""


class RepeatedRow(InvalidCell):
    """A row repeats an earlier row, so there is nothing to correct."""


def normalized(text: str) -> str:
    """`text` in NFC, with single spaces and without characters that change the text direction."""
    return unicodedata.normalize("NFC", " ".join(DIRECTION_CONTROLS.sub("", text).split()))


def parse_title(text: str, column: str = "title") -> str:
    """A title. Raises InvalidCell if it is empty, too long, or contains control characters."""
    if len(text) > _MAX_MARKS * MAX_TITLE_LENGTH:
        text = " ".join(text.split())
        if len(text) > _MAX_MARKS * MAX_TITLE_LENGTH:
            raise InvalidCell(f"the {column} has {len(text)} characters; the limit is {MAX_TITLE_LENGTH}")
    title = normalized(text)
    if all(unicodedata.category(c) in ("Cf", "Zs") for c in title):
        raise InvalidCell(f"the {column} is empty")
    if len(title) > MAX_TITLE_LENGTH:
        raise InvalidCell(f"the {column} has {len(title)} characters; the limit is {MAX_TITLE_LENGTH}")
    if not title.isprintable() and any(unicodedata.category(c) in ("Cc", "Cs") for c in title):
        raise InvalidCell(f"the {column} contains control characters")
    return title


def parse_name(text: str, column: str) -> str:
    """An optional name, such as a franchise or an original title; "" if the cell is empty."""
    return parse_title(text, column) if text.strip() else ""


def parse_overview(text: str) -> str:
    """A description, cut if it is too long: that is no reason to reject the title."""
    return plain_overview(text)


def parse_year(text: str, column: str = "year") -> int | None:
    """A year, None if the cell is empty; "2009.0" from spreadsheets is 2009."""
    text = text.strip()
    if not text or text.casefold() in ("nan", "null", "none", "\\n"):
        return None
    if not (found := re.fullmatch(r"([0-9]{4})(?:\.0+)?", text)):
        raise InvalidCell(f"the {column} {text[:40]!r} is not a year")
    return validated_year(int(found[1]), column)


def validated_year(year: int, column: str = "year") -> int:
    """`year` itself. Raises InvalidCell outside FIRST_YEAR to LAST_YEAR."""
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise InvalidCell(f"the {column} {year} is outside {FIRST_YEAR} to {LAST_YEAR}")
    return year


def parse_imdb_id(text: str, column: str = "imdb_id") -> str | None:
    """An IMDb id such as "tt0114709", None if the cell is empty; digits alone (MovieLens) are padded."""
    text = text.strip()
    if text and not normalized_imdb_id(text):
        raise InvalidCell(f"the {column} {text[:40]!r} is not an IMDb id such as tt0114709")
    return normalized_imdb_id(text) or None


def parse_number(text: str, column: str) -> int | None:
    """A positive id that fits the database, None if the cell is empty; "862.0" is 862."""
    text = text.strip()
    if text and numeric_id(text) is None:
        raise InvalidCell(f"the {column} {text[:40]!r} is not a positive whole number")
    return numeric_id(text)


def parse_local_id(text: str, column: str = "id") -> str | None:
    """An id of the user's own catalogue, None if the cell is empty."""
    text = normalized(text[: MAX_TITLE_LENGTH * _MAX_MARKS])
    if len(text) > MAX_LOCAL_ID_LENGTH:
        raise InvalidCell(f"the {column} has {len(text)} characters; the limit is {MAX_LOCAL_ID_LENGTH}")
    if not text.isprintable():
        raise InvalidCell(f"the {column} contains control characters")
    return text or None


def parse_flag(text: str, column: str) -> bool:
    """True or False; an empty cell is False."""
    folded = text.strip().casefold()
    if folded in ("true", "1", "1.0", "yes"):
        return True
    if folded in ("", "false", "0", "0.0", "no"):
        return False
    raise InvalidCell(f"the {column} {text[:40]!r} is neither true nor false; are the row's cells shifted?")


def parse_genres(text: str) -> tuple[str, ...]:
    """The canonical genres in a cell, each once, in order.

    The cell contains names separated by pipes, commas or semicolons, or a JSON or Python list of names or of
    objects with a "name".
    """
    if text.lstrip().startswith(("[", "{")):
        value = parse_literal(text)
        entries = value if isinstance(value, list) else [None]
        values = [entry.get("name") if isinstance(entry, dict) else entry for entry in entries]
        names = [name for name in values if isinstance(name, str)]
        if len(names) < len(values):
            raise InvalidCell('the genres are neither names between commas nor a list of names or {"name"}')
    else:
        names = text.split("|") if "|" in text else re.split(r"[,;]", text)
    if len(names) > MAX_GENRES:
        raise InvalidCell(f"{len(names)} genres; the limit is {MAX_GENRES}")
    try:
        genres = [canonical_genre(name) for name in names]
    except ValueError as error:
        raise InvalidCell(str(error)) from None
    return tuple(dict.fromkeys(genre for genre in genres if genre))


def parse_literal(text: str) -> object:
    """The value of a JSON text or a Python literal, None if `text` is neither; executes nothing."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    if len(text) > MAX_LITERAL_LENGTH:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # unknown escapes in the text
            return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
