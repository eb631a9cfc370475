"""The list of movies in admin: thumbnails, filters, search, without a query a row."""

import pytest
from bs4 import BeautifulSoup
from django.urls import reverse

from catalog.models import Movie
from tests.catalog.admin.cards import only, waiting
from tests.factories import EmbeddingFactory, MovieFactory, PosterFactory

pytestmark = pytest.mark.django_db
LIST = "admin:catalog_movie_changelist"


def listed(client, **query):
    response = client.get(reverse(LIST), query)
    assert response.status_code == 200
    return [movie.title for movie in response.context["cl"].result_list]


def test_a_row_shows_thumbnail_genres_and_ids(admin_client):
    movie = MovieFactory(title="Ember", year=1999, genres=["Drama", "Crime"], poster=True)
    page = BeautifulSoup(admin_client.get(reverse(LIST)).content, "lxml")
    row = only(page, "#result_list tbody tr")
    assert only(row, ".poster-thumb")["src"] == movie.primary_poster.thumbnail.url
    text = " ".join(row.text.split())
    assert "Ember (1999)" in text and "Crime, Drama" in text
    assert f"{movie.imdb_id} · TMDB {movie.tmdb_id}" in text


def test_untagged_is_said(admin_client):
    MovieFactory(poster=True)
    assert "untagged" in admin_client.get(reverse(LIST)).text


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"genre": "drama"}, ["Tagged"]),
        ({"genre": "-"}, ["Bare", "Chosen", "Embedded", "Waiting"]),
        ({"poster": "no"}, ["Bare", "Tagged"]),
        ({"poster": "yes"}, ["Chosen", "Embedded", "Waiting"]),
        ({"poster": "locked"}, ["Chosen"]),
        ({"poster": "bare"}, ["Chosen", "Waiting"]),
        ({"suggested": "pending"}, ["Waiting"]),
        ({"suggested": "rejected"}, []),
        ({"franchise": "Harrow"}, ["Bare"]),
        ({"q": "harrow"}, ["Bare"]),
        ({"q": "tt0000077"}, ["Tagged"]),
        ({"q": "77"}, ["Chosen"]),
    ],
)
def test_filters_and_search(admin_client, query, expected):
    MovieFactory(title="Bare", franchise="Harrow")
    MovieFactory(title="Tagged", genres=["Drama"], imdb_id="tt0000077")
    PosterFactory(movie=MovieFactory(title="Chosen", tmdb_id=77), locked=True)
    EmbeddingFactory(poster__movie=MovieFactory(title="Embedded"))
    waiting("Waiting", Horror=0.9)
    assert sorted(listed(admin_client, **query)) == expected


def test_the_number_of_queries_does_not_grow_with_the_list(admin_client, django_assert_max_num_queries):
    for _ in range(25):
        MovieFactory(genres=["Drama", "Crime"], poster=True)
    with django_assert_max_num_queries(12):
        listed(admin_client)


def test_a_movie_with_undecided_suggestions_can_be_deleted(admin_client):
    movie = waiting("Ember")
    response = admin_client.post(reverse("admin:catalog_movie_delete", args=[movie.pk]), {"post": "yes"})
    assert response.status_code == 302
    assert not Movie.objects.exists()


def test_a_movie_with_decisions_is_kept(admin_client):
    movie = waiting("Ember")
    admin_client.post(
        reverse("admin:catalog_reviewqueue_decide", args=[movie.pk]),
        {"decide": "reject", "shown": [movie.suggestions.get().pk]},
    )
    response = admin_client.post(reverse("admin:catalog_movie_delete", args=[movie.pk]), {"post": "yes"})
    assert response.status_code == 200
    assert Movie.objects.exists()
