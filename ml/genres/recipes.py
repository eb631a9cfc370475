"""Settings of genre training, checked, and the named recipes."""

import json
import math
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from ml.genres.parts import PARTS
from ml.genres.thresholds import RECIPE_THRESHOLD

LOSSES = ("macro_soft_f1", "binary_crossentropy")


class TrainingConfigError(ValueError):
    """A training setting is unknown or out of range; the message names it."""


class _Settings:
    """Checks for settings."""

    name: str

    def _check_name(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise TrainingConfigError("name must be a non-empty text.")

    def _check_whole(self, name: str, low: int, high: int) -> None:
        value = getattr(self, name)
        if type(value) is not int or not low <= value <= high:
            raise TrainingConfigError(f"{name} must be a whole number from {low} to {high}; got {value!r}.")

    def _check_between(self, name: str, low: float, high: float, *, ends: bool) -> None:
        if not _is_between(getattr(self, name), low, high, ends=ends):
            raise TrainingConfigError(
                f"{name} must be a number between {low} and {high}; got {getattr(self, name)!r}."
            )


def _is_between(value: object, low: float, high: float, *, ends: bool) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and (low <= value <= high if ends else low < value < high)
    )


@dataclass(frozen=True)
class TrainingConfig(_Settings):
    """Settings of a dense head. The defaults are the published recipe (Maiza 2019).

    hidden: units of the hidden layer. learning_rate: of Adam. patience: epochs without a better validation
    loss before stopping early, None for no early stopping; the weights of the best epoch are used in any
    case. validation_fraction: share of rows held out, in whole groups. standardise: whether to standardise
    features. min_positives: training posters that a genre needs. resamples: of the bootstrap for intervals.

    Raises TrainingConfigError naming the setting.
    """

    name: str = "recipe-genres"
    hidden: int = 1024
    loss: str = "macro_soft_f1"
    learning_rate: float = 1e-5
    epochs: int = 30
    batch_size: int = 256
    dropout: float = 0.0
    validation_fraction: float = 0.2
    seed: int = 0
    threshold: float = RECIPE_THRESHOLD
    standardise: bool = False
    patience: int | None = None
    min_positives: int = 5
    resamples: int = 1000

    def __post_init__(self) -> None:
        self._check_name()
        if self.loss not in LOSSES:
            raise TrainingConfigError(f"loss must be one of {', '.join(LOSSES)}; got {self.loss!r}.")
        if type(self.standardise) is not bool:
            raise TrainingConfigError(f"standardise must be true or false; got {self.standardise!r}.")
        if self.patience is not None:
            self._check_whole("patience", 1, 100_000)
        self._check_whole("hidden", 1, 65_536)
        self._check_whole("epochs", 1, 100_000)
        self._check_whole("batch_size", 1, 1_000_000)
        self._check_whole("seed", 0, 2**32 - 1)
        self._check_whole("min_positives", 1, 1_000_000)
        self._check_whole("resamples", 1, 100_000)
        self._check_between("learning_rate", 0, 10, ends=False)
        self._check_between("validation_fraction", 0, 1, ends=False)
        self._check_between("threshold", 0, 1, ends=True)
        self._check_between("dropout", 0, 0.99, ends=True)


@dataclass(frozen=True)
class LogisticConfig(_Settings):
    """Settings of the recipe `logistic`: one L2-regularised logistic regression per genre, without
    TensorFlow.

    components: number of principal components. folds: of the cross-validation. strengths: regularisation
    strengths to choose from; `logistic.strengths` derives those of the genres. shrinkage: positives at which
    a genre's own suggest threshold and the pooled one have the same weight (30 to 100 gave the best macro F1
    on held-out parts of the training rows, for 600 to 5,000 posters). sure_precision: target precision of
    *sure* suggestions; lowered down to sure_least until their recall is sure_recall. min_positives: posters
    that a genre needs. resamples: of the bootstrap for intervals.

    Raises TrainingConfigError naming the setting.
    """

    name: str = "logistic"
    components: int = 256
    folds: int = 5
    strengths: tuple[float, ...] = (30.0, 10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01)
    shrinkage: float = 50.0
    sure_precision: float = 0.8
    sure_least: float = 0.7
    sure_recall: float = 0.27
    seed: int = 0
    min_positives: int = 5
    resamples: int = 1000

    def __post_init__(self) -> None:
        self._check_name()
        if isinstance(self.strengths, list):
            # JSON has no tuples.
            object.__setattr__(self, "strengths", tuple(self.strengths))
        fits = isinstance(self.strengths, tuple) and 0 < len(self.strengths) <= 100
        if not fits or not all(_is_between(one, 1e-6, 1e6, ends=True) for one in self.strengths):
            raise TrainingConfigError(
                f"strengths must be one to a hundred numbers from 1e-6 to 1e6; got {self.strengths!r}."
            )
        self._check_whole("components", 1, 65_536)
        self._check_whole("folds", 2, 100)
        self._check_whole("seed", 0, 2**32 - 1)
        self._check_whole("min_positives", 1, 1_000_000)
        self._check_whole("resamples", 1, 100_000)
        self._check_between("shrinkage", 0, 1e9, ends=True)
        self._check_between("sure_precision", 0, 1, ends=False)
        self._check_between("sure_least", 0, 1, ends=False)
        self._check_between("sure_recall", 0, 1, ends=True)


@dataclass(frozen=True)
class EvidenceConfig(LogisticConfig):
    """Settings of the recipe `evidence`: the recipe `logistic` for posters, linear models of n-grams and of
    the year, and a fusion for every combination of these parts.

    parts: those to use, in the order of `ml.genres.parts.PARTS`. text_strengths: regularisation strengths of
    the texts to choose from. overview_sure_precision, overview_sure_least, overview_sure_recall: as
    sure_precision, sure_least and sure_recall, for films with an overview.

    Raises TrainingConfigError naming the setting.
    """

    name: str = "evidence"
    parts: tuple[str, ...] = PARTS
    text_strengths: tuple[float, ...] = (3e-3, 1e-3, 5e-4, 2e-4, 1e-4)
    overview_sure_precision: float = 0.85
    overview_sure_least: float = 0.8
    overview_sure_recall: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("parts", "text_strengths"):
            if isinstance(getattr(self, name), list):
                object.__setattr__(self, name, tuple(getattr(self, name)))
        if not self.parts or self.parts != tuple(part for part in PARTS if part in self.parts):
            raise TrainingConfigError(
                f"parts must be some of {', '.join(PARTS)}, each once, in this order; got {self.parts!r}."
            )
        fits = isinstance(self.text_strengths, tuple) and 0 < len(self.text_strengths) <= 100
        if not fits or not all(_is_between(one, 1e-9, 1e3, ends=True) for one in self.text_strengths):
            raise TrainingConfigError(
                "text_strengths must be one to a hundred numbers from 1e-9 to 1e3; got "
                f"{self.text_strengths!r}."
            )
        self._check_between("overview_sure_precision", 0, 1, ends=False)
        self._check_between("overview_sure_least", 0, 1, ends=False)
        self._check_between("overview_sure_recall", 0, 1, ends=True)


AnyConfig = TrainingConfig | LogisticConfig | EvidenceConfig


PUBLISHED = TrainingConfig()
# Small data gives Adam few steps per epoch: they must be larger, on standardised features.
COMPACT = TrainingConfig(
    name="compact",
    hidden=128,
    learning_rate=2e-3,
    epochs=60,
    batch_size=32,
    dropout=0.3,
    standardise=True,
    patience=15,
)
LOGISTIC = LogisticConfig()
EVIDENCE = EvidenceConfig()
RECIPES: dict[str, AnyConfig] = {config.name: config for config in (PUBLISHED, COMPACT, LOGISTIC, EVIDENCE)}


def config_from(values: dict[str, Any]) -> AnyConfig:
    """Build a config from plain values; missing ones are those of the recipe `name`, or the defaults.

    Raises TrainingConfigError for a setting that the recipe does not have or that is out of range.
    """
    name = values.get("name", TrainingConfig.name)
    start = RECIPES.get(name, TrainingConfig()) if isinstance(name, str) else TrainingConfig()
    known = {field.name for field in fields(start)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise TrainingConfigError(
            f"The recipe {start.name} has no setting {unknown[0]!r}. Settings: {', '.join(sorted(known))}."
        )
    return replace(start, **values)


def read_config(path: Path) -> AnyConfig:
    """Read a config from a JSON object in a file. Raises TrainingConfigError naming the file."""
    try:
        values = json.loads(path.read_bytes())
    except OSError as error:
        raise TrainingConfigError(f"The config {path} can't be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise TrainingConfigError(f"The config {path} is not JSON: {error}.") from error
    if not isinstance(values, dict):
        raise TrainingConfigError(f"The config {path} must be a JSON object of settings.")
    try:
        return config_from(values)
    except TrainingConfigError as error:
        raise TrainingConfigError(f"The config {path} can't be used: {error}") from error


def config_values(config: AnyConfig) -> dict[str, Any]:
    """The settings as plain values for JSON; `config_from` reads them back."""
    return asdict(config)
