"""Heat maps of suggestions: computed once for each poster and model, cached, and refused in a sentence."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings
from django.core.files.storage import default_storage
from PIL import Image

from catalog.embeddings import extractors
from catalog.genres import explanations as explaining
from catalog.genres import suggestions
from catalog.models import GenreModel, Suggestion
from catalog.posters import primary
from ml.genres import explanations
from ml.imaging.images import load_pixels
from tests.factories import ExtractorFactory, GenreFactory, SuggestionFactory

from .explained_posters import linear_model, picture, suggestions_with_maps

pytestmark = pytest.mark.django_db


def fresh(suggestion: Suggestion) -> Suggestion:
    return Suggestion.objects.select_related("genre", "model__extractor").get(pk=suggestion.pk)


def cached() -> list[Path]:
    return sorted(path for path in Path(settings.HEAT_MAPS_DIR).glob("*/*") if path.is_file())


def lose_the_file(suggestion: Suggestion) -> None:
    assert suggestion.poster is not None
    default_storage.delete(str(suggestion.poster.file.name))


def test_a_heat_map_is_the_evidence_of_the_model_in_the_extractors_map() -> None:
    [horror] = suggestions_with_maps()
    loaded = "tensorflow" in sys.modules  # by another test in this process
    told = explaining.explain(fresh(horror))
    extractor, head = extractors.load("postersite"), suggestions.load(horror.model).poster
    assert head is not None
    assert horror.poster is not None
    with horror.poster.file.open("rb") as file:
        _, maps = extractor.embed_with_map(load_pixels(file.read(), extractor.spec.size)[None])
    expected = explanations.evidence(head, maps[0]).of("Horror")
    np.testing.assert_allclose(told.places, expected, rtol=1e-4, atol=1e-6)
    assert told.words == explanations.where(expected) and told.words in told.sentence
    assert ("tensorflow" in sys.modules) == loaded


def test_the_picture_has_the_posters_proportions() -> None:
    [horror] = suggestions_with_maps()
    with Image.open(io.BytesIO(explaining.explain(fresh(horror)).picture())) as drawn:
        assert drawn.format == "PNG" and drawn.width * 3 == drawn.height * 2


def test_one_computation_serves_all_genres() -> None:
    horror, drama = suggestions_with_maps(genres=["Horror", "Drama"])
    first = explaining.explain(fresh(horror))
    lose_the_file(horror)
    assert np.array_equal(explaining.explain(fresh(horror)).places, first.places)
    other = explaining.explain(fresh(drama))
    assert len(cached()) == 1 and not np.array_equal(other.places, first.places)


def test_another_model_or_poster_has_a_heat_map_of_its_own() -> None:
    [horror] = suggestions_with_maps()
    later = linear_model(seed=1, state=GenreModel.State.CANDIDATE)
    again = SuggestionFactory(movie=horror.movie, genre=horror.genre, model=later, state="superseded")
    [elsewhere] = suggestions_with_maps(horror.model, seed=5)
    told = [explaining.explain(fresh(each)) for each in (horror, again, elsewhere)]
    assert len({each.version for each in told}) == len(cached()) == 3


def test_a_heat_map_is_of_the_poster_that_the_model_scored() -> None:
    [horror] = suggestions_with_maps()
    primary.store_poster(horror.movie, picture(9), source="upload")
    told = explaining.explain(fresh(horror))
    assert told.poster == horror.poster and not told.poster.is_primary


def test_a_suggestion_of_a_retired_model_has_a_heat_map() -> None:
    [horror] = suggestions_with_maps(linear_model(state=GenreModel.State.RETIRED))
    assert explaining.explain(fresh(horror)).places.shape == (9, 6)


def delete_poster(suggestion: Suggestion) -> None:
    explaining.explain(fresh(suggestion))
    assert suggestion.poster is not None
    suggestion.poster.delete()


def use_extractor(suggestion: Suggestion, spec: str) -> None:
    GenreModel.objects.update(extractor=ExtractorFactory(spec=spec))


def lose_weights(suggestion: Suggestion) -> None:
    (Path(settings.MODELS_DIR) / suggestion.model.weights_file).unlink()


def damage_weights(suggestion: Suggestion) -> None:
    weights = Path(settings.MODELS_DIR) / suggestion.model.weights_file
    weights.write_bytes(weights.read_bytes()[:100])
    suggestions._load.cache_clear()


def change_genre(suggestion: Suggestion) -> None:
    Suggestion.objects.update(genre=GenreFactory(name="Western"))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (delete_poster, "poster of this suggestion was deleted"),
        (lose_the_file, "fetch it again"),
        (lambda each: use_extractor(each, "pixels"), "extractor pixels cannot produce"),
        (lambda each: use_extractor(each, "postersite"), "earlier version of the extractor"),
        (lambda each: use_extractor(each, f"postersite:{settings.VAR_DIR}/mine.tflite"), "not available"),
        (lose_weights, "genre model of this suggestion"),
        (damage_weights, "genre model of this suggestion"),
        (change_genre, "no genre named Western"),
    ],
    ids=["poster", "file", "no map", "other weights", "no extractor", "no model", "damaged model", "genre"],
)
def test_without_a_heat_map_a_sentence_says_why(damage: Callable[[Suggestion], None], says: str) -> None:
    [horror] = suggestions_with_maps()
    damage(horror)
    with pytest.raises(explaining.CannotExplain) as raised:
        explaining.explain(fresh(horror))
    assert says in str(raised.value) and str(settings.VAR_DIR) not in str(raised.value)


def test_a_suggestion_without_a_poster_has_no_heat_map() -> None:
    suggestion = SuggestionFactory(poster=None, poster_sha256="")
    with pytest.raises(explaining.CannotExplain, match="without a poster"):
        explaining.explain(fresh(suggestion))


@pytest.mark.parametrize(
    "content",
    [b"", b"\x93NUMPY", b"no array at all", np.zeros((7, 7, 2), "<f4"), np.full((7, 7, 3), np.nan, "<f4")],
    ids=["empty", "cut short", "text", "other genres", "not finite"],
)
def test_a_damaged_cache_file_is_computed_again(content: Any) -> None:
    [horror] = suggestions_with_maps()
    first = explaining.explain(fresh(horror)).places
    [path] = cached()
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.save(path, content)
    assert np.array_equal(explaining.explain(fresh(horror)).places, first)
    assert np.load(path).shape == (9, 6, 3)


def test_the_least_recently_used_files_are_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explaining, "MAX_FILES_PER_FOLDER", 3)
    [horror] = suggestions_with_maps()
    explaining.explain(fresh(horror))
    [path] = cached()
    path.unlink()
    for age in range(1, 6):
        other = path.with_name(f"{age}.npy")
        other.write_bytes(b"")
        os.utime(other, (1e9 - age, 1e9 - age))
    explaining.explain(fresh(horror))
    assert {each.name for each in cached()} == {path.name, "1.npy", "2.npy"}


def test_a_file_that_is_read_counts_as_used() -> None:
    [horror] = suggestions_with_maps()
    explaining.explain(fresh(horror))
    [path] = cached()
    os.utime(path, (1e9, 1e9))
    explaining.explain(fresh(horror))
    assert path.stat().st_mtime > 1e9 + 1


def test_a_cache_folder_that_cannot_be_written_is_no_error() -> None:
    [horror] = suggestions_with_maps()
    Path(settings.HEAT_MAPS_DIR).write_text("in the way")
    assert explaining.explain(fresh(horror)).places.shape == (9, 6)
