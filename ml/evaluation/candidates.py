"""Candidates: what can be evaluated by name, from raw pixels to the model a site uses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from ml.evaluation.errors import EvaluationError
from ml.evaluation.genre_models import GenreModel, find_model, newest_model, read_bundled_model, read_model
from ml.evaluation.vectors import Folders, Precision
from ml.extractors.registry import BACKBONES, UnknownExtractor, parse_spec
from ml.genres.recipes import RECIPES
from ml.search.lookalike_metrics import Search

ACTIVE = "active"
LOOKALIKE_RECIPES = {
    "recipe-lookalike": "inception_v3",
    "recipe-lookalike-flattened": "inception_v3:flatten",
}
"""The published look-alikes: Inception-v3 up to the last layer in the available weights, average pooled or
flattened, in a Euclidean ball tree."""

RECIPE_EXTRACTOR = "mobilenet_v2"
POSTERSITE = "postersite"
_BUNDLED = "It is bundled with Postersite; ml/bundled/model-card.md says which posters it was trained on."
_AT = "@"


@dataclass(frozen=True)
class Candidate:
    """An extractor to evaluate, perhaps with a genre model.

    Args:
        extractor: spec of the vectors for look-alikes.
        search: how look-alikes are searched.
        precision: how a site stores the vectors.
        genre_model: if there is one.
        recipe: else the recipe to train one with (`--fit`).
        no_genres: else the reason why there are no genre metrics.
        note: for the report.
    """

    name: str
    extractor: str
    search: Search
    precision: Precision = "float16"
    genre_model: GenreModel | None = None
    recipe: str = ""
    no_genres: str = ""
    note: str = ""

    @property
    def genre_extractor(self) -> str:
        """Spec of the extractor whose vectors the genre model needs."""
        return self.genre_model.extractor if self.genre_model else self.extractor


def candidate(
    name: str,
    folders: Folders,
    *,
    active: Callable[[], GenreModel | None] | None = None,
    extractor: str | None = None,
    fitting: bool = False,
) -> Candidate:
    """The candidate called `name`.

    - `active`: the active genre model and its extractor. `active()` gives it where there is a site; without a
      site it is the newest in `folders.models`; where there is none, the bundled model.
    - `postersite`: the bundled extractor and genre model.
    - `recipe-lookalike`, `recipe-lookalike-flattened`: the published look-alikes.
    - a genre recipe (`recipe-genres`), perhaps with `@EXTRACTOR`: trained on a part of the set (`fitting`).
    - the path of a genre model: a .npz with its manifest, or a folder of such files.
    - an extractor's spec (`pixels`, `mobilenet_v2`, `inception_v3:mixed8:avg`): look-alikes only.

    extractor: spec of the genre model's extractor, where its manifest does not name it.

    Raises EvaluationError if there is no such candidate, or if it is not available here.
    """
    if name == ACTIVE:
        return _active(folders, active, extractor)
    if name in LOOKALIKE_RECIPES:
        spec = LOOKALIKE_RECIPES[name]
        reason = f"{name} has no genre model: it is the published way to look-alikes."
        return Candidate(name, spec, Search("ball_tree", "euclidean"), "float32", no_genres=reason)
    recipe, _, recipe_extractor = name.partition(_AT)
    if recipe in RECIPES:
        if not fitting:
            raise EvaluationError(
                f"{recipe} is a recipe, not a trained model. Train it on a part of these posters and measure "
                "it on the rest with --fit 0.8, or train one with "
                f"`manage.py train_genres --recipe {recipe}` and evaluate `active` or its file."
            )
        spec = _checked(recipe_extractor or extractor or RECIPE_EXTRACTOR)
        return Candidate(name, spec, search_of(spec), recipe=recipe)
    if _is_path(name):
        return _with_model(name, read_model(find_model(Path(name)), folders.weights, extractor=extractor))
    spec = _checked(name)
    if spec == POSTERSITE:
        return _bundled(name, folders, _BUNDLED)
    reason = f"{name} is an extractor without a genre model. Evaluate a genre recipe with --fit, or a model."
    return Candidate(name, spec, search_of(spec), no_genres=reason)


def search_of(spec: str) -> Search:
    """How this extractor's look-alikes are searched, as on a site: raw pixels by Euclidean distance, all else
    by cosine, our own extractor with hub correction. ConvNets are baselines and have none."""
    backbone = parse_spec(spec).backbone
    if backbone == "pixels":
        return Search("exact", "euclidean")
    return Search("exact", "cosine", corrected=BACKBONES[backbone].trained)


def _with_model(name: str, model: GenreModel) -> Candidate:
    note = str(model.facts.get("note", ""))
    return Candidate(name, model.extractor, search_of(model.extractor), genre_model=model, note=note)


def _active(
    folders: Folders, active: Callable[[], GenreModel | None] | None, extractor: str | None
) -> Candidate:
    if active is not None:
        model = active()
        if model is not None:
            return _with_model(ACTIVE, model)
        why = "The site has no active genre model"
    else:
        newest = newest_model(folders.models)
        if newest is not None:
            model = read_model(newest, folders.weights, extractor=extractor)
            note = f"Without the site's database, this is the newest genre model in {folders.models}."
            return replace(_with_model(ACTIVE, model), note=note)
        why = f"There is no genre model in {folders.models}"
    return _bundled(ACTIVE, folders, f"{why}, so this is the bundled model.")


def _bundled(name: str, folders: Folders, note: str) -> Candidate:
    """The bundled extractor and model; without genres, and the reason, if the model can't be used."""
    try:
        model = read_bundled_model(POSTERSITE, folders.weights)
    except EvaluationError as error:
        return Candidate(name, POSTERSITE, search_of(POSTERSITE), no_genres=str(error), note=note)
    return replace(_with_model(name, model), note=note)


def _is_path(name: str) -> bool:
    if name.endswith(".npz") or "/" in name.partition(":")[0]:
        return True
    # A folder may have the name of an extractor, which then comes first.
    return name.partition(":")[0] not in BACKBONES and bool(name) and Path(name).is_dir()


def _checked(spec: str) -> str:
    try:
        return parse_spec(spec).name
    except UnknownExtractor as error:
        others = ", ".join([ACTIVE, *LOOKALIKE_RECIPES, *sorted(RECIPES)])
        raise EvaluationError(
            f"{error} Besides extractors there are {others}, and genre models by the path of their file."
        ) from error
