"""Score films by everything that is known of them, in numpy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ml.genres.evidence.films import PARTS, Films
from ml.genres.evidence.fusion import Balance, Fusion, combinations_of
from ml.genres.evidence.text import TextModel
from ml.genres.evidence.year import YearModel
from ml.genres.head import GenreHead, sigmoid
from ml.genres.thresholds import NEVER

Float32 = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

EVIDENCE_RECIPE = "evidence"
# At one half, a calibrated score is as often right as wrong, so no other cut costs fewer corrections. Between
# .45 and .55 the cost hardly changes, and a lower cut leaves more films as they are (docs/measurements.md).
DEFAULT_TICK = 0.475
# A word that adds less than this share explains little.
LEAST_WORD = 0.05


@dataclass(frozen=True)
class Thresholds:
    """The three operating points of one combination of parts, (g,) float32 each; `NEVER` is above all
    scores."""

    suggest: Float32
    sure: Float32
    tick: Float32


@dataclass(frozen=True)
class Combination:
    """How films with exactly these parts are scored, and the thresholds of their scores.

    slope, offset (g,) float32: the calibration of the balanced logits. A fusion may leave parts out that did
    not help (`Fusion.used`): such films are scored exactly as if these parts were missing.
    """

    fusion: Fusion
    slope: Float32
    offset: Float32
    thresholds: Thresholds


@dataclass(frozen=True)
class Scored:
    """Scores of n films for g genres.

    scores (n, g) float32. present (n, 4) bool: which of `PARTS` the film has and the model knows.
    contributions (n, g, 4) float32: the logit with a part minus the logit without it, 0 for a part that is
    missing or does not help; for the only part, the logit minus the genre's prior logit. suggest, sure,
    tick (n, g) float32: thresholds, which depend on the parts that the film has; a genre is suggested
    (sure, ticked) if its score is above. A film without any part has the prior scores and thresholds of
    `NEVER`.
    """

    scores: Float32
    present: Bools
    contributions: Float32
    suggest: Float32
    sure: Float32
    tick: Float32


@dataclass(frozen=True)
class EvidenceModel:
    """A genre model over the parts of the evidence.

    genres: g names. parts: those it uses, in the order of PARTS. poster, title, year, overview: the model of
    each part, None for one that it does not use. prior (g,) float32: logits of the genres' frequencies.
    combinations: by parts, for all combinations of `parts`. balance: of the fused genres. extractor:
    fingerprint, "" if unknown. recipe: the name of the training recipe. no_evidence: genres that are never
    suggested.

    Raises ValueError if the parts do not fit.
    """

    genres: tuple[str, ...]
    parts: tuple[str, ...]
    poster: GenreHead | None
    title: TextModel | None
    year: YearModel | None
    overview: TextModel | None
    prior: Float32
    combinations: Mapping[tuple[str, ...], Combination]
    balance: Balance
    extractor: str = ""
    recipe: str = EVIDENCE_RECIPE
    no_evidence: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.genres)
        if not count or len(set(self.genres)) != count or not all(self.genres):
            raise ValueError("The genres of a model must be named, each once.")
        if not self.parts or self.parts != tuple(part for part in PARTS if getattr(self, part) is not None):
            raise ValueError("The parts of a model must be those that it has a model of.")
        if self.poster is not None and self.poster.genres != self.genres:
            raise ValueError("The model of the posters has other genres.")
        for part in ("title", "year", "overview"):
            if (model := getattr(self, part)) is not None and model.bias.shape != (count,):
                raise ValueError(f"The model of the {part} has {model.bias.shape[0]} genres, not {count}.")
        if self.prior.shape != (count,) or not np.isfinite(self.prior).all():
            raise ValueError("prior must be one finite number per genre.")
        if set(self.combinations) != set(combinations_of(self.parts)):
            raise ValueError("A model needs every combination of its parts.")
        for parts, chosen in self.combinations.items():
            _check(chosen, len(parts), count)
        if self.balance.slope.shape != (count,):
            raise ValueError("The balance has other genres.")
        if unknown := set(self.no_evidence) - set(self.genres):
            raise ValueError(f"no_evidence names {sorted(unknown)[0]!r}, which is no genre of the model.")

    @classmethod
    def of_head(cls, head: GenreHead) -> EvidenceModel:
        """A model whose only part is the poster: the same scores as the head's, bit for bit."""
        count = len(head.genres)
        sure = (NEVER,) * count if head.sure_thresholds is None else head.sure_thresholds
        suggest = np.array(head.thresholds, dtype=np.float32)
        # A genre that is never suggested is never ticked, nor one that scores between the two.
        tick = np.maximum(suggest, np.float32(DEFAULT_TICK))
        one, zero = np.ones(count, dtype=np.float32), np.zeros(count, dtype=np.float32)
        only = Combination(
            Fusion.identity(count), one, zero, Thresholds(suggest, np.array(sure, dtype=np.float32), tick)
        )
        # The logits of an average poster: both kinds of weights standardise with the training posters' mean.
        prior = head.weights.logits(head.weights.mean[None])[0]
        return cls(
            head.genres, ("poster",), head, None, None, None, prior, {("poster",): only}, Balance.none(count),
            head.extractor, head.recipe, head.no_evidence,
        )  # fmt: skip

    @property
    def dims(self) -> int | None:
        """How many numbers a poster's vector has; None for a model that uses no posters."""
        return None if self.poster is None else self.poster.weights.dims[0]

    def score(self, films: Films) -> Scored:
        """Score every genre for every film from the parts that it has and the model uses.

        Raises ml.genres.head.FeatureMismatch for vectors of another extractor, or ones that are not finite.
        """
        logits, present = self.part_logits(films)
        count = len(self.genres)
        total = np.repeat(self.prior[None], len(films), axis=0)
        contributions = np.zeros((len(films), count, len(PARTS)), dtype=np.float32)
        suggest, sure, tick = (np.full((len(films), count), NEVER, dtype=np.float32) for _ in range(3))
        numbers = present @ (1 << np.arange(len(PARTS)))
        for number in np.unique(numbers).tolist():
            rows = np.flatnonzero(numbers == number)
            parts = tuple(part for bit, part in enumerate(PARTS) if number >> bit & 1)
            if not parts:
                continue
            chosen = self.combinations[parts]
            helping = chosen.fusion.used(parts)
            total[rows] = self._fused(logits, rows, parts)
            for part in helping:
                others = tuple(other for other in helping if other != part)
                without = self._fused(logits, rows, others) if others else self.prior
                contributions[rows, :, PARTS.index(part)] = total[rows] - without
            suggest[rows], sure[rows], tick[rows] = (
                chosen.thresholds.suggest,
                chosen.thresholds.sure,
                chosen.thresholds.tick,
            )
        return Scored(sigmoid(total), present, contributions, suggest, sure, tick)

    def words(self, films: Films, row: int, column: int, count: int = 4) -> list[str]:
        """The words of film `row`'s title and overview that speak most for genre `column`, strongest first.

        As written in the text, at most `count`. Only words that speak for the genre and add at least
        `LEAST_WORD` of what all such words add; no very common words, no single letters, and none of a text
        that does not help to score this film.
        """
        return self.words_of(films, row, [column], count)[0]

    def words_of(self, films: Films, row: int, columns: Sequence[int], count: int = 4) -> list[list[str]]:
        """The same for several genres, which takes no longer than for one."""
        found = {
            part: model.word_logits(texts[row])
            for part, model, texts in (
                ("title", self.title, films.titles),
                ("overview", self.overview, films.overviews),
            )
            if model is not None and texts[row]
        }
        helping = self._helping(films, row, {part for part, (words, _) in found.items() if words})
        place: dict[str, int] = {}
        written: list[str] = []
        total = np.zeros((0, len(columns)), dtype=np.float32)
        for words, added in (found[part] for part in ("title", "overview") if part in helping):
            for word in words:
                if place.setdefault(word.casefold(), len(place)) == len(written):
                    written.append(word)
            total = np.pad(total, ((0, len(written) - len(total)), (0, 0)))
            np.add.at(total, [place[word.casefold()] for word in words], added[:, columns])
        least = LEAST_WORD * np.maximum(total, 0).sum(axis=0)
        # Whatever "the" adds, it explains nothing to a person.
        for model in filter(None, (self.title, self.overview)):
            total[model.is_common(written)] = 0
        total[[len(word) == 1 for word in written]] = 0
        best = np.argsort(-total, axis=0, kind="stable")[:count]
        return [
            [written[index] for index in order.tolist() if values[index] > 0 and values[index] >= limit]
            for order, values, limit in zip(best.T, total.T, least, strict=True)
        ]

    def _helping(self, films: Films, row: int, texts: set[str]) -> tuple[str, ...]:
        """The parts that help to score film `row`; texts: its title and overview, as far as readable."""
        known = set(texts)
        if self.poster is not None and (films.owners == row).any():
            known.add("poster")
        if self.year is not None and films.years[row] > 0:
            known.add("year")
        parts = tuple(part for part in PARTS if part in known)
        return self.combinations[parts].fusion.used(parts) if parts else ()

    def part_logits(self, films: Films) -> tuple[dict[str, Float32], Bools]:
        """Logits (n, g) of each part of the model, and which films have it, (n, 4) in the order of PARTS.

        Logits of missing parts are 0. A film with several posters has the mean of their logits.
        """
        count = len(films)
        logits: dict[str, Float32] = {}
        present = np.zeros((count, len(PARTS)), dtype=bool)
        if self.poster is not None:
            logits["poster"], present[:, 0] = pooled_logits(self.poster, films)
        if self.title is not None:
            logits["title"], present[:, 1] = self.title.logits(films.titles)
        if self.year is not None:
            logits["year"], present[:, 2] = self.year.logits(films.years)
        if self.overview is not None:
            logits["overview"], present[:, 3] = self.overview.logits(films.overviews)
        return logits, present

    def _fused(
        self, logits: Mapping[str, Float32], rows: npt.NDArray[np.int64], parts: Sequence[str]
    ) -> Float32:
        chosen = self.combinations[tuple(parts)]
        if chosen.fusion.used(parts) == ("poster",):
            # Exactly the head's scores.
            return logits["poster"][rows]
        fused = chosen.fusion.logits(np.stack([logits[part][rows] for part in parts]))
        return np.asarray(self.balance.logits(fused) * chosen.slope + chosen.offset, dtype=np.float32)


def pooled_logits(head: GenreHead, films: Films) -> tuple[Float32, Bools]:
    """The mean logits (n, g) float32 of each film's posters, and which films have one (n,)."""
    count = np.bincount(films.owners, minlength=len(films))
    total = np.zeros((len(films), len(head.genres)), dtype=np.float64)
    if len(films.owners):
        np.add.at(total, films.owners, head.logits(films.vectors))
    return (total / np.maximum(count, 1)[:, None]).astype(np.float32), count > 0


def _check(chosen: Combination, parts: int, genres: int) -> None:
    fusion, points = chosen.fusion, chosen.thresholds
    if fusion.kernel.shape != (parts, genres, genres) or fusion.bias.shape != (genres,):
        raise ValueError("The weights of a fusion do not fit the parts and genres.")
    if not (np.isfinite(fusion.kernel).all() and np.isfinite(fusion.bias).all()):
        raise ValueError("A fusion holds numbers that are not finite.")
    for numbers in (points.suggest, points.sure, points.tick, chosen.slope, chosen.offset):
        if numbers.shape != (genres,) or not np.isfinite(numbers).all():
            raise ValueError("Thresholds and calibration must be one finite number per genre.")
