"""The page about the quality of suggestions, measured by the decisions of reviewers."""

from __future__ import annotations

import math
from statistics import median
from typing import Any

from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from catalog.genres import quality
from catalog.genres.expectations import FEWEST, Estimate, Outlook, Simulation, drift, simulate
from catalog.models import Genre, GenreModel
from catalog.templatetags.wording import score_text

from .model_admin import current_user, numbers, page_context

# The permission of those who train and promote models.
KEEPERS = "catalog.change_genremodel"
# The share of pending suggestions of which nothing may be expected when corrections per movie are shown.
MOST_UNKNOWN = 0.1


def quality_view(model_admin: ModelAdmin, request: HttpRequest) -> HttpResponse:
    """GET: figures of a genre model (`?model=`), by default of the active one.

    `?genre=&suggest=&tick=` are those of the simulation. The response to htmx is the simulation alone.
    """
    if request.headers.get("HX-Target") == "simulation":
        model = _chosen(request, quality.models(numbers([request.GET.get("model", "")])))
        return TemplateResponse(
            request, "admin/catalog/reviewqueue/simulation.html", _simulation(request, model)
        )
    by_model = quality.precision()
    models = quality.models(by_model)
    model = _chosen(request, models)
    rows = by_model.get(model.pk, {}) if model else {}
    may_see_everybody = request.user.has_perm(KEEPERS)
    context = {
        **page_context(model_admin, request, "Quality of suggestions"),
        "model": model,
        "models": [
            quality.together(str(each), list(by_model.get(each.pk, {}).values()), each) for each in models
        ],
        "genres": sorted(rows.values(), key=lambda row: (-row.precision.whole, row.name)),
        "total": quality.together("All genres", list(rows.values())),
        "periods": quality.acceptance_over_time(),
        "drift": drift(model) if model else None,
        "paces": quality.paces(None if may_see_everybody else current_user(request)),
        "may_see_everybody": may_see_everybody,
        "latest": quality.LATEST,
        "all_genres": Genre.objects.all(),
        **_simulation(request, model),
    }
    return TemplateResponse(request, "admin/catalog/reviewqueue/quality.html", context)


def _chosen(request: HttpRequest, models: list[GenreModel]) -> GenreModel | None:
    """The model in the query string, else the active one, else the newest."""
    wanted = numbers([request.GET.get("model", "")])
    by_state = sorted(models, key=lambda each: (each.pk in wanted, each.state == GenreModel.State.ACTIVE))
    return by_state[-1] if by_state else None


def _simulation(request: HttpRequest, model: GenreModel | None) -> dict[str, Any]:
    if model is None:
        return {}
    genre = Genre.objects.filter(pk__in=numbers([request.GET.get("genre", "")])).first()
    suggest = _number(request.GET.get("suggest"), _usual(model, model.thresholds, genre, min, 0.0))
    tick = _number(request.GET.get("tick"), _usual(model, model.tick_thresholds, genre, median, 0.5))
    found = simulate(model, genre.pk if genre else None, suggest, tick)
    return {
        "genre": genre,
        "suggest": f"{suggest:.2f}",
        "tick": f"{tick:.2f}",
        "suggest_text": score_text(suggest, model),
        "tick_text": score_text(max(suggest, tick), model),
        "simulation": found,
        "fewest": FEWEST,
        "known": found.now.suggested - found.unknown,
        "now": _outlook(found.now, found),
        "moved": _outlook(found.moved, found),
    }


def _usual(
    model: GenreModel, values: list[float], genre: Genre | None, summary: Any, default: float
) -> float:
    """The model's threshold for the genre, or a summary of those of all genres; with two decimals."""
    by_name = dict(zip(model.genres, values, strict=False))
    if genre is not None and genre.name in by_name:
        value = by_name[genre.name]
    else:
        value = summary(by_name.values()) if by_name else default
    return min(1.0, max(0.0, round(value, 2)))


def _number(text: str | None, default: float) -> float:
    """A number from 0 to 1; the default for anything else."""
    try:
        value = float(text or "")
    except ValueError:
        return default
    return value if math.isfinite(value) and 0 <= value <= 1 else default


def _outlook(outlook: Outlook, found: Simulation) -> dict[str, Any]:
    corrections = outlook.corrections
    # Corrections of unknown suggestions are not counted, so that the mean of a movie would be too low.
    is_mean_known = corrections and found.movies and found.unknown <= MOST_UNKNOWN * found.now.suggested
    return {
        "is_known": outlook.precision is not None,
        "suggested": outlook.suggested,
        "ticked": outlook.ticked,
        "precision": _percent(outlook.precision),
        "ticked_precision": _percent(outlook.ticked_precision),
        "corrections": f"{corrections.value:,.0f} ({corrections.low:,.0f}–{corrections.high:,.0f})"
        if corrections
        else "–",
        "corrections_per_movie": f"{corrections.value / found.movies:.2f}"
        if corrections and is_mean_known
        else "–",
    }


def _percent(estimate: Estimate | None) -> str:
    if estimate is None:
        return "–"
    return f"{estimate.value:.0%} ({100 * estimate.low:.0f}–{estimate.high:.0%})"
