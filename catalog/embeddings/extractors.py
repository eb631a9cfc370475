"""The extractors that a site uses: which are configured, which are available, and loading one."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Literal

from django.conf import settings
from django.db.models import Count

from catalog.models import Embedding, Extractor, GenreModel
from ml.extractors import registry, runtime
from ml.extractors.weights import WeightsUnavailable

# Used unless POSTERSITE_EXTRACTORS names others.
DEFAULT_SPECS = ("postersite",)
# These describe colour and shape, not what a poster shows; the better one first.
WITHOUT_NETWORK = ("histograms", "pixels")
UNAVAILABLE = (WeightsUnavailable, registry.UnknownExtractor)


def configured_specs() -> list[str]:
    """The specs in POSTERSITE_EXTRACTORS, the default first; without that setting, our own ConvNet."""
    return list(settings.EXTRACTORS or DEFAULT_SPECS)


def required_specs() -> list[str]:
    """The specs that new posters are embedded with: the configured ones and that of the active genre model.

    A model that was trained on another extractor could not suggest genres for new posters otherwise. Its
    extractor is left out if this site cannot load exactly that one.
    """
    specs = configured_specs()
    row = Extractor.objects.filter(genre_models__state=GenreModel.State.ACTIVE).first()
    if row is None or not is_available(row) or row.fingerprint in map(_fingerprint_or_none, specs):
        return specs
    return [*specs, row.spec]


def resolve(spec: str) -> runtime.ResolvedSpec:
    """The extractor that `spec` names on this site. Raises WeightsUnavailable, UnknownExtractor."""
    return runtime.resolve(spec, settings.WEIGHTS_DIR)


def fingerprint(spec: str) -> str:
    """The fingerprint of the extractor that `spec` names on this site. Raises as `resolve`."""
    return resolve(spec).fingerprint


def available(specs: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """The fingerprints of those extractors that can be loaded, by spec, and a sentence for each other one."""
    fingerprints: dict[str, str] = {}
    problems: list[str] = []
    for spec in specs:
        try:
            fingerprints[spec] = fingerprint(spec)
        except UNAVAILABLE as error:
            problems.append(str(error))
    return fingerprints, problems


def is_available(extractor: Extractor) -> bool:
    """Whether this site can embed posters with exactly that extractor."""
    return _fingerprint_or_none(extractor.spec) == extractor.fingerprint


def _fingerprint_or_none(spec: str) -> str | None:
    with suppress(*UNAVAILABLE):
        return fingerprint(spec)
    return None


def exported_file(fingerprint: str) -> Path:
    """Where the exported model of an extractor is stored, if it needs one."""
    return Path(settings.EXPORTS_DIR) / f"{fingerprint}.tflite"


def needs_export(resolved: runtime.ResolvedSpec) -> bool:
    """Whether loading the extractor exports its network first, which takes a minute or two."""
    return resolved.spec.needs_weights and not exported_file(resolved.fingerprint).exists()


def load(extractor: str | runtime.ResolvedSpec) -> runtime.Extractor:
    """The extractor, ready to embed. It stays loaded until its weights change or the process ends.

    Raises WeightsUnavailable, UnknownExtractor, ExtractorFailed.
    """
    return _load(resolve(extractor) if isinstance(extractor, str) else extractor)


@lru_cache(maxsize=4)
def _load(resolved: runtime.ResolvedSpec) -> runtime.Extractor:
    return runtime.load_resolved(
        resolved,
        weights_dir=settings.WEIGHTS_DIR,
        cache_dir=settings.EXPORTS_DIR,
        threads=settings.INFERENCE_THREADS,
    )


def default_extractor() -> Extractor | None:
    """The extractor that look-alikes and new genre models use; None before anything is embedded.

    Configured extractors come first, in their order, then other ConvNets, histograms and pixels. An extractor
    that has embedded less than half as many posters as another one does not count yet.
    """
    counts = dict(Embedding.objects.order_by().values_list("extractor").annotate(Count("pk")))
    if not counts:
        return None
    configured = [_fingerprint_or_none(spec) for spec in configured_specs()]

    def rank(extractor: Extractor) -> tuple[int, int, int, int]:
        name = extractor.spec.partition(":")[0]
        place = (
            configured.index(extractor.fingerprint)
            if extractor.fingerprint in configured
            else len(configured)
        )
        kind = 0 if is_convnet(name) else 1 + WITHOUT_NETWORK.index(name)
        return place, kind, -counts[extractor.pk], extractor.pk

    enough = max(counts.values()) / 2
    candidates = Extractor.objects.filter(pk__in=[pk for pk, count in counts.items() if count >= enough])
    return min(candidates, key=rank, default=None)


def is_convnet(spec: str) -> bool:
    return spec.partition(":")[0] not in WITHOUT_NETWORK


def why_no_convnet() -> Literal["", "weights", "embedding"]:
    """Why look-alikes are based on colour and shape although a ConvNet is configured; empty if they are not.

    "weights": no configured ConvNet has its weights. "embedding": most posters are not embedded by it yet.
    """
    convnets = [spec for spec in configured_specs() if is_convnet(spec)]
    default = default_extractor() if convnets else None
    if default is None or is_convnet(default.spec):
        return ""
    return "embedding" if available(convnets)[0] else "weights"
