"""The address of a poster on the movie's form: only one that a poster source has."""

import pytest

from catalog.models import Movie
from tests.catalog.admin.movie_forms import save_movie
from tests.factories import MovieFactory

pytestmark = pytest.mark.django_db

ADDRESS = "https://image.tmdb.org/t/p/w500/a.jpg"


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
