"""Guess whether a title is English, from the way MovieLens writes titles, function words and letters.

MovieLens puts the original title in parentheses behind the English one: "A Trip to the Moon (Voyage dans la
lune, Le)". Such a title counts as another language unless it shows signs of English. Aliases, "(a.k.a. Battle
for Terra)", are ignored. Any other title counts as another language only if it shows signs of one. This is an
approximation, and about the title: the poster may be the American one.
"""

from __future__ import annotations

import re
import unicodedata

ENGLISH = frozenset({"en", "eng", "english"})

_PARENTHESES = re.compile(r"\(([^()]*)\)")
_ALIAS = re.compile(r"\s*a\.?\s?k\.?\s?a\.?\b", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+")
_FEWEST_LETTERS = 2


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Function words: frequent, short, and spelt so in hardly any other language.
_ENGLISH_WORDS = _words(
    """
    the of and from with without by at on is are was were be been this that these those it its your our their
    his her he she we they you who what when where why how not never before after under over into out up down
    about between against behind beyond through upon or if as than must shall will would can could should let
    does did has have had him them us one two three four five six seven eight nine ten first second third
    last man men woman women boy girl love life death night day house king war world time little big black
    white red blue dead secret great hard game story return meets vs
    """
)
_OTHER_WORDS = _words(
    """
    le la les l un une des du de et est dans sur pour avec sans aux au qui que je nous vous mon ma mes notre
    ne pas d der das dem den ein eine einen einer und von vom zu zum zur mit im ist nicht auf ich wir sie für
    aus el los las una del con sin por y mi es yo lo il gli della delle degli dei di che non sono nel alla
    per o os da do dos uma um em e na nos ja på av och ett det en jag som til og af ikke het een van ik niet
    w z ty jak se si ai ga wo ni wa kara otoko onna monogatari gui zhi ren ki hai aur dil pyaar mein
    """
)
# Words of other languages too, which are far more frequent in English titles.
_EITHER = _words("die a an in no do me my for she so on to em war man e o y d l z w")
_LOANS = _words("pokémon café fiancée fiancé déjà cliché résumé naïve maté brontë")
_PLACES = re.compile(
    r"\b(?:los angeles|las vegas|el paso|el dorado|san \w+|la la land|la confidential|l\.a\.|"
    r"monte cristo|da vinci|de niro|van \w+|le mans|la mancha|de sade|dos santos|von trapp)\b",
    re.IGNORECASE,
)
_ELIDED = re.compile(r"\b(?:l|d|dell|nell|sull|all|un|qu|j|s|n|c)['’](?=[^\W\d_])", re.IGNORECASE)
_TRAILING_ARTICLE = re.compile(r",\s*([^\W\d_]+'?)\s*$")


def is_english(language: str) -> bool:
    """Whether `language` is English: an ISO 639 code, with or without a region, or the name."""
    return re.split(r"[-_ ,;/|(]", language.strip().casefold(), maxsplit=1)[0] in ENGLISH


def has_other_language(title: str) -> bool:
    """Whether a title, or the original title in its parentheses, is in another language than English.

    >>> has_other_language("A Trip to the Moon (Voyage dans la lune, Le)")
    True
    >>> has_other_language("Terra (a.k.a. Battle for Terra)")
    False
    """
    outer = _PARENTHESES.sub(" ", title)
    for inner in _PARENTHESES.findall(title):
        original = sum(map(str.isalpha, inner)) >= _FEWEST_LETTERS and not _ALIAS.match(inner)
        if original and not _repeats(inner, outer) and _leaning(inner) >= 0:
            return True
    return _leaning(outer) > 0


def is_other_language(text: str) -> bool:
    """Whether running text, such as an overview, is in another language than English.

    >>> is_other_language("Un homme et une femme dans la nuit."), is_other_language("Amélie is in the city.")
    (True, False)
    """
    return _leaning(text) > 0


def _repeats(inner: str, outer: str) -> bool:
    """Whether the parentheses repeat the title, shorter or with other spaces."""
    ours, theirs = ([found[0].casefold() for found in _WORD.finditer(text)] for text in (inner, outer))
    return set(ours) <= set(theirs) or "".join(ours) == "".join(theirs)


def _leaning(text: str) -> int:
    """Signs of another language minus signs of English."""
    article = _TRAILING_ARTICLE.search(text)
    if article and article[1].casefold() in ("the", "an"):
        return -1
    text = unicodedata.normalize("NFC", _PLACES.sub(" ", text))
    signs = len(_ELIDED.findall(text)) - 2 * len(re.findall(r"\w['’]s\b", text))
    for found in _WORD.finditer(text):
        word = found[0].casefold()
        if word in _LOANS:
            continue
        if not word.isascii() or (word in _OTHER_WORDS and word not in _EITHER):
            signs += 1
        elif word in _ENGLISH_WORDS:
            signs -= 1
    return signs
