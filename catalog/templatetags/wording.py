"""Filters that describe extractors, sources, scores and runs in words."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from django import template
from django.conf import settings
from django.utils.text import Truncator

from catalog.external_ids import external_link
from catalog.genres.evidence import shares
from catalog.models import Extractor, GenreModel, ReviewDecision, Run, Suggestion
from catalog.posters.sources.registry import POSTER_SOURCES
from catalog.runs import kinds
from catalog.runs.progress import duration, progress_of, rate

register = template.Library()

BACKBONE_NAMES = {
    "pixels": "Raw pixels",
    "histograms": "Colour and shape",
    "mobilenet_v2": "MobileNetV2",
    "inception_v3": "Inception-v3",
    "tfhub": "TF-Hub model",
    "postersite": "Postersite",
}
FINGERPRINT_END = 6
SMALLEST_SHARE = 0.005
WORDS_SHOWN = 4
LONGEST_WORD = 30
SOURCE_NAMES = {
    "tmdb_page": "The Movie Database",
    "tmdb_api": "The Movie Database",
    "imdb_page": "IMDb",
    "folder": "a folder of this site’s administrators",
    "upload": "an upload by this site’s staff",
}


@register.filter
def extractor_name(extractor: Extractor) -> str:
    """ "inception_v3:mixed8:avg" -> "Inception-v3 · mixed8 · averaged". Handles and paths are shortened."""
    backbone, _, rest = extractor.spec.partition(":")
    name = BACKBONE_NAMES.get(backbone, backbone)
    if backbone in ("tfhub", "postersite"):
        return f"{name} · {rest.rstrip('/').rpartition('/')[2]}" if rest else name
    words = {"avg": "averaged", "flatten": "flattened", "nearest": "nearest-neighbour resize"}
    return " · ".join([name, *(words.get(part, part) for part in rest.split(":") if part)])


@register.filter
def extractor_name_among(extractor: Extractor, others: Iterable[Extractor]) -> str:
    """The extractor's name, with the end of its fingerprint if another of `others` has the same name."""
    name = extractor_name(extractor)
    is_ambiguous = any(other.pk != extractor.pk and extractor_name(other) == name for other in others)
    return f"{name} · {extractor.fingerprint[-FINGERPRINT_END:]}" if is_ambiguous else name


@register.simple_tag
def source_notices() -> list[str]:
    """Notices that the terms of the enabled poster sources require on every page."""
    notices = [POSTER_SOURCES[name].notice for name in settings.POSTER_SOURCES if name in POSTER_SOURCES]
    return [notice for notice in notices if notice]


@register.filter
def source_name(source: str) -> str:
    return SOURCE_NAMES.get(source, source.replace("_", " "))


@register.filter
def web_address(address: str) -> str:
    """The address if it may be linked to (http or https), else an empty string."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return address if parts.scheme in ("http", "https") and parts.netloc else ""


@register.filter
def score_text(score: float | None, model: GenreModel | None) -> str:
    """A score as text: "73%" if the model is calibrated, else ".73"."""
    if score is None:
        return "–"
    if model is not None and model.is_calibrated:
        # Never 0% or 100%: nothing is impossible or certain.
        return f"{min(99, max(1, round(100 * score)))}%"
    return f"{score:.2f}".removeprefix("0")


@register.filter
def likelihood(scored: Suggestion | ReviewDecision) -> str:
    """ "73% likely" if the model is calibrated, else "score .73"."""
    model = _model(scored)
    text = score_text(scored.score, model)
    return f"{text} likely" if model and model.is_calibrated else f"score {text}"


@register.filter
def threshold_text(scored: Suggestion | ReviewDecision) -> str:
    """The threshold of the suggestion, in the same form as its score."""
    return score_text(scored.threshold, _model(scored))


@register.filter
def evidence_text(suggestion: Suggestion | None) -> str:
    """What speaks for the suggestion: "poster 60%, title 40% · “space”, “alien”".

    Empty for a model that reads posters only, and without a suggestion. Begins with "without a poster" if
    there was none to read. The shares are left out if only one part had a say.
    """
    if suggestion is None:
        return ""
    parts = suggestion.evidence.split(",")
    if len(parts) < 2:
        return ""
    explanation = suggestion.explanation if isinstance(suggestion.explanation, dict) else {}
    contributed = explanation.get("parts")
    is_one = isinstance(contributed, dict) and sum(map(bool, contributed.values())) == 1
    spoke = [] if is_one else [each for each in shares(explanation) if each[1] >= SMALLEST_SHARE]
    text = ", ".join(f"{part} {share:.0%}" for part, share in spoke)
    words = explanation.get("words")
    quoted = ", ".join(
        f"“{Truncator(word).chars(LONGEST_WORD)}”"
        for word in (words if isinstance(words, list) else [])[:WORDS_SHOWN]
        if isinstance(word, str)
    )
    missing = "without a poster" if "poster" in parts and not suggestion.poster_sha256 else ""
    return " · ".join(filter(None, (missing, text, quoted)))


def _model(scored: Suggestion | ReviewDecision) -> GenreModel | None:
    suggestion = scored if isinstance(scored, Suggestion) else scored.suggestion
    return suggestion.model if suggestion else None


@register.filter
def activity(run: Run) -> str:
    return kinds.get(run.kind).activity


register.simple_tag(external_link)
register.filter("duration", duration)
register.filter("rate", rate)
register.filter("progress", progress_of)
