"""Tiles of movies, their pictures, and the addresses of pictures and pages."""

from __future__ import annotations

import pytest
from django.core.files.storage import FileSystemStorage
from django.http import QueryDict
from django.template import Context, Template
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from catalog.models import Movie
from catalog.storage import AtomicFileSystemStorage
from catalog.tiles import tiles
from tests.factories import MovieFactory, PosterFactory


@pytest.mark.django_db
def test_a_tile_has_the_poster_that_the_movie_shows() -> None:
    shown, other, none = MovieFactory(genres=["Drama", "Action"]), MovieFactory(), MovieFactory()
    chosen, _ = PosterFactory(movie=shown), PosterFactory(movie=shown)
    for poster in (PosterFactory(movie=other), PosterFactory(movie=other)):
        poster.is_primary = False
        poster.save()
    found = {tile.pk: tile for tile in tiles(Movie.objects.order_by("pk"))}
    assert list(found) == [shown.pk, other.pk, none.pk]
    for movie in (shown, other):
        picture, poster = found[movie.pk].picture, Movie.objects.get(pk=movie.pk).primary_poster
        assert picture == (poster.thumbnail.url, poster.medium.url, poster.width, poster.height)
    assert shown.primary_poster == chosen
    assert found[none.pk].picture is None
    assert (found[shown.pk].genres, found[none.pk].genres) == (["Action", "Drama"], [])


names = st.one_of(
    st.text(min_size=1),
    st.from_regex(r"[\w./ :%?#é-]+", fullmatch=True),
    st.from_regex(r"posters/[0-9a-f]{2}/[0-9a-f]{8}\.webp", fullmatch=True),
)


@given(names)
def test_addresses_of_files_are_those_of_django(name: str) -> None:
    plain = FileSystemStorage(location="/x", base_url="/media/")
    assert AtomicFileSystemStorage(location="/x", base_url="/media/").url(name) == plain.url(name)


@pytest.mark.parametrize("query", ["", "page=3", "q=a+%26+b&page=2&order=title", "genre=x&genre=y&page=1"])
def test_links_to_other_pages_keep_the_other_parameters(query: str) -> None:
    request = RequestFactory().get(f"/?{query}")
    source = '{% load page_urls %}{% query_before "page" "order" as to_page %}{{ to_page|safe }}7'
    link = Template(source).render(Context({"request": request}))
    wanted = QueryDict(query, mutable=True)
    wanted.pop("order", None)
    wanted["page"] = "7"
    assert link[0] == "?"
    assert QueryDict(link[1:]) == wanted
