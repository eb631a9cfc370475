"""The movie's form: genres set by a person, permissions, and the address of its poster."""

import pytest
from django.urls import reverse

from catalog.models import Movie, MovieGenre, ReviewDecision, Suggestion
from tests.catalog.admin.cards import genres, pending
from tests.catalog.admin.movie_forms import save_movie
from tests.conftest import signed_in
from tests.factories import MovieFactory, UserFactory

pytestmark = pytest.mark.django_db

ADDRESS = "https://image.tmdb.org/t/p/w500/a.jpg"


def test_changed_genres_are_manual_and_locked(admin_client):
    movie = MovieFactory(genres=["Drama"])
    assert save_movie(admin_client, movie, genres=["Drama", "War"]).status_code == 302
    assert genres(movie) == {"Drama", "War"}
    assert set(movie.movie_genres.values_list("origin", flat=True)) == {MovieGenre.Origin.MANUAL}
    assert Movie.objects.get().genres_locked
    assert set(ReviewDecision.objects.values_list("genre__name", "verdict", "origin_before")) == {
        ("War", "added", "none"),
        ("Drama", "added", "imported"),
    }


def test_saving_other_fields_leaves_genres_to_imports(admin_client):
    movie = MovieFactory(genres=["Drama"])
    save_movie(admin_client, movie, title="Another title")
    movie.refresh_from_db()
    assert movie.title == "Another title"
    assert not movie.genres_locked
    assert movie.movie_genres.get().origin == MovieGenre.Origin.IMPORTED


def test_pending_suggestions_are_settled_by_it(admin_client):
    movie = pending("Ember", Drama=0.9, Horror=0.8)
    save_movie(admin_client, movie, genres=["Drama"])
    states = dict(movie.suggestions.values_list("genre__name", "state"))
    assert states == {"Drama": Suggestion.State.ACCEPTED, "Horror": Suggestion.State.REJECTED}


def test_a_new_movie_gets_its_genres(admin_client):
    response = save_movie(admin_client, None, title="Brand new", genres=["War"])
    assert response.status_code == 302
    assert genres(Movie.objects.get(title="Brand new")) == {"War"}


def test_somebody_who_may_not_review_cannot_change_genres():
    editor = signed_in(UserFactory(is_staff=True, permissions=["catalog.change_movie", "catalog.view_movie"]))
    movie = MovieFactory(genres=["Drama"])
    page = editor.get(reverse("admin:catalog_movie_change", args=[movie.pk]))
    assert page.context["adminform"].form.fields["genre_choices"].disabled
    assert save_movie(editor, movie, genres=["War"], title="Renamed").status_code == 302
    movie.refresh_from_db()
    assert (movie.title, genres(movie)) == ("Renamed", {"Drama"})


def test_disabling_the_field_for_one_person_disables_it_for_nobody_else(admin_client):
    movie = MovieFactory()
    address = reverse("admin:catalog_movie_change", args=[movie.pk])
    signed_in(UserFactory(is_staff=True, permissions=["catalog.change_movie"])).get(address)
    assert not admin_client.get(address).context["adminform"].form.fields["genre_choices"].disabled


def test_an_emptied_id_becomes_absent_so_that_two_movies_may_lack_it(admin_client):
    one, two = MovieFactory(), MovieFactory()
    for movie in (one, two):
        assert save_movie(admin_client, movie, imdb_id="").status_code == 302
    assert set(Movie.objects.values_list("imdb_id", flat=True)) == {None}


def test_the_page_of_somebody_who_may_only_look(reviewer_client):
    movie = MovieFactory(genres=["Drama"], poster=True)
    response = reviewer_client.get(reverse("admin:catalog_movie_change", args=[movie.pk]))
    assert response.status_code == 200
    assert save_movie(reviewer_client, movie, title="Renamed").status_code == 403


def test_an_address_is_set_and_taken_away(admin_client):
    movie = MovieFactory()
    for address in (ADDRESS, ""):
        assert save_movie(admin_client, movie, poster_url=address).status_code == 302
        assert Movie.objects.get().poster_url == address


@pytest.mark.parametrize(
    "address", ["https://example.org/a.jpg", "http://image.tmdb.org/t/p/w500/a.jpg", "a"]
)
def test_an_address_that_no_source_has_is_refused(admin_client, address):
    movie = MovieFactory()
    answer = save_movie(admin_client, movie, poster_url=address)
    assert answer.context["adminform"].form.errors.as_data()["poster_url"][0].code == "no_source_has_it"
    # One that is there already, of a source that is no more, does not stand in the way of other changes.
    Movie.objects.update(poster_url=address)
    assert save_movie(admin_client, movie, title="Another", poster_url=address).status_code == 302
