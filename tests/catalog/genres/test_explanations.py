"""Where a suggested genre is seen: looked at once, kept by content, bounded, and refused in a sentence."""

from __future__ import annotations

import io
import os
import sys
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

from .seen_posters import picture, seeing_model, seen

pytestmark = pytest.mark.django_db


def fresh(suggestion: Suggestion) -> Suggestion:
    return Suggestion.objects.select_related("genre", "model__extractor").get(pk=suggestion.pk)


def kept() -> list[Path]:
    return sorted(path for path in Path(settings.HEAT_MAPS_DIR).glob("*/*") if path.is_file())


def lose_the_file(suggestion: Suggestion) -> None:
    assert suggestion.poster is not None
    default_storage.delete(str(suggestion.poster.file.name))


def refusal(suggestion: Suggestion) -> str:
    with pytest.raises(explaining.CannotExplain) as raised:
        explaining.explain(fresh(suggestion))
    assert str(settings.VAR_DIR) not in str(raised.value)
    return str(raised.value)


def test_it_is_what_the_head_says_of_the_extractors_map() -> None:
    [horror] = seen()
    told = explaining.explain(fresh(horror))
    extractor, head = extractors.load("postersite"), suggestions.load(horror.model)
    assert horror.poster is not None
    with horror.poster.file.open("rb") as file:
        _, maps = extractor.embed_with_map(load_pixels(file.read(), extractor.spec.size)[None])
    expected = explanations.evidence(head, maps[0]).of("Horror")
    np.testing.assert_allclose(told.places, expected, rtol=1e-4, atol=1e-6)
    assert told.words == explanations.where(expected) and told.words in told.sentence
    assert "tensorflow" not in sys.modules


def test_the_picture_has_the_posters_proportions() -> None:
    [horror] = seen()
    with Image.open(io.BytesIO(explaining.explain(fresh(horror)).picture())) as drawn:
        assert drawn.format == "PNG" and drawn.width * 3 == drawn.height * 2


def test_a_poster_is_looked_at_once_for_all_genres() -> None:
    horror, drama = seen(genres=["Horror", "Drama"])
    first = explaining.explain(fresh(horror))
    lose_the_file(horror)
    assert np.array_equal(explaining.explain(fresh(horror)).places, first.places)
    other = explaining.explain(fresh(drama))
    assert len(kept()) == 1 and not np.array_equal(other.places, first.places)


def test_another_model_or_poster_is_another_look() -> None:
    [horror] = seen()
    later = seeing_model(seed=1, state=GenreModel.State.CANDIDATE)
    again = SuggestionFactory(movie=horror.movie, genre=horror.genre, model=later, state="superseded")
    [elsewhere] = seen(horror.model, seed=5)
    told = [explaining.explain(fresh(each)) for each in (horror, again, elsewhere)]
    assert len({each.version for each in told}) == len(kept()) == 3


def test_it_is_about_the_poster_that_the_model_saw() -> None:
    [horror] = seen()
    primary.store_poster(horror.movie, picture(9), source="upload")
    told = explaining.explain(fresh(horror))
    assert told.poster == horror.poster and not told.poster.is_primary


def test_a_retired_model_can_still_be_asked() -> None:
    [horror] = seen(seeing_model(state=GenreModel.State.RETIRED))
    assert explaining.explain(fresh(horror)).places.shape == (9, 6)


def test_a_deleted_poster_is_told() -> None:
    [horror] = seen()
    explaining.explain(fresh(horror))
    assert horror.poster is not None
    horror.poster.delete()
    assert refusal(horror) == "The poster that this was suggested from is gone."


def test_a_posters_lost_file_is_told() -> None:
    [horror] = seen()
    lose_the_file(horror)
    assert "fetch it again" in refusal(horror)
    assert kept() == []


def test_an_extractor_without_a_map_is_named() -> None:
    [horror] = seen(seeing_model(extractor=ExtractorFactory(spec="pixels", dims=4608)))
    assert refusal(horror) == "The extractor pixels keeps no map of where in a poster it sees what."


def test_an_extractor_that_changed_since_is_told() -> None:
    [horror] = seen(seeing_model(extractor=ExtractorFactory(spec="postersite", dims=256)))
    assert "earlier version of the extractor" in refusal(horror)


def test_a_trained_file_that_is_gone_is_told() -> None:
    gone = ExtractorFactory(spec=f"postersite:{settings.VAR_DIR}/mine.tflite", dims=256)
    [horror] = seen(seeing_model(extractor=gone))
    assert "not here any more" in refusal(horror)


@pytest.mark.parametrize("damage", ["missing", "truncated"])
def test_a_damaged_model_is_told(damage: str) -> None:
    [horror] = seen()
    weights = Path(settings.MODELS_DIR) / horror.model.weights_file
    if damage == "missing":
        weights.unlink()
    else:
        weights.write_bytes(weights.read_bytes()[:100])
    suggestions._load.cache_clear()
    assert "genre model that suggested this cannot be read" in refusal(horror)


def test_a_genre_that_the_model_lacks_is_told() -> None:
    [horror] = seen()
    western = SuggestionFactory(movie=horror.movie, genre=GenreFactory(name="Western"), model=horror.model)
    assert "does not know Western" in refusal(western)


@pytest.mark.parametrize(
    "content",
    [b"", b"\x93NUMPY", b"no array at all", np.zeros((7, 7, 2), "<f4"), np.full((7, 7, 3), np.nan, "<f4")],
    ids=["empty", "cut short", "text", "other genres", "not finite"],
)
def test_what_was_kept_and_is_damaged_is_made_anew(content: Any) -> None:
    [horror] = seen()
    first = explaining.explain(fresh(horror)).places
    [path] = kept()
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.save(path, content)
    assert np.array_equal(explaining.explain(fresh(horror)).places, first)
    assert np.load(path).shape == (9, 6, 3)


def test_what_was_not_asked_for_longest_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explaining, "KEPT_PER_FOLDER", 3)
    [horror] = seen()
    explaining.explain(fresh(horror))
    [path] = kept()
    path.unlink()
    for age in range(1, 6):
        other = path.with_name(f"{age}.npy")
        other.write_bytes(b"")
        os.utime(other, (1e9 - age, 1e9 - age))
    explaining.explain(fresh(horror))
    assert {each.name for each in kept()} == {path.name, "1.npy", "2.npy"}


def test_being_asked_for_keeps_it() -> None:
    [horror] = seen()
    explaining.explain(fresh(horror))
    [path] = kept()
    os.utime(path, (1e9, 1e9))
    explaining.explain(fresh(horror))
    assert path.stat().st_mtime > 1e9 + 1


def test_a_folder_that_cannot_be_written_costs_nothing_but_time() -> None:
    [horror] = seen()
    Path(settings.HEAT_MAPS_DIR).write_text("in the way")
    assert explaining.explain(fresh(horror)).places.shape == (9, 6)
