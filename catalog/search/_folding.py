"""Fold titles and queries: different spellings of a title become the same text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

# Longer titles are truncated, which limits the size of the index.
LONGEST = 200
MOST_WORDS = 16

# Letters that are not decomposed into a plain letter and an accent.
_LETTERS = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "ħ": "h", "ŋ": "n"}
)
_APOSTROPHES = str.maketrans(dict.fromkeys("’‘`´ʼ′＇", "'"))
_TRAILING_ARTICLES = frozenset(
    (
        # English, French, German, Italian, Spanish, Portuguese, Dutch and Scandinavian languages
        *("the", "a", "an", "le", "la", "les", "l", "un", "une", "der", "die", "das", "ein", "eine"),
        *("il", "gli", "lo", "i", "una", "uno", "el", "los", "las", "o", "os", "as"),
        *("de", "het", "een", "den", "det", "en", "ett"),
    )
)
# Without words that are also English: "Die Hard" is not "Hard".
_LEADING_ARTICLES = _TRAILING_ARTICLES - {"die", "i", "de", "den", "en", "o", "os", "as", "het", "lo"}
# Words of a query that a title need not have.
OPTIONAL_WORDS = frozenset({"the", "a", "an", "and"})

_NO_WILDCARDS = str.maketrans("", "", "%_\\")
_ACCENT = re.compile("[\u0300-\u036f]")
_RAISED_NUMBER = re.compile(r"(?<=\w)(?=[¹²³¼-¾⅐-⅞])")
_ELISION = re.compile(r"\b(l|d|dell|all|nell|sull|un|qu|j)'(?=\w\w)")
_MONEY_AS_S = re.compile(r"(?<=[^\W\d_])\$|\$(?=[^\W\d_])")
_ACRONYM = re.compile(r"\b[^\W\d_](?:[^\w\s]+[^\W\d_]\b)+")
_AKA = re.compile(r"^a\.?\s?k\.?\s?a\.?:?\s+", re.IGNORECASE)
# fmt: off
_NUMBERS = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15,
    "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30,
    "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}
_SAME = {
    "ii": "2", "iii": "3", "iv": "4", "vi": "6", "vii": "7", "viii": "8", "ix": "9", "xi": "11",
    "xii": "12", "xiii": "13", "xiv": "14", "xv": "15", "xvi": "16", "xvii": "17", "xviii": "18",
    "xix": "19", "xx": "20", "first": "1st", "second": "2nd", "third": "3rd", "fourth": "4th",
    "fifth": "5th", "sixth": "6th", "seventh": "7th", "eighth": "8th", "ninth": "9th", "tenth": "10th",
    "eleventh": "11th", "twelfth": "12th", "thirteenth": "13th",
    "doctor": "dr", "mister": "mr", "saint": "st", "versus": "vs", "volume": "vol", "pt": "part",
}
# fmt: on
_PARTS = frozenset({"part", "episode", "chapter", "volume", "vol", "book"})


def fold(text: str) -> str:
    """Lower-case words without accents and punctuation, separated by single spaces; "" for blank text.

    "Ocean's" is one word and "L'Avventura" two; "M*A*S*H" is "mash" and "E.T." is "et". Text without letters
    and digits keeps other characters ("$"), except the wildcards of SQL.
    """
    text = " ".join(text.split())[: 4 * LONGEST].translate(_APOSTROPHES)
    text = unicodedata.normalize("NFKD", _RAISED_NUMBER.sub(" ", text)).casefold()
    text = unicodedata.normalize("NFKD", text)
    text = unicodedata.normalize("NFC", _ACCENT.sub("", text).translate(_LETTERS))
    text = "".join(character for character in text if character.isprintable())
    words = text.replace("&", " and ").replace(" + ", " and ")
    words = _MONEY_AS_S.sub("s", _ELISION.sub(r"\1 ", words))
    words = _ACRONYM.sub(lambda found: re.sub(r"\W", "", found[0]), words).replace("'", "")
    words = "".join(character if _is_of_word(character) else " " for character in words)
    return " ".join(words.split() or text.translate(_NO_WILDCARDS).split())[:LONGEST].strip()


def spellings(title: str) -> list[str]:
    """All folded spellings of this title, the most literal first.

    "Seven (a.k.a. Se7en)" is also "seven" and "se7en"; "Matrix, The" is "the matrix" and "matrix"; numbers
    and abbreviations are also written with digits ("oceans eleven", "oceans 11").
    """
    found: list[str] = []
    for name in names(title):
        text = fold(article_first(name))
        bare = without_articles(text)
        found += [text, bare, canonical(bare)]
    return [text for text in dict.fromkeys(found) if text]


def names(title: str) -> Iterator[str]:
    """The title, and the names before and inside its parentheses."""
    yield title
    depth, start = 0, 0
    inside = False
    for position, character in enumerate(title):
        if character in "([" and position:
            if depth == 0:
                if not inside:
                    yield title[:position]
                inside, start = True, position + 1
            depth += 1
        elif character in ")]" and depth:
            depth -= 1
            if depth == 0:
                yield _AKA.sub("", title[start:position].strip())


def without_articles(text: str) -> str:
    """Folded text without an article at its beginning or end, unless it is only that."""
    words = text.split()
    if len(words) > 1 and words[0] in _LEADING_ARTICLES:
        words = words[1:]
    if len(words) > 1 and words[-1] == "the":
        words = words[:-1]
    return " ".join(words)


def canonical(text: str) -> str:
    """Folded text with numbers as digits and some abbreviations: "part two" and "part ii" are "part 2"."""
    words: list[str] = []
    for word in _with_digits(text.replace(" and a half", " 1 2").split()):
        if word == "i" and words and words[-1] in _PARTS:
            word = "1"
        elif word in ("v", "x") and words:
            word = {"v": "5", "x": "10"}[word]
        words.append(_SAME.get(word, word))
    return " ".join(words)


def required_words(text: str) -> list[str]:
    """The words that a title must have: not English articles and "and", unless there are no other words."""
    words = list(dict.fromkeys(text.split()))[:MOST_WORDS]
    return [word for word in words if word not in OPTIONAL_WORDS] or words


def squeeze(text: str) -> str:
    return text.replace(" ", "")


def article_first(name: str) -> str:
    """ "Matrix, The" as "The Matrix"."""
    head, comma, tail = name.strip().rpartition(",")
    moves = comma and ")" not in tail and fold(tail) in _TRAILING_ARTICLES
    return f"{tail.strip()} {head}" if moves else name


def _is_of_word(character: str) -> bool:
    return character.isalnum() or unicodedata.category(character).startswith("M")


def _with_digits(words: list[str]) -> Iterator[str]:
    """The words with spelled-out numbers as digits: "one hundred and one" is "101"."""
    position = 0
    while position < len(words):
        if words[position] not in _NUMBERS:
            yield words[position]
            position += 1
            continue
        number, position = _number_at(words, position)
        yield str(number)


def _number_at(words: list[str], position: int) -> tuple[int, int]:
    """The spelled-out number at `position`, and the position after it."""
    number = _NUMBERS[words[position]]
    position += 1
    while position < len(words):
        word, after = words[position], words[position + 1] if position + 1 < len(words) else ""
        if word in ("hundred", "thousand") and 0 < number < 100:
            number *= 100 if word == "hundred" else 1000
        elif word == "and" and number >= 100 and not number % 100 and after in _NUMBERS:
            pass
        elif word in _NUMBERS and 10 <= number < 100 and _NUMBERS[word] >= 10:
            number = 100 * number + _NUMBERS[word]  # a year: nineteen eighty
        elif word in _NUMBERS and _fits_after(number, _NUMBERS[word]):
            number += _NUMBERS[word]
        else:
            break
        position += 1
    return number, position


def _fits_after(number: int, digits: int) -> bool:
    """Whether both are parts of one number: "twenty" "one", "hundred" "twelve"."""
    if number < 20 or digits == 0:
        return False
    return number % 100 == 0 or (number % 10 == 0 and digits < 10)
