"""A deleted poster's pictures are gone from the public folder, unless another movie shows the same ones."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.storage import default_storage

from catalog.models import Movie, Poster
from catalog.posters.primary import remove, store_poster
from tests.factories import MovieFactory, tiny_jpeg

pytestmark = pytest.mark.django_db


def names(poster: Poster) -> list[str]:
    return [str(picture.name) for picture in (poster.file, poster.medium, poster.thumbnail)]


def kept(poster: Poster) -> list[bool]:
    return [default_storage.exists(name) for name in names(poster)]


@pytest.mark.parametrize("whole_movie", [False, True])
def test_pictures_go_with_the_poster(whole_movie: bool, django_capture_on_commit_callbacks: Any) -> None:
    movie = MovieFactory()
    poster = store_poster(movie, tiny_jpeg(1), source="upload")
    assert kept(poster) == [True, True, True]
    with django_capture_on_commit_callbacks(execute=True):
        Movie.objects.filter(pk=movie.pk).delete() if whole_movie else remove([poster])
    assert kept(poster) == [False, False, False]


def test_pictures_that_another_movie_shows_stay(django_capture_on_commit_callbacks: Any) -> None:
    one, other = (store_poster(MovieFactory(), tiny_jpeg(1), source="upload") for _ in range(2))
    assert names(one) == names(other)
    with django_capture_on_commit_callbacks(execute=True):
        remove([one])
    assert kept(other) == [True, True, True]
    with django_capture_on_commit_callbacks(execute=True):
        remove([other])
    assert kept(other) == [False, False, False]


def test_a_deletion_that_is_taken_back_keeps_them(django_capture_on_commit_callbacks: Any) -> None:
    poster = store_poster(MovieFactory(), tiny_jpeg(1), source="upload")
    with django_capture_on_commit_callbacks(execute=False):
        remove([poster])
    assert kept(poster) == [True, True, True]
