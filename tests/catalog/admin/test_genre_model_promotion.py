"""Promoting a genre model in admin asks first, and can be undone."""

from pathlib import Path

import pytest
from django.urls import reverse
from django.utils import timezone

from catalog.models import GenreModel
from ml.genres.head_file import save_head
from tests.catalog.pages import levels_of
from tests.conftest import signed_in
from tests.factories import GenreModelFactory, UserFactory
from tests.ml.genres.heads import make_head, make_weights

pytestmark = pytest.mark.django_db
State = GenreModel.State


@pytest.fixture
def trained(settings):
    """trained(State.CANDIDATE) makes a model with a real weights file behind it."""

    def make(state, **fields):
        folder = Path(settings.MODELS_DIR)
        folder.mkdir(parents=True, exist_ok=True)
        name = f"head-{GenreModel.objects.count()}.npz"
        digest = save_head(make_head(make_weights(seed=GenreModel.objects.count())), folder / name)
        return GenreModelFactory(state=state, weights_file=name, weights_sha256=digest, **fields)

    return make


def page(name, model):
    return reverse(f"admin:catalog_genremodel_{name}", args=[model.pk])


def states():
    return dict(GenreModel.objects.values_list("pk", "state"))


def test_the_action_asks_before_anything_changes(admin_client, trained):
    old, new = trained(State.ACTIVE, promoted_at=timezone.now()), trained(State.CANDIDATE)
    response = admin_client.post(
        reverse("admin:catalog_genremodel_changelist"),
        {"action": "promote_selected", "_selected_action": [new.pk]},
    )
    assert response.url == page("promote", new)
    confirmation = admin_client.get(response.url).text
    assert f"instead of genre model {old.version}" in confirmation
    assert states() == {old.pk: State.ACTIVE, new.pk: State.CANDIDATE}


def test_promoting_retires_the_one_before(admin_client, trained):
    old, new = trained(State.ACTIVE, promoted_at=timezone.now()), trained(State.CANDIDATE)
    response = admin_client.post(page("promote", new))
    assert levels_of(response) == ["success"]
    assert states() == {old.pk: State.RETIRED, new.pk: State.ACTIVE}


def test_undoing_brings_the_one_before_back(admin_client, trained):
    old, new = trained(State.ACTIVE, promoted_at=timezone.now()), trained(State.CANDIDATE)
    admin_client.post(page("promote", new))
    assert f"Genre model {old.version}</strong>" in admin_client.get(page("undo", new)).text
    assert levels_of(admin_client.post(page("undo", new))) == ["success"]
    assert states()[old.pk] == State.ACTIVE
    assert states()[new.pk] != State.ACTIVE


def test_undoing_the_first_promotion_leaves_none_in_use(admin_client, trained):
    only = trained(State.ACTIVE, promoted_at=timezone.now())
    assert admin_client.get(page("undo", only)).status_code == 200
    assert levels_of(admin_client.post(page("undo", only))) == ["success"]
    assert State.ACTIVE not in states().values()


def test_a_damaged_file_is_not_promoted(admin_client, trained, settings):
    new = trained(State.CANDIDATE)
    (Path(settings.MODELS_DIR) / new.weights_file).write_bytes(b"not a model")
    response = admin_client.post(page("promote", new))
    assert levels_of(response) == ["error"]
    assert states() == {new.pk: State.CANDIDATE}


def test_promoting_what_is_in_use_or_undoing_what_is_not_says_so(admin_client, trained):
    active, candidate = trained(State.ACTIVE), trained(State.CANDIDATE)
    assert levels_of(admin_client.post(page("promote", active))) == ["info"]
    assert levels_of(admin_client.post(page("undo", candidate)))[-1] == "error"
    assert states() == {active.pk: State.ACTIVE, candidate.pk: State.CANDIDATE}


def test_two_ticked_models_are_refused(admin_client, trained):
    models = [trained(State.CANDIDATE), trained(State.CANDIDATE)]
    response = admin_client.post(
        reverse("admin:catalog_genremodel_changelist"),
        {"action": "promote_selected", "_selected_action": [model.pk for model in models]},
    )
    assert levels_of(response) == ["error"]


def test_viewers_get_no_link_to_promote(trained):
    model = trained(State.CANDIDATE)
    viewer = signed_in(UserFactory(is_staff=True, permissions=["catalog.view_genremodel"]))
    assert page("promote", model) not in viewer.get(page("change", model)).text


def test_what_came_with_the_site_is_told_from_what_was_trained_here(admin_client, trained):
    shipped = trained(State.ACTIVE, shipped=True)
    why = "on the same 60 held-out posters its macro F1 is 0.31"
    own = trained(State.CANDIDATE, metrics={"against_shipped": {"better": False, "why": why}})
    listed = admin_client.get(reverse("admin:catalog_genremodel_changelist")).text
    assert listed.count("bundled with Postersite</td>") == listed.count("trained here</td>") == 1
    assert (
        "On the same 60 held-out posters its macro F1 is 0.31." in admin_client.get(page("change", own)).text
    )
    assert "bundled with Postersite" in admin_client.get(page("change", shipped)).text
    assert "bundled with Postersite" in admin_client.get(page("promote", own)).text
