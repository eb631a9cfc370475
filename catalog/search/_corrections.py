"""Correct typing mistakes: find the most similar query that matches a title of the catalogue."""

from __future__ import annotations

import re
import time
from array import array
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from django.db.models import Max
from rapidfuzz import process
from rapidfuzz.distance import OSA

from catalog.models import SearchTitle

from ._folding import OPTIONAL_WORDS, canonical, fold, required_words, squeeze

T = TypeVar("T")
# The share of time spent on reading titles again while an import changes them.
SHARE_OF_TIME = 0.1
SIMILAR_WORDS = 100
SIMILAR_TITLES = 20
MISSING_WORD = 4  # cost of a missing word, in edits
MIN_MATCHED = 0.7  # share of a query's letters in words that match, mistyped or not
# Words that people add to titles.
NOISE = frozenset({"movie", "film"})


@dataclass(frozen=True)
class Vocabulary:
    """The words of all titles, and which titles contain them.

    titles: distinct folded texts. postings: the positions of the titles with a word, or with a pair of
    adjacent words written as one word. pairs: such a pair as two words.
    """

    titles: list[str]
    squeezed: list[str]
    postings: dict[str, array[int]]
    pairs: dict[str, str]
    # Positions of titles, and words, by their number of letters: similar ones have about as many.
    titles_of_length: dict[int, list[int]]
    words_of_length: dict[int, list[str]]

    @classmethod
    def read(cls) -> Vocabulary:
        rows = SearchTitle.objects.order_by().values_list("text", flat=True).distinct()
        titles = [text.strip() for text in rows.iterator(chunk_size=5000)]
        postings: dict[str, array[int]] = defaultdict(lambda: array("I"))
        pairs: dict[str, str] = {}
        for position, title in enumerate(titles):
            words = title.split()
            for word in set(words):
                postings[word].append(position)
            for first, second in pairwise(words):
                pairs[first + second] = f"{first} {second}"
                postings[first + second].append(position)
        squeezed = [squeeze(title) for title in titles]
        words_alone = {word for title in titles for word in title.split()}
        return cls(
            titles,
            squeezed,
            dict(postings),
            {joined: pair for joined, pair in pairs.items() if joined not in words_alone},
            _by_length((len(title), position) for position, title in enumerate(squeezed)),
            _by_length((len(word), word) for word in postings),
        )

    def correct(self, text: str) -> tuple[float, str] | None:
        """(edits, text) of the most similar text whose words are all in one title, if there is any."""
        best = self._word_by_word(text)
        joined = squeeze(text)
        cutoff = len(joined) // 5
        positions = sorted(_about(self.titles_of_length, len(joined), cutoff))
        choices = [self.squeezed[position] for position in positions]
        similar = process.extract(
            joined, choices, scorer=OSA.distance, score_cutoff=cutoff, limit=SIMILAR_TITLES
        )
        for title, edits, number in similar:
            # A different number is a different movie.
            if _digits(title) == _digits(joined) and (best is None or edits < best[0]):
                return edits, self.titles[positions[number]]
        return best

    def _word_by_word(self, text: str) -> tuple[float, str] | None:
        words = required_words(text)
        costs: dict[int, float] = defaultdict(float)
        matched: dict[int, dict[str, str]] = defaultdict(dict)
        for number, word in enumerate(words):
            here: dict[int, tuple[float, str]] = {}
            for similar, cost in self._similar(word):
                for position in self.postings[similar]:
                    if position not in here or cost < here[position][0]:
                        here[position] = cost, similar
            for position, (cost, similar) in here.items():
                # Titles without more than one of the words are ignored.
                if len(matched[position]) >= number - 1:
                    costs[position] += cost
                    matched[position][word] = similar
        # A query without its main word has another meaning.
        least = sum(map(len, words)) * MIN_MATCHED
        found = [
            (costs[position] + MISSING_WORD * (len(words) - len(pairs)), position)
            for position, pairs in matched.items()
            if len(pairs) >= len(words) - 1 and sum(map(len, pairs)) >= least
        ]
        if not found:
            return None
        cost, position = min(found, key=lambda each: (each[0], len(self.titles[each[1]]), each[1]))
        instead = {word: word for word in OPTIONAL_WORDS} | matched[position]
        corrected = [self.pairs.get(instead[word], instead[word]) for word in text.split() if word in instead]
        return cost, " ".join(corrected)

    def _similar(self, word: str) -> list[tuple[str, float]]:
        """Similar words with the cost of replacing `word`. Missing and swapped letters are the most likely
        mistakes, and the first letter is rarely wrong."""
        cutoff = _most_edits(word)
        if not cutoff:
            return [(word, 0)] if word in self.postings else []
        words: list[str] = _about(self.words_of_length, len(word), cutoff)
        found = process.extract(word, words, scorer=OSA.distance, score_cutoff=cutoff, limit=SIMILAR_WORDS)
        letters = sorted(word)
        return [
            (
                similar,
                distance
                + 0.1 * (similar[0] != word[0])
                + 0.05 * (len(similar) <= len(word) and sorted(similar) != letters),
            )
            for similar, distance, _ in found
        ]


def correct(text: str, *, most_edits: int | None = None) -> str | None:
    """The query most similar to `text` whose words are in one title, or None."""
    folded = fold(text)
    vocabulary = _current()
    without_noise = " ".join(word for word in folded.split() if word not in NOISE)
    for written in dict.fromkeys([folded, canonical(folded), without_noise]):
        found = vocabulary.correct(written) if written else None
        if found and found[1] != folded and (most_edits is None or found[0] < most_edits + 1):
            return found[1]
    return None


def _by_length(rows: Iterable[tuple[int, T]]) -> dict[int, list[T]]:
    found: dict[int, list[T]] = defaultdict(list)
    for length, value in rows:
        found[length].append(value)
    return dict(found)


def _about(by_length: dict[int, list[T]], length: int, edits: int) -> list[T]:
    """What has at most `edits` letters more or less."""
    lengths = range(length - edits, length + edits + 1)
    return [value for each in lengths for value in by_length.get(each, ())]


def _digits(text: str) -> list[str]:
    return re.findall("[0-9]+", text)


def _most_edits(word: str) -> int:
    length = len(word)
    return 0 if length < 3 else 1 if length < 6 else 2 if length < 10 else 3


@dataclass(frozen=True)
class _Reading:
    vocabulary: Vocabulary
    newest_row: int
    finished_at: float
    seconds: float


_latest: list[_Reading] = []  # at most one


def _current() -> Vocabulary:
    """The vocabulary of the current titles, read at most `SHARE_OF_TIME` of the time."""
    newest = SearchTitle.objects.aggregate(newest=Max("pk"))["newest"] or 0
    started = time.monotonic()
    if _latest:
        [reading] = _latest
        rest = reading.seconds / SHARE_OF_TIME
        if reading.newest_row == newest or started < reading.finished_at + rest:
            return reading.vocabulary
    vocabulary = Vocabulary.read()
    finished = time.monotonic()
    _latest[:] = [_Reading(vocabulary, newest, finished, finished - started)]
    return vocabulary
