"""Which genre model is in use: promoting, undoing step by step, and files that cannot be used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from catalog.genres import promotion
from catalog.models import GenreModel
from ml.genres.head_file import load_head, save_head
from tests.ml.genres.heads import make_head

from .genre_heads import saved_model

pytestmark = pytest.mark.django_db


def test_a_later_model_waits_for_a_person() -> None:
    first = saved_model()
    later = saved_model(state=GenreModel.State.CANDIDATE)
    promotion.promote(later)
    first.refresh_from_db()
    assert (first.state, later.state) == (GenreModel.State.RETIRED, GenreModel.State.ACTIVE)


def test_promoting_the_active_model_again_changes_nothing() -> None:
    model = saved_model(state=GenreModel.State.CANDIDATE)
    promotion.promote(model)
    when = model.promoted_at
    promotion.promote(model)
    assert (model.state, model.promoted_at) == (GenreModel.State.ACTIVE, when)


def test_undoing_brings_the_one_before_back_step_by_step() -> None:
    models = [saved_model(state=GenreModel.State.CANDIDATE) for _ in range(3)]
    for model in models:
        promotion.promote(model)
    assert promotion.undo_promotion(models[2]) == models[1]
    assert promotion.undo_promotion(models[1]) == models[0]
    assert promotion.undo_promotion(models[0]) is None
    assert set(GenreModel.objects.values_list("state", flat=True)) == {GenreModel.State.CANDIDATE}


def test_a_model_not_in_use_has_no_promotion_to_undo() -> None:
    model = saved_model(state=GenreModel.State.CANDIDATE)
    with pytest.raises(promotion.CannotPromote, match="is not active"):
        promotion.undo_promotion(model)


@pytest.mark.parametrize("damage", ["missing", "truncated", "another"])
def test_a_damaged_file_is_not_put_to_use(damage: str) -> None:
    active, model = saved_model(), saved_model(state=GenreModel.State.CANDIDATE)
    path = promotion.weights_path(model)
    if damage == "missing":
        path.unlink()
    elif damage == "truncated":
        path.write_bytes(path.read_bytes()[:-10])
    else:
        GenreModel.objects.filter(pk=model.pk).update(weights_sha256="0" * 64)
        model.refresh_from_db()
    with pytest.raises(promotion.CannotPromote, match="cannot be used"):
        promotion.promote(model)
    active.refresh_from_db()
    assert active.state == GenreModel.State.ACTIVE


def test_an_undo_to_a_damaged_model_leaves_things_as_they_are() -> None:
    first, second = (saved_model(state=GenreModel.State.CANDIDATE) for _ in range(2))
    promotion.promote(first)
    promotion.promote(second)
    promotion.weights_path(first).unlink()
    with pytest.raises(promotion.CannotPromote):
        promotion.undo_promotion(second)
    second.refresh_from_db()
    assert second.state == GenreModel.State.ACTIVE


def test_files_are_kept_under_the_name_of_their_content_and_can_be_kept_again(
    settings: Any, tmp_path: Path
) -> None:
    head = make_head()
    sha256 = save_head(head, tmp_path / "head.npz")
    for _ in range(2):
        assert promotion.store_files(tmp_path / "head.npz", sha256) == f"{sha256}.npz"
    names = sorted(path.name for path in settings.MODELS_DIR.iterdir())
    assert names == [f"{sha256}.json", f"{sha256}.npz"]
    kept = settings.MODELS_DIR / f"{sha256}.npz"
    assert load_head(kept, sha256=sha256).genres == head.genres
    assert json.loads(kept.with_suffix(".json").read_text())["weights_file"] == kept.name
