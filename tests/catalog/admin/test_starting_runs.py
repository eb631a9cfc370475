"""Runs asked for in admin: for ticked movies, or for all that lack it."""

import pytest
from django.urls import reverse

from catalog.models import GenreModel, Run
from tests.catalog.pages import messages_of
from tests.conftest import signed_in
from tests.factories import EmbeddingFactory, GenreModelFactory, MovieFactory, PosterFactory, UserFactory

pytestmark = pytest.mark.django_db
LIST = "admin:catalog_movie_changelist"


@pytest.fixture(autouse=True)
def a_source(settings):
    settings.POSTER_SOURCES = ["tmdb_page"]


@pytest.fixture
def operator_client():
    return signed_in(UserFactory(is_staff=True, permissions=["catalog.view_movie", "catalog.start_run"]))


def act(client, action, *movies):
    data = {"action": action, "_selected_action": [movie.pk for movie in movies]}
    return client.post(reverse(LIST), data)


def start(client, kind):
    return client.post(reverse("admin:catalog_movie_start", args=[kind]))


def subjects(run):
    return set(run.items.values_list("movie", flat=True))


def test_without_a_source_nothing_is_fetched_and_the_message_says_what_to_set(operator_client, settings):
    settings.POSTER_SOURCES = []
    assert "Set POSTERSITE_POSTER_SOURCES" in messages_of(
        act(operator_client, "start_scrape", MovieFactory())
    )
    assert not Run.objects.exists()


def test_fetching_the_posters_of_the_ticked(operator_client):
    one, two, _ = MovieFactory(), MovieFactory(poster=True), MovieFactory()
    response = act(operator_client, "start_scrape", one, two)
    run = Run.objects.get()
    assert (run.kind, run.asked_by, subjects(run)) == ("scrape", operator_client.user, {one.pk, two.pk})
    assert f'<a href="{run.get_absolute_url()}">Fetch posters #{run.pk}</a>' in messages_of(response)


def test_embedding_the_posters_of_the_ticked(operator_client):
    poster, _ = PosterFactory(), PosterFactory()
    act(operator_client, "start_embed", poster.movie)
    run = Run.objects.get()
    assert run.kind == "embed"
    assert list(run.items.values_list("poster", flat=True)) == [poster.pk]


def test_suggesting_genres_for_the_ticked(operator_client):
    model = GenreModelFactory(state=GenreModel.State.ACTIVE)
    one, _ = (EmbeddingFactory(extractor=model.extractor).poster.movie for _ in range(2))
    act(operator_client, "start_label", one)
    run = Run.objects.get()
    assert (run.kind, subjects(run)) == ("label", {one.pk})


def test_training_on_the_ticked(operator_client):
    one, two, _ = MovieFactory(genres=["War"]), MovieFactory(genres=["Drama"]), MovieFactory(genres=["War"])
    act(operator_client, "start_train", one, two)
    run = Run.objects.get()
    assert (run.kind, run.total, run.params["movies"]) == ("train", 1, [one.pk, two.pk])


def test_fetching_for_all_that_lack_a_poster(operator_client):
    bare, _ = MovieFactory(), MovieFactory(poster=True)
    response = start(operator_client, "scrape")
    assert response.url == reverse(LIST)
    assert subjects(Run.objects.get()) == {bare.pk}


@pytest.mark.parametrize("kind", ["scrape", "embed", "train"])
def test_every_button_starts_its_kind(operator_client, kind):
    MovieFactory()
    PosterFactory()
    start(operator_client, kind)
    assert Run.objects.get().kind == kind


def test_nothing_to_do_is_said_at_once(operator_client):
    response = start(operator_client, "scrape")
    assert "Nothing to do" in messages_of(response)
    assert Run.objects.get().state == Run.State.DONE


def test_suggesting_without_a_model_says_what_to_do(operator_client):
    response = start(operator_client, "label")
    assert "train one and promote it" in messages_of(response)
    assert not Run.objects.exists()


@pytest.mark.parametrize("kind", ["import", "burn"])
def test_other_kinds_are_refused(operator_client, kind):
    assert "Choose what to start" in messages_of(start(operator_client, kind))
    assert not Run.objects.exists()


def test_without_the_permission_nothing_starts_and_nothing_is_offered(reviewer_client):
    movie = MovieFactory()
    page = reviewer_client.get(reverse(LIST)).text
    assert "run-buttons" not in page and "start_scrape" not in page
    assert start(reviewer_client, "scrape").status_code == 403
    act(reviewer_client, "start_scrape", movie)
    assert not Run.objects.exists()


def test_a_link_cannot_start_a_run(operator_client):
    assert operator_client.get(reverse("admin:catalog_movie_start", args=["scrape"])).status_code == 405


def test_the_buttons_are_above_the_list(operator_client):
    page = operator_client.get(reverse(LIST)).text
    for kind in ("scrape", "embed", "label", "train"):
        assert f'action="{reverse("admin:catalog_movie_start", args=[kind])}"' in page


def test_alternatives_and_a_refresh_are_started_for_ticked_movies(operator_client):
    movie, _ = MovieFactory(poster=True), MovieFactory(poster=True)
    act(operator_client, "fetch_alternatives", movie)
    alternatives = Run.objects.get(kind="scrape")
    assert subjects(alternatives) == {movie.pk} and alternatives.params["posters"] > 1
    assert alternatives.followed_by == ["embed", "label"] and alternatives.params["same_movies"]
    act(operator_client, "start_refresh", movie)
    refresh = Run.objects.get(kind="refresh")
    assert subjects(refresh) == {movie.pk}
    assert refresh.params["everything"] and refresh.params["same_movies"]
    assert refresh.followed_by == ["embed", "label"]
