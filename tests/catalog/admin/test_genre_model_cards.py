"""Cards of genre models, keeping the active one, the history of a model, and files that cannot be used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from catalog.genres import promotion
from catalog.models import GenreModel, Run, Suggestion
from tests.catalog.genres.genre_heads import saved_model
from tests.catalog.genres.test_model_differences import candidate as compared
from tests.catalog.pages import levels_of, one, soup, text_of
from tests.conftest import signed_in
from tests.factories import SuggestionFactory, UserFactory

pytestmark = pytest.mark.django_db
State = GenreModel.State
LIST = "/admin/catalog/genremodel/"


@pytest.fixture
def active() -> GenreModel:
    return saved_model(version=1, promoted_at=timezone.now())


@pytest.fixture
def candidate(active: GenreModel) -> GenreModel:
    run = Run.objects.create(kind="train", state="done", params={"decisions": 52})
    return saved_model(
        active.extractor, version=2, state=State.CANDIDATE, run=run, metrics=compared().metrics
    )


@pytest.fixture
def keeper() -> Client:
    names = ("view_genremodel", "change_genremodel")
    return signed_in(UserFactory(is_staff=True, permissions=[f"catalog.{name}" for name in names]))


def page_of(name: str, model: GenreModel) -> str:
    return reverse(f"admin:catalog_genremodel_{name}", args=[model.pk])


def card(client: Client, model: GenreModel) -> Any:
    return one(soup(client.get(LIST)), f".model-card:has(#model-{model.pk})")


def test_a_candidate_is_shown_beside_the_active_model(keeper: Client, candidate: GenreModel) -> None:
    shown = card(keeper, candidate)
    assert text_of(one(shown, ".model-headline")) == "Horror F1 .61 → .66, 140 suggestions change"
    assert "after 52 decisions" in text_of(shown)
    rows = shown.select("tbody tr")
    assert [text_of(row.th) for row in rows] == ["All genres", "Horror", "War", "Drama"]
    assert text_of(rows[1].select("td")[1]) == "+.05 (+.03 to +.07)"
    bars = [one(row, "svg")["class"][1] for row in rows]
    assert bars == ["same", "better", "worse", "same"]
    assert shown.select(f'a[href="{page_of("promote", candidate)}"]')


def test_only_who_may_promote_gets_buttons(candidate: GenreModel) -> None:
    viewer = signed_in(UserFactory(is_staff=True, permissions=["catalog.view_genremodel"]))
    assert not card(viewer, candidate).select("form, .button")
    assert viewer.post(page_of("keep", candidate)).status_code == 403


def test_keeping_the_active_model_sets_the_candidate_aside(
    keeper: Client, active: GenreModel, candidate: GenreModel
) -> None:
    assert levels_of(keeper.post(page_of("keep", candidate))) == ["success"]
    candidate.refresh_from_db()
    assert (candidate.state, promotion.active_model()) == (State.RETIRED, active)
    assert f"model-{candidate.pk}" not in keeper.get(LIST).text
    assert levels_of(keeper.post(page_of("keep", candidate)))[-1] == "error"
    # It can be promoted nevertheless, and undoing that returns to the model that was active.
    keeper.post(page_of("promote", candidate))
    assert promotion.active_model() == candidate
    keeper.post(page_of("undo", candidate))
    assert promotion.active_model() == active


def test_keeping_needs_a_post(keeper: Client, candidate: GenreModel) -> None:
    assert keeper.get(page_of("keep", candidate)).status_code == 405


def test_the_active_models_card_leads_back_to_the_one_before(
    keeper: Client, active: GenreModel, candidate: GenreModel
) -> None:
    assert not card(keeper, active).select(".button")
    keeper.post(page_of("promote", candidate))
    assert one(card(keeper, candidate), ".button")["href"] == page_of("undo", candidate)
    # The one before is shown, compared from its own side.
    assert text_of(card(keeper, active).select("tbody tr")[1].td) == ".66 → .61"


def test_the_page_of_a_model_says_who_promoted_it_and_when(
    keeper: Client, active: GenreModel, candidate: GenreModel
) -> None:
    keeper.post(page_of("promote", candidate))
    keeper.post(page_of("undo", candidate))
    name = keeper.user.username  # type: ignore[attr-defined]

    def events(model: GenreModel) -> list[list[str]]:
        table = soup(keeper.get(page_of("change", model))).select("table.facts")[0]
        return [[text_of(cell) for cell in row.select("td")][1:] for row in table.select("tbody tr")]

    assert events(candidate) == [
        ["the site", "Trained."],
        [name, "Promoted instead of genre model 1."],
        [name, "The promotion was undone."],
    ]
    # Its first promotion was not by a person.
    assert ["the site", "Trained."] in events(active)
    assert [name, "Active again instead of genre model 2."] in events(active)


def test_a_model_that_the_site_promoted_says_so(keeper: Client, active: GenreModel) -> None:
    table = soup(keeper.get(page_of("change", active))).select("table.facts")[0]
    assert "Became active." in text_of(table)


@pytest.mark.parametrize("damage", ["missing", "modified", "of another version"])
def test_a_file_that_cannot_be_used_is_named_and_not_promoted(
    keeper: Client, active: GenreModel, candidate: GenreModel, damage: str
) -> None:
    assert not card(keeper, candidate).select(".model-problem")
    weights = Path(settings.MODELS_DIR) / candidate.weights_file
    if damage == "missing":
        weights.unlink()
    elif damage == "modified":
        weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    else:
        manifest = weights.with_suffix(".json")
        manifest.write_text(manifest.read_text().replace('"format_version": 1', '"format_version": 99'))
    shown = card(keeper, candidate)
    assert weights.stem in text_of(one(shown, ".model-problem"))
    assert not shown.select(f'a[href="{page_of("promote", candidate)}"]')
    assert soup(keeper.get(page_of("change", candidate))).select(".errornote")
    assert soup(keeper.get(page_of("promote", candidate))).select(".errornote")
    assert levels_of(keeper.post(page_of("promote", candidate))) == ["error"]
    assert promotion.active_model() == active


def test_a_model_that_may_read_nothing_is_not_promoted(
    keeper: Client, active: GenreModel, candidate: GenreModel, settings: Any
) -> None:
    settings.GENRE_EVIDENCE = "title"
    assert levels_of(keeper.post(page_of("promote", candidate))) == ["error"]
    assert promotion.active_model() == active


def test_promoting_loses_no_decision(keeper: Client, active: GenreModel, candidate: GenreModel) -> None:
    accepted = SuggestionFactory(model=active, state=Suggestion.State.ACCEPTED)
    rejected = SuggestionFactory(model=active, state=Suggestion.State.REJECTED)
    keeper.post(page_of("promote", candidate))
    keeper.post(page_of("undo", candidate))
    states = Suggestion.objects.in_bulk([accepted.pk, rejected.pk])
    assert {each.state for each in states.values()} == {"accepted", "rejected"}


def test_the_number_of_queries_does_not_grow_with_the_models(
    keeper: Client, active: GenreModel, candidate: GenreModel
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            keeper.get(LIST)
        return len(found)

    before = queries()
    for _ in range(3):
        run = Run.objects.create(kind="train", state="done", asked_by=UserFactory())
        saved_model(active.extractor, state=State.CANDIDATE, run=run, version=10 + GenreModel.objects.count())
    assert queries() <= before


def test_the_admins_index_names_a_newer_candidate(keeper: Client, candidate: GenreModel) -> None:
    index = keeper.get(reverse("admin:index")).text
    assert "Horror F1 .61 → .66, 140 suggestions change" in index
    viewer = signed_in(UserFactory(is_staff=True, permissions=["catalog.view_genremodel"]))
    assert "can be promoted" not in viewer.get(reverse("admin:index")).text
