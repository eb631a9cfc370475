"""The JSON API answers as its schema says, pages through everything once, and keeps runs to staff."""

from __future__ import annotations

import pytest
from django.test import Client

from catalog.embeddings.index_files import build_stale
from tests.factories import EmbeddingFactory, ExtractorFactory, MovieFactory, RunFactory, SuggestionFactory

pytestmark = pytest.mark.django_db


def test_a_movie_with_its_genres_and_poster(client: Client) -> None:
    film = MovieFactory(title="Amélie", year=2001, genres=["Comedy"], poster=True)
    data = client.get(f"/api/movies/{film.pk}").json()
    assert (data["title"], data["year"], data["imdb_id"]) == ("Amélie", 2001, film.imdb_id)
    assert data["genres"] == [{"name": "Comedy", "slug": "comedy", "origin": "imported"}]
    assert data["url"] == f"http://testserver/movie/{film.pk}/"
    assert client.get(data["poster"]["thumbnail_url"]).status_code == 200
    assert (data["poster"]["width"], data["poster"]["height"]) == (40, 60)


def test_a_movie_without_poster_or_that_is_not_there(client: Client) -> None:
    assert client.get(f"/api/movies/{MovieFactory().pk}").json()["poster"] is None
    assert client.get("/api/movies/999").status_code == 404


def test_suggestions_are_those_of_the_movie_page_and_scores_are_for_reviewers(
    client: Client, reviewer_client: Client
) -> None:
    film = MovieFactory(poster=True)
    explained = {"explanation": {"parts": {"poster": 3, "title": 1}, "words": ["ash"]}}
    SuggestionFactory(movie=film, genre__name="Crime", evidence="poster,title", tick=True, **explained)
    SuggestionFactory(movie=film, genre__name="Drama", score=0.9, sure=True)
    SuggestionFactory(movie=film, genre__name="War", state="rejected")
    address = f"/api/movies/{film.pk}"
    hidden = {"score": None, "threshold": None, "sure": None, "tick": None}
    drama, crime = client.get(address).json()["suggestions"]
    assert drama == {"genre": {"name": "Drama", "slug": "drama"}, "explanation": "", **hidden}
    assert crime["explanation"] == "poster 75%, title 25% · “ash”" and crime["score"] is None
    drama, crime = reviewer_client.get(address).json()["suggestions"]
    assert (drama["score"], drama["threshold"], drama["sure"], drama["tick"]) == (0.9, 0.6, True, False)
    assert crime["tick"]


def test_search_genre_and_order(client: Client) -> None:
    MovieFactory(title="Night B", genres=["Horror"])
    MovieFactory(title="Night A", genres=["Horror"])
    MovieFactory(title="Night C")
    query = {"q": "night", "genre": "horror", "order": "title"}
    data = client.get("/api/movies", query).json()
    assert [movie["title"] for movie in data["movies"]] == ["Night A", "Night B"] and data["count"] == 2
    untagged = client.get("/api/movies", {"genre": "untagged"}).json()
    assert [movie["title"] for movie in untagged["movies"]] == ["Night C"]


def test_pages_together_hold_every_movie_once(client: Client) -> None:
    MovieFactory.create_batch(7)
    seen: list[int] = []
    for page in (1, 2, 3):
        data = client.get("/api/movies", {"page": page, "page_size": 3}).json()
        assert data["pages"] == 3
        seen += [movie["id"] for movie in data["movies"]]
    assert len(seen) == len(set(seen)) == 7
    assert client.get("/api/movies", {"page": 9}).json()["movies"] == []


@pytest.mark.parametrize("query", [{"page": 0}, {"page_size": 201}, {"page": "x"}, {"order": "pk"}])
def test_a_bad_query_is_refused(client: Client, query: dict[str, str | int]) -> None:
    assert client.get("/api/movies", query).status_code == 422


def test_look_alikes_by_name_and_number_of_the_extractor(client: Client) -> None:
    extractor = ExtractorFactory(spec="histograms", dims=2)
    films = [MovieFactory(poster=True) for _ in range(4)]
    for film, values in zip(films, ([1, 0], [0, 1], [1, 0.1], [1, 0.5]), strict=True):
        EmbeddingFactory(poster=film.primary_poster, extractor=extractor, values=values)
    build_stale()
    address = f"/api/movies/{films[0].pk}/lookalikes"
    for name in ("", "histograms", str(extractor.pk)):
        data = client.get(address, {"extractor": name, "k": "2"}).json()
        assert (data["extractor"], data["metric"]) == ("histograms", "cosine")
        assert [each["movie"]["id"] for each in data["lookalikes"]] == [films[2].pk, films[3].pk]
        distances = [each["distance"] for each in data["lookalikes"]]
        assert distances == sorted(distances)
        assert all(each["corrected_distance"] > 0 for each in data["lookalikes"])
    assert client.get(address, {"method": "ball_tree"}).json()["metric"] == "euclidean"


def test_look_alikes_refuse_what_they_do_not_know(client: Client) -> None:
    extractor = ExtractorFactory(spec="histograms", dims=2)
    film = MovieFactory(poster=True)
    EmbeddingFactory(poster=film.primary_poster, extractor=extractor, values=[1, 0])
    address = f"/api/movies/{film.pk}/lookalikes"
    unknown = client.get(address, {"extractor": "vgg"})
    assert unknown.status_code == 404 and "In use: histograms" in unknown.json()["detail"]
    assert client.get(address, {"method": "magic"}).status_code == 422
    assert client.get(address, {"k": 51}).status_code == 422
    assert client.get("/api/movies/999/lookalikes").status_code == 404


def test_before_anything_is_embedded_there_are_no_look_alikes(client: Client) -> None:
    data = client.get(f"/api/movies/{MovieFactory(poster=True).pk}/lookalikes").json()
    assert data["lookalikes"] == [] and data["extractor"] is None


def test_runs_are_for_staff(client: Client, stranger_client: Client, admin_client: Client) -> None:
    run = RunFactory(state="running", total=4, done=1)
    address = f"/api/runs/{run.pk}"
    assert client.get(address).status_code == 401
    assert stranger_client.get(address).status_code == 403
    data = admin_client.get(address).json()
    assert (data["state"], data["percent"], data["finished_at"]) == ("running", 25, None)
    assert admin_client.get("/api/runs/999").status_code == 404


def test_the_schema_is_published(client: Client) -> None:
    paths = client.get("/api/openapi.json").json()["paths"]
    assert set(paths) == {
        "/api/movies",
        "/api/movies/{movie_id}",
        "/api/movies/{movie_id}/lookalikes",
        "/api/runs/{run_id}",
    }


def test_operations_keep_their_ids_for_generated_clients(client: Client) -> None:
    paths = client.get("/api/openapi.json").json()["paths"].values()
    assert [path["get"]["operationId"] for path in paths] == [
        "catalog_api_movies",
        "catalog_api_movie",
        "catalog_api_lookalikes",
        "catalog_api_run",
    ]
