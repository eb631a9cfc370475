"""The page about the quality of suggestions: figures, simulated thresholds, and whose pace it shows."""

import pytest
from django.urls import reverse

from tests.catalog.genres.decided import decide, suggest
from tests.catalog.pages import one, soup, text_of, texts
from tests.conftest import signed_in
from tests.factories import GenreFactory, GenreModelFactory, UserFactory

pytestmark = pytest.mark.django_db
QUALITY = "admin:catalog_reviewqueue_quality"
LIVE = {"HX-Request": "true", "HX-Target": "simulation"}


@pytest.fixture
def model():
    return GenreModelFactory(state="active", thresholds=[0.41] * 3, tick_thresholds=[0.6, 0.5, 0.7])


def figures(client, **query):
    return soup(client.get(reverse(QUALITY), query))


def test_the_active_model_is_shown_and_others_can_be_chosen(reviewer_client, model):
    earlier = GenreModelFactory(state="retired")
    decide(earlier, 3, 1)
    decide(model, 0, 2, genre="Horror")
    page = figures(reviewer_client)
    assert texts(page, ".shares")[0].startswith("Genre")
    assert texts(page.select(".shares")[0], "tbody th") == ["Horror"]
    links = {link["href"]: link.get("aria-current") for link in page.select(".figures th a")}
    assert links == {f"?model={model.pk}": "page", f"?model={earlier.pk}": None}
    page = figures(reviewer_client, model=earlier.pk)
    assert texts(page.select(".shares")[0], "tbody tr td")[:2] == ["4", "75% (30–95%)"]


@pytest.mark.parametrize("query", [{}, {"model": "999"}, {"model": "x", "genre": "x", "suggest": "nan"}])
def test_without_models_and_decisions_the_page_says_so(reviewer_client, query):
    page = figures(reviewer_client, **query)
    assert "Nothing was decided yet." in text_of(page) and not page.select("form.quality-form")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ("0.41", "0.60")),
        ({"genre": "Drama"}, ("0.41", "0.50")),
        ({"genre": "Unknown"}, ("0.41", "0.60")),
        ({"suggest": "0.7", "tick": "0.25"}, ("0.70", "0.25")),
        ({"suggest": "7", "tick": "inf"}, ("0.41", "0.60")),
        ({"suggest": "nan", "tick": "x"}, ("0.41", "0.60")),
    ],
)
def test_the_sliders_begin_at_the_thresholds_of_the_model(reviewer_client, model, query, expected):
    if "genre" in query:
        query = {"genre": GenreFactory(name=query["genre"]).pk}
    page = figures(reviewer_client, **query)
    assert tuple(each["value"] for each in page.select("input[type=range]")) == expected


def test_moving_a_slider_answers_the_simulation_alone(reviewer_client, model):
    decide(model, 9, 1, score=0.92)
    suggest(model, 4, score=0.93)
    suggest(model, 2, score=0.5)
    query = {"model": model.pk, "suggest": "0.6", "tick": "0.7"}
    response = reviewer_client.get(reverse(QUALITY), query, headers=LIVE)
    live = soup(response)
    assert not live.select("h1, form")
    rows = [texts(row, "td") for row in live.select("tbody tr")]
    assert rows[0] == rows[2] == ["6", "4"]
    assert rows[1] == rows[3] == ["90% (64–99%)"] * 2
    whole = one(figures(reviewer_client, **query), "#simulation")
    assert text_of(whole) == text_of(live)


@pytest.mark.parametrize(
    ("unknown", "is_shown"),
    # All are known; one of eleven, and one of two, are not.
    [(0, True), (1, True), (10, False)],
)
def test_corrections_per_movie_are_shown_only_if_nearly_all_suggestions_are_known(
    reviewer_client, model, unknown, is_shown
):
    decide(model, 9, 1, score=0.92)
    suggest(model, 10, score=0.93)
    suggest(model, unknown, score=0.5)
    page = one(figures(reviewer_client), "#simulation")
    assert ("genres per movie" in text_of(page.p)) == is_shown
    assert (texts(page.select("tbody tr")[-1], "td")[0] != "–") == is_shown
    assert ("by 10 suggestions with enough decisions" in text_of(page.p)) == bool(unknown)


def test_a_simulation_without_a_model_is_empty(reviewer_client):
    assert not soup(reviewer_client.get(reverse(QUALITY), headers=LIVE)).select("td")


@pytest.mark.slow
def test_a_drift_is_reported_in_a_sentence(reviewer_client, model):
    decide(model, 270, 30)
    decide(model, 180, 20)
    assert not figures(reviewer_client).select(".quality-drift")
    decide(model, 120, 80)
    assert "30 percentage points less" in text_of(one(figures(reviewer_client), ".quality-drift"))


def test_everybody_sees_their_own_pace_and_keepers_that_of_all(reviewer_client, model):
    decide(model, 2, reviewer=reviewer_client.user)
    decide(model, 1, reviewer=UserFactory(username="bea"))
    keeper = UserFactory(reviewer=True, permissions=["catalog.change_genremodel"])
    own = figures(reviewer_client).select("section")[-1]
    assert texts(own, "tbody th") == [reviewer_client.user.username]
    everybody = figures(signed_in(keeper)).select("section")[-1]
    assert texts(everybody, "tbody th") == sorted(["bea", reviewer_client.user.username])


def test_the_number_of_queries_does_not_depend_on_the_rows(
    reviewer_client, model, django_assert_max_num_queries
):
    for each in (model, GenreModelFactory(), GenreModelFactory()):
        for genre in ("Drama", "Horror", "Comedy"):
            decide(each, 2, 2, genre=genre)
    with django_assert_max_num_queries(20):
        figures(reviewer_client)


def test_the_queue_and_the_index_link_to_it(reviewer_client):
    for address in (reverse("admin:catalog_reviewqueue_changelist"), reverse("admin:index")):
        assert f'href="{reverse(QUALITY)}"' in reviewer_client.get(address).text
    stranger = signed_in(UserFactory(is_staff=True, permissions=["catalog.view_movie"]))
    assert reverse(QUALITY) not in stranger.get(reverse("admin:index")).text
