"""Contenders: what can be evaluated by name, from raw pixels to the model a site has in use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from ml.evaluation.errors import EvaluationError
from ml.evaluation.heads import Teller, find_head, newest_head, read_shipped, read_teller
from ml.evaluation.ranking import Search
from ml.evaluation.vectors import Places, Precision
from ml.extractors.registry import BACKBONES, UnknownExtractor, parse_spec
from ml.genres.recipes import RECIPES

ACTIVE = "active"
LOOKALIKE_RECIPES = {
    "recipe-lookalike": "inception_v3",
    "recipe-lookalike-flattened": "inception_v3:flatten",
}
"""The published look-alikes: Inception-v3 as far up as the weights at hand reach, average pooled or
flattened, in a Euclidean ball tree."""

RECIPE_EXTRACTOR = "mobilenet_v2"
POSTERSITE = "postersite"
_COMES_ALONG = "It comes with Postersite; ml/bundled/model-card.md tells which posters it learned from."
_AT = "@"


@dataclass(frozen=True)
class Contender:
    """Something that looks for look-alikes and perhaps tells genres.

    extractor: spec of the vectors look-alikes are found by; search: how; precision: how a catalogue stores
    them. teller: the genre model, if there is one; else recipe: that of one to be trained first (`--fit`);
    else no_genres says why there are no genre figures.
    """

    name: str
    extractor: str
    search: Search
    precision: Precision = "float16"
    teller: Teller | None = None
    recipe: str = ""
    no_genres: str = ""
    note: str = ""


def contender(
    name: str,
    places: Places,
    *,
    active: Callable[[], Teller | None] | None = None,
    extractor: str | None = None,
    fitting: bool = False,
) -> Contender:
    """The contender called `name`.

    - `active`: the genre model in use and its extractor. `active()` finds it where there is a site; without,
      it is the newest in `places.models`; where there is none, what comes with Postersite.
    - `postersite`: the extractor that comes with Postersite, and its genre model.
    - `recipe-lookalike`, `recipe-lookalike-flattened`: the published look-alikes.
    - a genre recipe (`recipe-genres`), perhaps with `@EXTRACTOR`: trained on a part of the set (`fitting`).
    - the path of a genre model, a .npz with its manifest or a folder of such.
    - an extractor's spec (`pixels`, `mobilenet_v2`, `inception_v3:mixed8:avg`): look-alikes only.

    extractor: spec of what the genre model's vectors are made by, where its manifest can't tell.

    Raises EvaluationError if there is no such contender, or it can't be had here.
    """
    if name == ACTIVE:
        return _active(places, active, extractor)
    if name in LOOKALIKE_RECIPES:
        spec = LOOKALIKE_RECIPES[name]
        reason = f"{name} has no genre model: it is the published way to look-alikes."
        return Contender(name, spec, Search("ball_tree", "euclidean"), "float32", no_genres=reason)
    recipe, _, reads = name.partition(_AT)
    if recipe in RECIPES:
        if not fitting:
            raise EvaluationError(
                f"{recipe} is a recipe, not a trained model. Train it on a part of these posters and measure "
                "it on the rest with --fit 0.8, or train one with "
                f"`manage.py train_genres --recipe {recipe}` and evaluate `active` or its file."
            )
        spec = _known(reads or extractor or RECIPE_EXTRACTOR)
        return Contender(name, spec, search_of(spec), recipe=recipe)
    if _is_path(name):
        return _telling(name, read_teller(find_head(Path(name)), places.weights, extractor=extractor))
    spec = _known(name)
    if spec == POSTERSITE:
        return _shipped(name, places, _COMES_ALONG)
    reason = f"{name} is an extractor without a genre model: evaluate a genre recipe with --fit, or a model."
    return Contender(name, spec, search_of(spec), no_genres=reason)


def search_of(spec: str) -> Search:
    """How look-alikes are measured by this extractor: raw pixels by Euclidean distance, all else by cosine,
    and by the extractor of our own with hubs corrected, as on a site. The others stay plain, as baselines."""
    backbone = parse_spec(spec).backbone
    if backbone == "pixels":
        return Search("exact", "euclidean")
    return Search("exact", "cosine", corrected=BACKBONES[backbone].trained)


def with_teller(of: Contender, teller: Teller) -> Contender:
    """The contender of a recipe, with the genre model that was trained by it."""
    return replace(of, teller=teller)


def _telling(name: str, teller: Teller) -> Contender:
    note = str(teller.facts.get("note", ""))
    return Contender(name, teller.extractor, search_of(teller.extractor), teller=teller, note=note)


def _active(places: Places, active: Callable[[], Teller | None] | None, extractor: str | None) -> Contender:
    if active is not None:
        in_use = active()
        if in_use is not None:
            return _telling(ACTIVE, in_use)
        why = "The site has no genre model in use"
    else:
        newest = newest_head(places.models)
        if newest is not None:
            found = read_teller(newest, places.weights, extractor=extractor)
            stands = f"the newest genre model in {places.models} stands for the active one."
            return replace(_telling(ACTIVE, found), note=f"Without the site's database {stands}")
        why = f"There is no genre model in {places.models}"
    return _shipped(ACTIVE, places, f"{why}, so what comes with Postersite stands for the active one.")


def _shipped(name: str, places: Places, note: str) -> Contender:
    """What comes with Postersite; without genres, and the reason, if its genre model can't be used."""
    try:
        teller = read_shipped(POSTERSITE, places.weights)
    except EvaluationError as error:
        return Contender(name, POSTERSITE, search_of(POSTERSITE), no_genres=str(error), note=note)
    return replace(_telling(name, teller), note=note)


def _is_path(name: str) -> bool:
    if name.endswith(".npz") or "/" in name.partition(":")[0]:
        return True
    # A folder may happen to be called like an extractor, which then comes first.
    return name.partition(":")[0] not in BACKBONES and bool(name) and Path(name).is_dir()


def _known(spec: str) -> str:
    try:
        return parse_spec(spec).name
    except UnknownExtractor as error:
        others = ", ".join([ACTIVE, *LOOKALIKE_RECIPES, *sorted(RECIPES)])
        raise EvaluationError(
            f"{error} Besides extractors there are {others}, and genre models by the path of their file."
        ) from error
