"""The registry of extractors: their properties, spec strings and fingerprints."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from typing import Literal

from ml.imaging.images import DECODER, Resize

Pooling = Literal["avg", "flatten"]
Scaling = Literal["unit", "signed", "none"]
"""Range of pixel values that a network expects: "unit" [0, 1], "signed" [-1, 1], "none" [0, 255]."""


class UnknownExtractor(ValueError):
    """A spec string names no extractor; the message lists those that exist."""


@dataclass(frozen=True, slots=True)
class Backbone:
    """Properties of one family of extractors.

    `size` is (height, width) in pixels. `last_layer` is the layer whose average-pooled output is the default
    vector; empty if there is no choice of layers. `needs_weights`: the site must provide weights; `trained`:
    the weights are in a LiteRT file, bundled or the site's own. `revision` changes when our code computes
    other numbers.
    """

    name: str
    size: tuple[int, int]
    scaling: Scaling
    pooling: Pooling
    needs_weights: bool
    summary: str
    last_layer: str = ""
    keras_name: str = ""
    sizable: bool = False
    trained: bool = False
    precision: str = "f32"
    revision: int = 1

    @property
    def has_weights(self) -> bool:
        """Whether its vectors depend on a file of weights."""
        return self.needs_weights or self.trained


BACKBONES: dict[str, Backbone] = {
    backbone.name: backbone
    for backbone in (
        Backbone("pixels", (48, 32), "unit", "flatten", False, "the image itself, flattened", sizable=True),
        Backbone(
            "histograms",
            (144, 96),
            "unit",
            "flatten",
            False,
            "colour histograms (Swain & Ballard 1991) and gradient orientations (Dalal & Triggs 2005)",
            sizable=True,
        ),
        Backbone(
            "postersite",
            (288, 192),
            "none",
            "avg",
            False,
            "MobileNetV2 trained on posters: genres, franchises and altered copies; comes with its weights",
            trained=True,
            precision="f16",
        ),
        Backbone(
            "mobilenet_v2",
            (224, 224),
            "signed",
            "avg",
            True,
            "MobileNetV2 (Sandler et al. 2018) trained on ImageNet",
            last_layer="out_relu",
            keras_name="MobileNetV2",
        ),
        Backbone(
            "inception_v3",
            (299, 299),
            "signed",
            "avg",
            True,
            "Inception-v3 (Szegedy et al. 2015) trained on ImageNet",
            last_layer="mixed10",
            keras_name="InceptionV3",
        ),
        Backbone("tfhub", (224, 224), "unit", "avg", True, "a feature-vector model from TensorFlow Hub"),
    )
}

STANDARD = ("pixels", "histograms", "postersite", "mobilenet_v2", "inception_v3")
"""The extractors that a site offers by name, cheapest first."""

# Other names of the default layer.
_TOP_ALIASES = frozenset({"top", "avg_pool", "global_average_pooling2d"})
_LAYER = re.compile(r"[A-Za-z][A-Za-z0-9_./-]{0,99}")
_SIZE = re.compile(r"(\d{1,4})x(\d{1,4})")
_MAX_SIDE = 1024


@dataclass(frozen=True, slots=True)
class ExtractorSpec:
    """Everything about an extractor that changes its vectors, except the weights themselves.

    `layer` is empty if it depends on the weights (the last layer that an Inception-v3 file includes) or if
    there are no layers; `size` is (height, width); `handle` is a TF-Hub handle or folder, or the path of a
    trained file (empty: the bundled one).
    """

    backbone: str
    layer: str
    pooling: Pooling
    size: tuple[int, int]
    scaling: Scaling
    resize: Resize = "bilinear"
    precision: str = "f32"
    handle: str = ""

    @property
    def needs_weights(self) -> bool:
        """Whether the site must provide weights."""
        return BACKBONES[self.backbone].needs_weights

    @property
    def name(self) -> str:
        """The shortest spec string that `parse_spec` reads back as this spec."""
        facts = BACKBONES[self.backbone]
        if self.handle:
            return f"{self.backbone}:{self.handle}"
        parts = [self.backbone]
        if self.size != facts.size:
            parts.append(f"{self.size[1]}x{self.size[0]}")
        default = "" if self.backbone == "inception_v3" else facts.last_layer
        if self.layer != default:
            parts += [self.layer, self.pooling]
        elif self.pooling != facts.pooling:
            parts.append(self.pooling)
        if self.resize == "nearest":
            parts.append("nearest")
        return ":".join(parts)

    def fingerprint(self, weights_digest: str = "") -> str:
        """A stable identifier of the vectors, such as `mobilenet_v2-224-gap-bilinear-f32-3f2a9c1d04be`.

        The last twelve characters are the start of a SHA-256 over everything that changes the vectors:
        weights, layer, pooling, size, scaling, decoder, resize filter, precision, and the revision. Vectors
        with different fingerprints must never be compared.

        Args:
            weights_digest: SHA-256 of the weights, hexadecimal; empty for an extractor that needs none.

        Raises:
            ValueError: a digest is missing or not expected, or the layer is not resolved yet.
        """
        facts = BACKBONES[self.backbone]
        if bool(weights_digest) != facts.has_weights:
            raise ValueError(f"{self.name} {'needs' if facts.has_weights else 'has no'} weights digest.")
        if facts.last_layer and not self.layer:
            raise ValueError(f"{self.name} has no layer yet: resolve it against its weights first.")
        hashed = asdict(self) | {
            "weights": weights_digest,
            "decoder": DECODER,
            "revision": facts.revision,
        }
        del hashed["handle"]  # the location of a model does not change its vectors
        digest = hashlib.sha256(json.dumps(hashed, sort_keys=True).encode()).hexdigest()[:12]
        height, width = self.size
        parts = [self.backbone, str(width) if width == height else f"{width}x{height}"]
        if self.layer and self.layer != facts.last_layer:
            parts.append(re.sub(r"[^A-Za-z0-9_.]", "_", self.layer))
        parts += ["gap" if self.pooling == "avg" else "flat", self.resize, self.precision, digest]
        return "-".join(parts)


def parse_spec(spec: str) -> ExtractorSpec:
    """Read `BACKBONE[:LAYER][:POOLING]`.

    POOLING is `avg` or `flatten`. `pixels` and `histograms` take a size instead of a layer, WIDTHxHEIGHT.
    `:nearest` at the end selects nearest-neighbour resizing, as in the published recipe. `tfhub:` is followed
    by a handle or a folder, `postersite` optionally by the path of a trained .tflite file.

    >>> parse_spec("inception_v3:mixed5:flatten").layer
    'mixed5'

    Raises:
        UnknownExtractor: the text names no extractor; the message lists the choices.
    """
    name, colon, rest = spec.strip().partition(":")
    facts = BACKBONES.get(name)
    if facts is None:
        raise UnknownExtractor(f"There is no extractor {spec!r}. {_choices()}")
    if name == "tfhub":
        if not rest:
            raise UnknownExtractor("tfhub: must be followed by a TF-Hub handle or the path of a folder.")
        return ExtractorSpec(name, "", facts.pooling, facts.size, facts.scaling, handle=rest)
    if facts.trained:
        if colon and not rest:
            raise UnknownExtractor(f"{spec!r} names no file after the colon. {_choices()}")
        return ExtractorSpec(
            name, "", facts.pooling, facts.size, facts.scaling, precision=facts.precision, handle=rest
        )
    layer, pooling, size, resize = "", facts.pooling, facts.size, "bilinear"
    for part in rest.split(":") if rest else ():
        measure = _SIZE.fullmatch(part)
        if measure and facts.sizable:
            size = (int(measure[2]), int(measure[1]))
            if min(size) < 8 or max(size) > _MAX_SIDE:
                raise UnknownExtractor(f"{spec!r}: each side must be 8 to {_MAX_SIDE} pixels.")
        elif part in ("avg", "flatten") and (facts.last_layer or part == facts.pooling):
            pooling = "avg" if part == "avg" else "flatten"
        elif part == "nearest":
            resize = "nearest"
        elif part in _TOP_ALIASES and facts.last_layer and not layer:
            layer = facts.last_layer
        elif facts.last_layer and not layer and _LAYER.fullmatch(part):
            layer = part
        else:
            raise UnknownExtractor(f"{spec!r}: {name} has no option {part!r}. {_choices()}")
    if name != "inception_v3":
        layer = layer or facts.last_layer
    return ExtractorSpec(
        name, layer, pooling, size, facts.scaling, resize="nearest" if resize == "nearest" else "bilinear"
    )


def _choices() -> str:
    return (
        f"There are {', '.join(BACKBONES)}; a ConvNet may be followed by a layer and a pooling "
        "(inception_v3:mixed8:avg, inception_v3:mixed5:flatten), pixels and histograms by a size "
        "(pixels:64x96), tfhub by a handle or folder, postersite by the path of a trained file."
    )
