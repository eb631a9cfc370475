"""The list of movies in admin: thumbnails, filters, search, deletion and CSV download."""

import csv
import io

import pytest
from bs4 import BeautifulSoup
from django.urls import reverse

from catalog.models import Movie
from tests.catalog.admin.cards import pending
from tests.catalog.pages import one
from tests.factories import EmbeddingFactory, MovieFactory, PosterFactory

pytestmark = pytest.mark.django_db
LIST, DOWNLOAD = "admin:catalog_movie_changelist", "admin:catalog_movie_titles"


def listed(client, **query):
    response = client.get(reverse(LIST), query)
    assert response.status_code == 200
    return [movie.title for movie in response.context["cl"].result_list]


def test_a_row_shows_thumbnail_genres_and_ids(admin_client):
    movie = MovieFactory(title="Ember", year=1999, genres=["Drama", "Crime"], poster=True)
    page = BeautifulSoup(admin_client.get(reverse(LIST)).content, "lxml")
    row = one(page, "#result_list tbody tr")
    assert one(row, ".poster-thumb")["src"] == movie.primary_poster.thumbnail.url
    text = " ".join(row.text.split())
    assert "Ember (1999)" in text and "Crime, Drama" in text
    assert f"{movie.imdb_id} · TMDB {movie.tmdb_id}" in text


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
    pending("Waiting", Horror=0.9)
    assert sorted(listed(admin_client, **query)) == expected


def test_a_movie_with_undecided_suggestions_can_be_deleted(admin_client):
    movie = pending("Ember")
    response = admin_client.post(reverse("admin:catalog_movie_delete", args=[movie.pk]), {"post": "yes"})
    assert response.status_code == 302
    assert not Movie.objects.exists()


def test_a_movie_with_decisions_is_kept(admin_client):
    movie = pending("Ember")
    admin_client.post(
        reverse("admin:catalog_reviewqueue_decide", args=[movie.pk]),
        {"decide": "reject", "shown": [movie.suggestions.get().pk]},
    )
    response = admin_client.post(reverse("admin:catalog_movie_delete", args=[movie.pk]), {"post": "yes"})
    assert response.status_code == 200
    assert Movie.objects.exists()


def downloaded(client, **query):
    response = client.get(reverse(DOWNLOAD), query)
    assert response.status_code == 200 and response.streaming
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert 'filename="titles.csv"' in response["Content-Disposition"]
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return [row["title"] for row in csv.DictReader(io.StringIO(text))]


def test_the_link_leads_to_what_the_list_shows(admin_client):
    MovieFactory(title="Ember", genres=["Drama"])
    MovieFactory(title="Ash", genres=["Drama"])
    MovieFactory(title="Frost")
    page = BeautifulSoup(admin_client.get(reverse(LIST), {"genre": "drama"}).content, "lxml")
    [link] = page.select("a[download]")
    assert link.text == "Download 2 movies as CSV"
    assert link["href"] == f"{reverse(DOWNLOAD)}?genre=drama"
    assert downloaded(admin_client, genre="drama") == ["Ash", "Ember"]


def test_all_pages_of_the_list_are_in_it(admin_client):
    MovieFactory.create_batch(60)
    assert len(downloaded(admin_client)) == 60


def test_search_and_formulas(admin_client):
    MovieFactory(title="=cmd|' /C calc'!A0")
    MovieFactory(title="Other")
    assert downloaded(admin_client, q="calc") == ["'=cmd|' /C calc'!A0"]


def test_a_filter_that_does_not_exist_leads_back_to_the_list(admin_client):
    response = admin_client.get(reverse(DOWNLOAD), {"nonsense__x": "1"})
    assert response.status_code == 302 and response["Location"] == reverse(LIST)
