"""A poster uploaded by hand: checked like any stranger's picture, then shown and kept."""

import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from catalog.models import Movie, Poster, Run
from catalog.posters import from_address
from ml.imaging import images
from tests.catalog.admin.movie_forms import save_movie
from tests.catalog.fetching.clients import policy_for
from tests.catalog.pages import messages_of
from tests.catalog.posters.films import film
from tests.factories import MovieFactory, PosterFactory, tiny_jpeg
from tests.replica.faults import FaultySite, html_instead, not_found

pytestmark = pytest.mark.django_db


def upload(data, name="poster.jpg", kind="image/jpeg"):
    return SimpleUploadedFile(name, data, kind)


def encoded(picture, kind):
    file = io.BytesIO()
    picture.save(file, kind)
    return file.getvalue()


def test_an_upload_is_shown_and_locked(admin_client):
    movie = MovieFactory(poster=True)
    response = save_movie(admin_client, movie, poster_upload=upload(tiny_jpeg(77, (80, 120))))
    assert "80 × 120 px" in messages_of(response)
    shown = Poster.objects.get(is_primary=True)
    assert (shown.source, shown.locked, shown.width) == ("upload", True, 80)
    assert movie.posters.count() == 2
    [item] = Run.objects.get(kind="embed", chosen=True).items.all()
    assert item.poster == shown


def test_a_movie_can_be_added_with_its_poster(admin_client):
    response = save_movie(admin_client, None, title="Brand new", poster_upload=upload(tiny_jpeg(1)))
    assert response.status_code == 302
    assert Movie.objects.get(title="Brand new").primary_poster.source == "upload"


def test_the_same_file_again_is_stored_once(admin_client):
    movie = MovieFactory()
    for _ in range(2):
        save_movie(admin_client, movie, poster_upload=upload(tiny_jpeg(5)))
    assert movie.posters.count() == 1


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"<html><script>alert(1)</script></html>", id="a page"),
        pytest.param(b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', id="svg"),
        pytest.param(b"\xff\xd8\xff\xe0 and then nothing that decodes", id="only the signature"),
        pytest.param(tiny_jpeg(3)[:-200], id="truncated"),
        pytest.param(encoded(Image.new("RGB", (60, 90)), "BMP"), id="format not allowed"),
        pytest.param(encoded(Image.new("RGB", (4, 4)), "PNG"), id="too small"),
        pytest.param(encoded(Image.new("L", (9000, 9000)), "PNG"), id="too many pixels"),
    ],
)
def test_what_is_no_acceptable_picture_is_refused_with_a_sentence(admin_client, data):
    movie = MovieFactory(title="Ember")
    response = save_movie(admin_client, movie, title="Renamed", poster_upload=upload(data))
    assert response.status_code == 200
    [sentence] = response.context["adminform"].form.errors["poster_upload"]
    assert len(sentence) > 20
    assert not Poster.objects.exists()
    assert Movie.objects.get().title == "Ember"


def test_too_many_bytes_are_refused_before_they_are_read(admin_client, monkeypatch):
    monkeypatch.setattr(images, "MAX_BYTES", 300)
    response = save_movie(admin_client, MovieFactory(), poster_upload=upload(tiny_jpeg(3)))
    [error] = response.context["adminform"].form.errors.as_data()["poster_upload"]
    assert error.code == "too_many_bytes"
    assert not Poster.objects.exists()


def test_the_browsers_file_name_is_not_used(admin_client):
    movie = MovieFactory()
    save_movie(admin_client, movie, poster_upload=upload(tiny_jpeg(3), name="../../evil" + "x" * 80 + ".php"))
    stored = str(Poster.objects.get().file)
    assert "evil" not in stored and stored.endswith(".jpg")


def test_an_invalid_form_keeps_the_poster_there_was(admin_client):
    movie = MovieFactory()
    PosterFactory(movie=movie)
    response = save_movie(admin_client, movie, title="", poster_upload=upload(tiny_jpeg(9)))
    assert response.status_code == 200
    assert movie.posters.count() == 1


# From an address


@pytest.fixture
def site(broker, monkeypatch):
    """A replica with a film, which counts as a public host."""
    with FaultySite([film(1)]) as site:
        allowed = policy_for(site.url, robots=False, max_attempts=1)
        monkeypatch.setattr(from_address, "policy", lambda: allowed)
        yield site


def picture_at(site):
    return f"{site.url}/t/p/w500/{site.movies[0].image_name}.jpg"


def errors_of(response):
    return response.context["adminform"].form.errors.as_data()["poster_address"]


def test_a_picture_from_an_address_is_stored_like_an_upload(admin_client, site):
    movie = MovieFactory(poster=True)
    response = save_movie(admin_client, movie, poster_address=picture_at(site))
    assert response.status_code == 302
    shown = movie.posters.get(is_primary=True)
    assert (shown.source, shown.source_url, shown.locked) == ("upload", picture_at(site), True)
    # Its pixels are stored, not its bytes.
    assert shown.file.read() != site.movies[0].poster
    assert Run.objects.filter(kind="embed").exists()


@pytest.mark.parametrize("fault", [not_found(), html_instead()])
def test_an_address_without_a_picture_changes_nothing(admin_client, site, fault):
    site.spoil("/t/p/", fault)
    response = save_movie(
        admin_client, MovieFactory(title="Ember"), title="Renamed", poster_address=picture_at(site)
    )
    [error] = errors_of(response)
    assert len(error.message) > 20
    assert not Poster.objects.exists() and Movie.objects.get().title == "Ember"


@pytest.mark.parametrize(
    "address",
    [
        "https://localhost/x.jpg",
        "https://127.0.0.1/x.jpg",
        "http://films.example/",
        "https://films.example:8443/",
    ],
)
def test_only_public_https_addresses_are_fetched(admin_client, address):
    [error] = errors_of(save_movie(admin_client, MovieFactory(), poster_address=address))
    assert error.code == "not_fetched"


def test_nothing_is_fetched_for_a_form_with_errors(admin_client, site):
    both = {"poster_upload": upload(tiny_jpeg(1)), "poster_address": picture_at(site)}
    [error] = errors_of(save_movie(admin_client, MovieFactory(), **both))
    assert error.code == "both"
    save_movie(admin_client, MovieFactory(), title="", poster_address=picture_at(site))
    assert site.paths("/t/p/") == [] and not Poster.objects.exists()
