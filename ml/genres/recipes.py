"""How a head is trained: the settings of one training, checked, and the recipes known by name."""

import json
import math
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from ml.genres.thresholds import RECIPE_THRESHOLD

LOSSES = ("macro_soft_f1", "binary_crossentropy")


class TrainingConfigError(ValueError):
    """A training setting is unknown or out of range; the message names it."""


class _Checked:
    """Settings that can say what is wrong with them."""

    name: str

    def _named(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise TrainingConfigError("name must be a text that is not empty.")

    def _whole(self, name: str, low: int, high: int) -> None:
        value = getattr(self, name)
        if type(value) is not int or not low <= value <= high:
            raise TrainingConfigError(f"{name} must be a whole number from {low} to {high}; got {value!r}.")

    def _between(self, name: str, low: float, high: float, *, ends: bool) -> None:
        if not _lies_between(getattr(self, name), low, high, ends=ends):
            raise TrainingConfigError(
                f"{name} must be a number between {low} and {high}; got {getattr(self, name)!r}."
            )


def _lies_between(value: object, low: float, high: float, *, ends: bool) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and (low <= value <= high if ends else low < value < high)
    )


@dataclass(frozen=True)
class TrainingConfig(_Checked):
    """Settings of one training. The defaults are the published recipe's (Maiza 2019).

    hidden: units of the one hidden layer. learning_rate: Adam's. patience: epochs without a better validation
    loss before stopping, None to run them all; the weights kept are always those of the best validation loss.
    validation_fraction: share of rows held out, whole groups at a time. standardise: subtract the mean and
    divide by the standard deviation of the training rows. min_positives: training posters a genre needs to be
    learned at all. resamples: bootstrap resamples behind the reported intervals.

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
        self._named()
        if self.loss not in LOSSES:
            raise TrainingConfigError(f"loss must be one of {', '.join(LOSSES)}; got {self.loss!r}.")
        if type(self.standardise) is not bool:
            raise TrainingConfigError(f"standardise must be true or false; got {self.standardise!r}.")
        if self.patience is not None:
            self._whole("patience", 1, 100_000)
        self._whole("hidden", 1, 65_536)
        self._whole("epochs", 1, 100_000)
        self._whole("batch_size", 1, 1_000_000)
        self._whole("seed", 0, 2**32 - 1)
        self._whole("min_positives", 1, 1_000_000)
        self._whole("resamples", 1, 100_000)
        self._between("learning_rate", 0, 10, ends=False)
        self._between("validation_fraction", 0, 1, ends=False)
        self._between("threshold", 0, 1, ends=True)
        self._between("dropout", 0, 0.99, ends=True)


@dataclass(frozen=True)
class LogisticConfig(_Checked):
    """Settings of the recipe `logistic`: one L2-regularised logistic regression a genre, without TensorFlow.

    components: principal components that the features are cut down to. folds: parts that take turns at being
    held out. strengths: regularisation strengths to choose from; `logistic.strengths` makes each genre's of
    the one chosen. shrinkage: positives at which a genre's own suggest threshold weighs as much as the pooled
    one (50: between 30 and 100 gave the best macro F1 on held-out parts of the training rows, for 600 to
    5,000 posters). sure_precision: the share of *sure* suggestions that shall be right; lowered, down to
    sure_least, until sure_recall of the true genres are among them. min_positives: posters a genre needs to
    be learned at all. resamples: bootstrap resamples behind the reported intervals.

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
        self._named()
        if isinstance(self.strengths, list):
            # as JSON has it
            object.__setattr__(self, "strengths", tuple(self.strengths))
        fits = isinstance(self.strengths, tuple) and 0 < len(self.strengths) <= 100
        if not fits or not all(_lies_between(one, 1e-6, 1e6, ends=True) for one in self.strengths):
            raise TrainingConfigError(
                f"strengths must be one to a hundred numbers from 1e-6 to 1e6; got {self.strengths!r}."
            )
        self._whole("components", 1, 65_536)
        self._whole("folds", 2, 100)
        self._whole("seed", 0, 2**32 - 1)
        self._whole("min_positives", 1, 1_000_000)
        self._whole("resamples", 1, 100_000)
        self._between("shrinkage", 0, 1e9, ends=True)
        self._between("sure_precision", 0, 1, ends=False)
        self._between("sure_least", 0, 1, ends=False)
        self._between("sure_recall", 0, 1, ends=True)


AnyConfig = TrainingConfig | LogisticConfig


PUBLISHED = TrainingConfig()
# A small catalogue gives Adam only a few steps an epoch: they must be larger, on comparable features.
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
RECIPES: dict[str, AnyConfig] = {config.name: config for config in (PUBLISHED, COMPACT, LOGISTIC)}


def config_from(values: dict[str, Any]) -> AnyConfig:
    """Build a config from plain values: those missing are the recipe's of that `name`, or the defaults.

    Raises TrainingConfigError for a setting that the recipe does not have or that is out of range.
    """
    name = values.get("name", TrainingConfig.name)
    start = RECIPES.get(name, TrainingConfig()) if isinstance(name, str) else TrainingConfig()
    known = {field.name for field in fields(start)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise TrainingConfigError(
            f"There is no training setting {unknown[0]!r} in the recipe {start.name}; "
            f"there are {', '.join(sorted(known))}."
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
