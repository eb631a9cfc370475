"""An image that a site shows for many movies is a placeholder and not stored."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from catalog.models import Movie, Placeholder, Poster, Run
from catalog.posters import primary
from catalog.posters.fetch import NoPoster
from catalog.posters.primary import store_poster
from catalog.posters.rejections import MOVIES, placeholder_reason
from tests.catalog.posters.conftest import Serve, fetch_poster
from tests.catalog.posters.films import film, known
from tests.factories import MovieFactory, tiny_jpeg
from tests.replica.faults import FaultySite

pytestmark = pytest.mark.django_db

NOTHING = tiny_jpeg(99, (60, 90))


@pytest.fixture
def site(serve: Serve) -> FaultySite:
    return serve([film(number, NOTHING) for number in range(MOVIES + 1)], ["tmdb_page"])


def test_the_fifth_movie_makes_it_a_placeholder_and_the_others_are_looked_up_again(site: FaultySite) -> None:
    movies = [known(shown) for shown in site.movies]
    for movie in movies[: MOVIES - 1]:
        fetch_poster(movie)
    assert Poster.objects.count() == MOVIES - 1
    for movie in movies[MOVIES - 1 :]:
        with pytest.raises(NoPoster, match=f"{MOVIES} movies"):
            fetch_poster(movie)
    assert not Poster.objects.exists()
    assert Movie.objects.without_poster().count() == MOVIES + 1
    found = Placeholder.objects.get()
    assert (found.source, found.movies) == ("tmdb_page", MOVIES) and found.source_url.startswith(site.url)


def test_a_person_can_mark_it_as_a_poster(movie: Movie, admin_client: Client) -> None:
    Placeholder.objects.create(sha256=store().sha256, source="tmdb_page", movies=7)
    with pytest.raises(NoPoster, match="placeholder"):
        fetch_poster(movie)
    assert "tmdb_page" in admin_client.get("/admin/catalog/placeholder/").content.decode()
    Placeholder.objects.update(is_poster=True)
    assert fetch_poster(movie).movie_id == movie.pk


def test_one_that_a_person_locked_stays() -> None:
    chosen = store(locked=True)
    for _ in range(2, MOVIES):
        store()
    assert "placeholder" in reason(MovieFactory())
    assert list(Poster.objects.all()) == [chosen]


def test_the_posters_shown_instead_are_embedded() -> None:
    taken = [store() for _ in range(MOVIES - 1)]
    other = store_poster(taken[0].movie, tiny_jpeg(1), source="tmdb_page", rank=1)
    assert "placeholder" in reason(MovieFactory())
    assert [item.poster for item in Run.objects.get(kind="embed").items.all()] == [other]


def test_movies_are_locked_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(MOVIES):
        store()
    removed: list[int] = []
    monkeypatch.setattr(primary, "remove", lambda taken: removed.extend(each.movie_id for each in taken))
    assert "placeholder" in reason(MovieFactory())
    assert len(removed) == MOVIES and removed == sorted(removed)


@pytest.mark.parametrize(
    ("source", "facts"), [("upload", {}), ("folder", {}), ("tmdb_page", {"title": "Harbour"})]
)
def test_neither_uploads_nor_parts_and_editions_with_one_name_count(
    source: str, facts: dict[str, str]
) -> None:
    for _ in range(MOVIES + 2):
        store_poster(MovieFactory(**facts), NOTHING, source=source)
    assert reason(MovieFactory(**facts)) == ""


def test_the_same_movie_again_is_not_another(movie: Movie) -> None:
    for _ in range(MOVIES + 2):
        fetch_poster(movie)
    assert movie.posters.count() == 1 and not Placeholder.objects.exists()


def store(**options: Any) -> Poster:
    return store_poster(MovieFactory(), NOTHING, source="tmdb_page", **options)


def reason(movie: Movie) -> str:
    return placeholder_reason(movie, NOTHING, source="tmdb_page", source_url="https://image.tmdb.org/x.jpg")
