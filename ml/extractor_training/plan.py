"""The settings of one training of the extractor, checked."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from typing import Literal, get_args

from .errors import TrainingError

Rows = Literal["train", "all"]
Backbone = Literal["mobilenet_v2", "efficientnet_lite2"]
# Where the early and the middle blocks end, as parts of all blocks.
EARLY, MIDDLE = 7 / 17, 13 / 17


@dataclass(frozen=True)
class TrainingPlan:
    """The settings that, with the posters and the initial weights, decide the result.

    backbone: the architecture (see network.py). rows: `train` trains on the training part and validates after
    each epoch; `all` trains on the validation part too, once the other settings are chosen. held_out: how
    many further posters to keep out of the training, so that genre models can be fitted to posters that the
    network never saw. epochs: passes over the posters, may be a fraction. height, width: of the views, in
    pixels; smaller than the extractor's 288 × 192, because random crops magnify (Touvron et al., "Fixing the
    train-test resolution discrepancy", 2019), and faster.

    Steps: pairs: posters per step, with two views of each (or, with probability mate_share, a view of another
    poster of the franchise). learning_rate, head_rate: peaks for the backbone and for the new layers, after
    warm_up steps and before a cosine decay (Loshchilov & Hutter, "SGDR", 2017). early_share, middle_share:
    factors of learning_rate for the first two fifths of the blocks and
    for the rest of the first three quarters. weight_decay: of AdamW, for the new layers.
    anchor: decay of the backbone towards its initial weights (Li, Grandvalet & Davoine, "Explicit Inductive
    Bias for Transfer Learning with Convolutional Networks", 2018). clip: largest norm of all gradients
    together. average: momentum of the running mean of the weights, which is the result (Polyak & Juditsky,
    "Acceleration of stochastic approximation by averaging", 1992). dropout, smoothing: of the genre head's
    inputs, and of its labels. mixing: largest share of another poster in half of the views, 0 for no mixup.
    distil: share of a teacher's scores in the labels, 0 for no teacher.

    Loss: the cross-entropy of the genres, plus `contrastive` times the supervised contrastive loss at
    `temperature` with the last `memory` vectors, plus `agreement` times the same with shared genres as soft
    targets, plus `keep` times the error of a linear prediction of ImageNet's features from the vector (see
    losses.py).

    genre_pull: how far the final transform stretches vectors towards genres, from 0. pooled_share: length of
    the pooled layers in the vector, beside 1 for the trained one; 0 leaves them out. whitening: of the
    principal components that they share, from 0 (PCA) to 1. min_positives: training posters that a genre
    needs. save_every: steps between checkpoints; does not change the result. seed: of
    views, order and dropout.

    Raises TrainingError naming a setting that is out of range.
    """

    backbone: Backbone = "mobilenet_v2"
    rows: Rows = "train"
    held_out: int = 0
    epochs: float = 5.0
    height: int = 224
    width: int = 160
    pairs: int = 24
    mate_share: float = 0.6
    learning_rate: float = 1.5e-4
    head_rate: float = 1e-3
    warm_up: int = 150
    early_share: float = 0.35
    middle_share: float = 0.7
    weight_decay: float = 0.02
    anchor: float = 2.0
    clip: float = 5.0
    average: float = 0.998
    dropout: float = 0.2
    smoothing: float = 0.0
    mixing: float = 0.0
    distil: float = 0.0
    contrastive: float = 0.3
    agreement: float = 0.0
    keep: float = 0.0
    temperature: float = 0.1
    memory: int = 3072
    genre_pull: float = 0.5
    pooled_share: float = 0.6
    whitening: float = 0.4
    min_positives: int = 5
    save_every: int = 50
    seed: int = 0

    def __post_init__(self) -> None:
        if self.backbone not in get_args(Backbone):
            raise TrainingError(f"backbone must be {' or '.join(get_args(Backbone))}; got {self.backbone!r}.")
        if self.rows not in ("train", "all"):
            raise TrainingError(f"rows must be train or all; got {self.rows!r}.")
        if self.rows == "all" and self.held_out:
            raise TrainingError("held_out must be 0 if rows is all: then nothing is held out.")
        for name, low, high in _WHOLE:
            value = getattr(self, name)
            if type(value) is not int or not low <= value <= high:
                raise TrainingError(f"{name} must be a whole number from {low} to {high}; got {value!r}.")
        for name, least, most in _NUMBERS:
            value = getattr(self, name)
            if not isinstance(value, int | float) or not math.isfinite(value) or not least <= value <= most:
                raise TrainingError(f"{name} must be a number from {least:g} to {most:g}; got {value!r}.")

        for name in ("height", "width"):
            if getattr(self, name) % 32:
                raise TrainingError(f"{name} must be a multiple of 32; got {getattr(self, name)}.")
        if 0 < self.memory < 2 * self.pairs:
            raise TrainingError(f"memory must be 0, or hold at least the {2 * self.pairs} views of one step.")

    @property
    def digest(self) -> str:
        """SHA-256 over all settings that change the result, hexadecimal."""
        settings = asdict(self)
        del settings["save_every"]
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the views."""
        return self.height, self.width

    def steps(self, posters: int) -> tuple[int, int]:
        """Steps per epoch and in all for this number of training posters; at least one each."""
        per_epoch = max(1, posters // self.pairs_of(posters))
        return per_epoch, max(1, int(self.epochs * per_epoch))

    def pairs_of(self, posters: int) -> int:
        """Pairs per step: `pairs`, or the number of posters if that is smaller."""
        return min(self.pairs, posters)

    def share(self, depth: float) -> float:
        """The factor of the learning rate for the block at `depth` of the backbone, from 0 to 1."""
        return self.early_share if depth < EARLY else self.middle_share if depth < MIDDLE else 1.0

    def rate(self, step: int, total: int) -> float:
        """The factor of the peak learning rates at `step` (from 0) of `total`."""
        warm = min(1.0, (step + 1) / max(1, self.warm_up))
        return warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / total)))


_WHOLE = (
    ("held_out", 0, 1_000_000),
    ("height", 96, 480),
    ("width", 64, 480),
    ("pairs", 2, 4096),
    ("warm_up", 0, 1_000_000),
    ("memory", 0, 1_000_000),
    ("min_positives", 1, 1_000_000),
    ("save_every", 1, 1_000_000),
    ("seed", 0, 2**31 - 1),
)
_NUMBERS = (
    ("epochs", 0.001, 10_000.0),
    ("mate_share", 0.0, 1.0),
    ("learning_rate", 1e-9, 1.0),
    ("head_rate", 1e-9, 1.0),
    ("early_share", 0.0, 1.0),
    ("middle_share", 0.0, 1.0),
    ("weight_decay", 0.0, 1.0),
    ("anchor", 0.0, 1000.0),
    ("clip", 1e-6, 1e6),
    ("average", 0.0, 0.999999),
    ("dropout", 0.0, 0.95),
    ("smoothing", 0.0, 0.9),
    ("mixing", 0.0, 0.5),
    ("distil", 0.0, 1.0),
    ("contrastive", 0.0, 100.0),
    ("agreement", 0.0, 100.0),
    ("keep", 0.0, 100.0),
    ("temperature", 0.005, 10.0),
    ("genre_pull", 0.0, 100.0),
    ("pooled_share", 0.0, 100.0),
    ("whitening", 0.0, 1.0),
)
