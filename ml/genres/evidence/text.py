"""Titles and overviews as sums over their n-grams, in numpy.

A model stores 64-bit hashes of n-grams and no words; the words of an explanation come from the film's own
text.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Hashes = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]

# Texts are untrusted: of a longer one, only the beginning is read.
MAX_CHARACTERS = {"title": 300, "overview": 5_000}
# Films scored at once; limits temporary arrays to about 3 MB.
TEXTS_AT_ONCE = 64

# Of a word in 18% of the texts. It separates "with" and "who" from "life" and "man".
COMMON_IDF = 2.7

_WORD = re.compile(r"[^\W_]+")
# (n-gram, place of the word that it begins with)
Ngrams = list[tuple[str, int]]


def words_of(text: str, limit: int) -> list[str]:
    """The words of the first `limit` characters, as written."""
    return _WORD.findall(text[:limit])


def plain(word: str) -> str:
    """A word in lower case without accents."""
    lower = word.lower()
    if lower.isascii():
        return lower
    return "".join(c for c in unicodedata.normalize("NFKD", lower) if not unicodedata.combining(c))


def title_ngrams(words: Sequence[str]) -> Ngrams:
    """Words, pairs of words, and two to five characters of each word with its ends marked."""
    found = _words_and_pairs(words)
    for place, word in enumerate(words):
        marked = f"<{word}>"
        for size in range(2, 6):
            found += [(f"c {marked[i : i + size]}", place) for i in range(len(marked) - size + 1)]
    return found


def overview_ngrams(words: Sequence[str]) -> Ngrams:
    """Words, pairs of words, and the first four and six letters of words (a simple stemming that suits many
    languages: "kill" and "killer" have one in common)."""
    found = _words_and_pairs(words)
    for place, word in enumerate(words):
        found += [(f"p {word[:size]}", place) for size in (4, 6) if len(word) >= size]
    return found


def first_overview_ngrams(words: Sequence[str]) -> Ngrams:
    """The same as models of version 1 learned them: only longer words have first letters."""
    found = _words_and_pairs(words)
    for place, word in enumerate(words):
        found += [(f"p {word[:size]}", place) for size in (4, 6) if len(word) > size]
    return found


def _words_and_pairs(words: Sequence[str]) -> Ngrams:
    found = [(word, place) for place, word in enumerate(words)]
    return found + [(f"{a} {b}", place) for place, (a, b) in enumerate(pairwise(words))]


@dataclass(frozen=True)
class Analysis:
    """ngrams: counts the n-grams of words. idf_power: the power of the inverse document frequencies in the
    values of n-grams; above one, rare n-grams are regularised less."""

    ngrams: Callable[[Sequence[str]], Ngrams]
    idf_power: float


# By version and part. A model scores texts as it learned from them.
ANALYSES: dict[int, dict[str, Analysis]] = {
    1: {"title": Analysis(title_ngrams, 1.0), "overview": Analysis(first_overview_ngrams, 1.0)},
    2: {"title": Analysis(title_ngrams, 1.0), "overview": Analysis(overview_ngrams, 1.75)},
}
NEWEST = max(ANALYSES)


def hashed(ngrams: Sequence[str]) -> Hashes:
    """64-bit BLAKE2 hashes (n,) of n-grams: the same on every machine and in every process."""
    digests = b"".join(hashlib.blake2b(one.encode(), digest_size=8).digest() for one in ngrams)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


@dataclass(frozen=True)
class Analysed:
    """Counted n-grams of n texts: text and hash of each (text, n-gram) pair and how often it occurs, (k,)
    each, sorted by text. words (n,): how many different words each text has (its other n-grams not counted);
    is_word (k,): whether the pair is one of them."""

    text: npt.NDArray[np.int64]
    hashes: Hashes
    counts: npt.NDArray[np.int64]
    is_word: npt.NDArray[np.bool_]
    texts: int


def analyse(part: str, texts: Sequence[str], version: int = NEWEST) -> Analysed:
    """Count the n-grams of titles or overviews (`part`) as `version` of ANALYSES does."""
    ngrams_of = ANALYSES[version][part].ngrams
    text: list[int] = []
    ngrams: list[str] = []
    counts: list[int] = []
    is_word: list[bool] = []
    for number, one in enumerate(texts):
        words = [plain(word) for word in words_of(one, MAX_CHARACTERS[part])]
        found: dict[str, int] = {}
        for ngram, _ in ngrams_of(words):
            found[ngram] = found.get(ngram, 0) + 1
        text += [number] * len(found)
        ngrams += found
        counts += found.values()
        # Only plain words have no space.
        is_word += [" " not in ngram for ngram in found]
    return Analysed(
        np.array(text, dtype=np.int64),
        hashed(ngrams),
        np.array(counts, dtype=np.int64),
        np.array(is_word, dtype=bool),
        len(texts),
    )


@dataclass(frozen=True)
class TextModel:
    """One linear model per genre over the n-grams of titles or overviews (`part`).

    hashes (m,) uint64, rising; idf (m,) float16: inverse document frequencies; kernel (m, g) float16:
    weights; bias (g,) float32. A text's logits are bias + sum of value * weight over its n-grams, where value
    is (1 + log count) * idf ** idf_power, divided by the length of the vector of all known values (TF-IDF
    with sublinear term frequency: Manning, Raghavan & Schütze, "Introduction to information retrieval", 2008,
    chapter 6). version: of ANALYSES, which have idf_power. least_known: a text of whose different words the
    model knows a smaller share is treated as missing: it is in another language than the texts that the model
    learned from.

    Raises ValueError if the arrays do not fit.
    """

    part: str
    hashes: Hashes
    idf: npt.NDArray[np.float16]
    kernel: npt.NDArray[np.float16]
    bias: Float32
    least_known: float
    version: int = NEWEST

    def __post_init__(self) -> None:
        if self.version not in ANALYSES:
            raise ValueError(f"There is no version {self.version!r} of the analysis of texts.")
        if self.part not in ANALYSES[self.version]:
            raise ValueError(f"There is no text part {self.part!r}.")
        count, genres = self.kernel.shape
        if self.hashes.shape != (count,) or self.idf.shape != (count,) or self.bias.shape != (genres,):
            raise ValueError(f"The arrays of the {self.part} do not fit each other.")
        if not count or not (self.hashes[1:] > self.hashes[:-1]).all():
            raise ValueError(f"The hashes of the {self.part} must be rising.")
        for name in ("idf", "kernel", "bias"):
            if not np.isfinite(getattr(self, name)).all():
                raise ValueError(f"{name} of the {self.part} holds numbers that are not finite.")
        if (self.idf <= 0).any():
            raise ValueError(f"idf of the {self.part} must be above zero everywhere.")
        if not 0 <= self.least_known <= 1:
            raise ValueError(f"least_known of the {self.part} must be a share.")

    def logits(self, texts: Sequence[str]) -> tuple[Float32, npt.NDArray[np.bool_]]:
        """Logits (n, g) float32, and which texts could be read (n,): they have words, and the model knows at
        least `least_known` of an overview's. Logits of the others mean nothing."""
        logits = np.empty((len(texts), len(self.bias)), dtype=np.float32)
        readable = np.zeros(len(texts), dtype=bool)
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            some = analyse(self.part, texts[start : start + TEXTS_AT_ONCE], self.version)
            stop = start + some.texts
            logits[start:stop], readable[start:stop] = self._logits(some)
        return logits, readable

    def word_logits(self, text: str) -> tuple[list[str], Float32]:
        """The different words of a text, as written, and what each adds to each genre's logit together with
        the n-grams that begin with it, (words, g). No words for a text that cannot be read."""
        words = words_of(text, MAX_CHARACTERS[self.part])
        plain_words = [plain(word) for word in words]
        some = analyse(self.part, [text], self.version)
        place, known, values = self.values(some)
        if not self.readable(some, known)[0]:
            return [], np.zeros((0, len(self.bias)), dtype=np.float32)
        each = np.zeros((len(some.hashes), len(self.bias)), dtype=np.float32)
        each[known] = self.kernel[place[known]] * (values / some.counts[known])[:, None]
        pair_of: dict[str, int] = {}
        written: dict[str, str] = {}
        row_of: dict[str, int] = {}
        rows, pairs = [], []
        for ngram, at in ANALYSES[self.version][self.part].ngrams(plain_words):
            pairs.append(pair_of.setdefault(ngram, len(pair_of)))  # in the order of `analyse`
            rows.append(row_of.setdefault(plain_words[at], len(row_of)))
            written.setdefault(plain_words[at], words[at])
        added = np.zeros((len(row_of), len(self.bias)), dtype=np.float32)
        np.add.at(added, rows, each[pairs])
        return list(written.values()), added

    def is_common(self, words: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Which words are in so many of the texts that the model learned from that they explain nothing."""
        hashes = hashed([plain(word) for word in words])
        place = np.minimum(np.searchsorted(self.hashes, hashes), len(self.hashes) - 1)
        return (self.hashes[place] == hashes) & (self.idf[place] < COMMON_IDF)

    def values(self, some: Analysed) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_], Float32]:
        """Rows of the kernel (k,), which pairs are known (k,), and the values of the known ones."""
        return tfidf(some, self.hashes, self.idf, ANALYSES[self.version][self.part].idf_power)

    def _logits(self, some: Analysed) -> tuple[Float32, npt.NDArray[np.bool_]]:
        place, known, values = self.values(some)
        logits = np.repeat(self.bias[None], some.texts, axis=0)
        text = some.text[known]
        if len(text):
            weighted = self.kernel[place[known]].astype(np.float32) * values[:, None]
            starts = np.flatnonzero(np.append(True, text[1:] != text[:-1]))
            logits[text[starts]] += np.add.reduceat(weighted, starts, axis=0)
        return logits, self.readable(some, known)

    def readable(self, some: Analysed, known: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Which texts can be read, (n,)."""
        words, of_them = self.known_words(some, known)
        if self.part == "title":
            # A title has few words, and names of persons and places tell nothing of its language.
            return np.asarray(words > 0)
        return np.asarray((words > 0) & (of_them >= self.least_known * words))

    def known_words(
        self, some: Analysed, known: npt.NDArray[np.bool_]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """How many different words each text has, and how many of them the model knows; (n,) each."""
        words = np.bincount(some.text[some.is_word], minlength=some.texts)
        return words, np.bincount(some.text[some.is_word & known], minlength=some.texts)


def tfidf(
    some: Analysed, hashes: Hashes, idf: npt.NDArray[np.float16], idf_power: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_], Float32]:
    """Places in `hashes` (k,), which pairs are among them (k,), and the values of those: see TextModel."""
    place = np.minimum(np.searchsorted(hashes, some.hashes), len(hashes) - 1)
    known = hashes[place] == some.hashes
    values = (1 + np.log(some.counts[known])) * idf[place[known]].astype(np.float32) ** idf_power
    length = np.sqrt(np.bincount(some.text[known], weights=values**2, minlength=some.texts))
    return place, known, (values / length[some.text[known]]).astype(np.float32)
