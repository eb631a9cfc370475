"""The extractors that a site uses: which are configured, which are available, and loading one."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Literal

from django.conf import settings
from django.db.models import Count, Exists, OuterRef

from catalog import shared_files
from catalog.models import Extractor, GenreModel, SimilarityIndex
from ml import bundled
from ml.extractors import registry, runtime
from ml.extractors.export_cache import manifest_path
from ml.extractors.weights import WeightsUnavailable

log = logging.getLogger(__name__)

# Used unless POSTERSITE_EXTRACTORS names others.
DEFAULT_SPECS = ("postersite",)
# These describe colour and shape, not what a poster shows; the better one first.
WITHOUT_NETWORK = ("histograms", "pixels")
UNAVAILABLE = (WeightsUnavailable, registry.UnknownExtractor)


def configured_specs() -> list[str]:
    """The specs in POSTERSITE_EXTRACTORS, the default first; without that setting, our own ConvNet."""
    return list(settings.EXTRACTORS or DEFAULT_SPECS)


def required_specs() -> list[str]:
    """The specs that new posters are embedded with: the configured ones, and those that are still read.

    The active genre model could not suggest genres for new posters without its extractor. After an upgrade,
    look-alikes come from the earlier version of a configured extractor until the new one takes over. An
    extractor is left out if this site cannot load exactly that one.
    """
    configured = configured_specs()
    present = {_fingerprint_or_none(spec) for spec in configured}
    active = GenreModel.objects.filter(extractor=OuterRef("pk"), state=GenreModel.State.ACTIVE)
    others = Extractor.objects.exclude(fingerprint__in=present - {None}).annotate(active=Exists(active))
    read = [row for row in others if row.active]
    earlier = [row for row in others if row.spec in configured and not row.active]
    if earlier and (serving := default_extractor()) in earlier:
        read.append(serving)
    return [*configured, *filter(None, map(spec_of, read))]


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
    return spec_of(extractor) is not None


def spec_of(extractor: Extractor) -> str | None:
    """The spec by which this site loads exactly that extractor, None if it cannot.

    It differs from the row's for an earlier version of the bundled extractor, which is named by its file.
    """
    specs = [extractor.spec]
    if extractor.spec in DEFAULT_SPECS:
        files = sorted(bundled.PREVIOUS.glob("*.tflite"))
        specs += [f"{extractor.spec}:{file.name}" for file in files]
    return next((spec for spec in specs if _fingerprint_or_none(spec) == extractor.fingerprint), None)


def _fingerprint_or_none(spec: str) -> str | None:
    with suppress(*UNAVAILABLE):
        return fingerprint(spec)
    return None


def exported_file(fingerprint: str) -> Path:
    """Where the exported model of an extractor is stored, if it needs one."""
    return Path(settings.EXPORTS_DIR) / f"{fingerprint}.tflite"


def needs_export(resolved: runtime.ResolvedSpec) -> bool:
    """Whether loading the extractor exports its network first, which takes a minute or two."""
    return resolved.spec.needs_weights and not shared_files.exists(exported_file(resolved.fingerprint))


def load(extractor: str | runtime.ResolvedSpec) -> runtime.Extractor:
    """The extractor, ready to embed. It stays loaded until its weights change or the process ends.

    Raises WeightsUnavailable, UnknownExtractor, ExtractorFailed.
    """
    return _load(resolve(extractor) if isinstance(extractor, str) else extractor)


@lru_cache(maxsize=4)
def _load(resolved: runtime.ResolvedSpec) -> runtime.Extractor:
    file = exported_file(resolved.fingerprint)
    exported = (file, manifest_path(file)) if resolved.spec.needs_weights else ()
    is_published = _fetched(exported)
    found = runtime.load_resolved(
        resolved,
        weights_dir=settings.WEIGHTS_DIR,
        cache_dir=settings.EXPORTS_DIR,
        threads=settings.INFERENCE_THREADS,
    )
    if not is_published:
        try:
            shared_files.publish(*exported)
        except OSError as error:
            log.warning("Other machines have to export %s too: %s", resolved.spec.name, error.strerror)
    return found


def _fetched(files: Sequence[Path]) -> bool:
    """Whether this machine has all of the files now; otherwise the network is exported here."""
    try:
        for file in files:
            shared_files.fetched(file)
    except FileNotFoundError:
        return False
    except OSError as error:
        log.warning("%s could not be downloaded: %s", error.filename, error.strerror)
        return False
    return True


def default_extractor() -> Extractor | None:
    """The extractor that look-alikes and new genre models use; None before anything is embedded.

    Configured extractors come first, in their order, then other ConvNets, histograms and pixels. One without
    an index does not count while another has one, nor one with less than half as many posters as another.
    `index_files` builds the index of an extractor that would take over only when it is complete.
    """
    indexes = SimilarityIndex.objects.select_related("extractor")
    counts = {index.extractor: index.rows for index in indexes}
    if not counts:
        counts = {each: each.vectors for each in Extractor.objects.annotate(vectors=Count("embeddings"))}
    enough = max(1, max(counts.values(), default=0) / 2)
    candidates = [extractor for extractor, count in counts.items() if count >= enough]
    configured = [_fingerprint_or_none(spec) for spec in configured_specs()]
    return min(
        candidates,
        key=lambda extractor: (*_rank(extractor, configured), -counts[extractor], extractor.pk),
        default=None,
    )


def would_replace(extractor: Extractor, serving: Extractor) -> bool:
    """Whether look-alikes would come from `extractor` rather than from `serving` if both had an index."""
    configured = [_fingerprint_or_none(spec) for spec in configured_specs()]
    return _rank(extractor, configured) < _rank(serving, configured)


def _rank(extractor: Extractor, configured: Sequence[str | None]) -> tuple[int, int]:
    name = extractor.spec.partition(":")[0]
    known = extractor.fingerprint in configured
    place = configured.index(extractor.fingerprint) if known else len(configured)
    return place, 0 if is_convnet(name) else 1 + WITHOUT_NETWORK.index(name)


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
