"""Starting runs in the admin: for selected movies, or for all that need it."""

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
    return signed_in(
        UserFactory(
            is_staff=True, permissions=["catalog.view_movie", "catalog.start_run", "catalog.train_genremodel"]
        )
    )


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


@pytest.mark.parametrize("kind", ["scrape", "embed", "label", "train"])
def test_an_action_starts_a_run_over_the_selected_movies(operator_client, kind):
    model = GenreModelFactory(state=GenreModel.State.ACTIVE)
    first, second, _ = movies = [MovieFactory(genres=["War"] * (kind == "train"), poster=True) for _ in "abc"]
    if kind == "label":
        for movie in movies:
            EmbeddingFactory(poster=movie.primary_poster, extractor=model.extractor)
    response = act(operator_client, f"start_{kind}", first, second)
    run = Run.objects.get()
    assert (run.kind, run.asked_by) == (kind, operator_client.user)
    chosen = {first.pk, second.pk}
    items = run.items.values_list("movie", "poster__movie")
    assert (set(run.params["movies"]) if kind == "train" else {a or b for a, b in items}) == chosen
    assert f'<a href="{run.get_absolute_url()}">{run}</a>' in messages_of(response)


@pytest.mark.parametrize("kind", ["scrape", "embed", "train"])
def test_a_button_starts_a_run_over_all_that_need_it(operator_client, kind):
    MovieFactory(), PosterFactory()
    page = operator_client.get(reverse(LIST)).text
    assert f'action="{reverse("admin:catalog_movie_start", args=[kind])}"' in page
    assert start(operator_client, kind).url == reverse(LIST)
    run = Run.objects.get()
    assert (run.kind, run.total) == (kind, 1)


def test_nothing_to_do_is_said_at_once(operator_client):
    response = start(operator_client, "scrape")
    assert "Nothing to do" in messages_of(response)
    assert Run.objects.get().state == Run.State.DONE


def test_suggesting_without_a_model_says_what_to_do(operator_client):
    response = start(operator_client, "label")
    assert "No genre model is active" in messages_of(response)
    assert not Run.objects.exists()


@pytest.mark.parametrize("kind", ["import", "burn"])
def test_other_kinds_are_refused(operator_client, kind):
    assert "Choose what to start" in messages_of(start(operator_client, kind))
    assert not Run.objects.exists()


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
