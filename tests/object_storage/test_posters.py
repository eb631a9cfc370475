"""Posters in a bucket: stored in three sizes, shown by signed or public addresses or by the site, checked."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from botocore.httpsession import URLLib3Session
from django.conf import settings as django_settings
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from catalog.integrity import consistency
from catalog.integrity.consistency import Kind
from catalog.models import Poster
from catalog.posters import primary
from catalog.s3_storage import S3Storage
from postersite.object_storage import ObjectStorage
from tests.catalog.admin.movie_forms import save_movie
from tests.factories import MovieFactory, tiny_jpeg

pytestmark = pytest.mark.django_db

Use = Callable[..., ObjectStorage]


def stored(seed: int = 1) -> Poster:
    return primary.store_poster(MovieFactory(), tiny_jpeg(seed), source="upload")


def keys(bucket: Any) -> set[str]:
    return {each.key for each in bucket.objects.all()}


def names(poster: Poster) -> list[str]:
    return [str(field.name) for field in (poster.file, poster.medium, poster.thumbnail)]


def test_a_poster_and_its_smaller_pictures_are_in_the_bucket_and_not_on_disk(
    use_bucket: Use, bucket: Any
) -> None:
    use_bucket()
    poster = stored()
    assert keys(bucket) == {f"media/{name}" for name in names(poster)}
    assert not django_settings.MEDIA_ROOT.exists()
    with poster.thumbnail.open("rb") as file:
        assert Image.open(io.BytesIO(file.read())).format == "JPEG"
    head = bucket.Object(f"media/{poster.file.name}")
    assert head.content_type == "image/jpeg" and "immutable" in head.cache_control


def test_a_prefix_keeps_sites_apart_that_share_a_bucket(use_bucket: Use, bucket: Any) -> None:
    use_bucket(POSTERSITE_S3_PREFIX="films/one/")
    poster = stored()
    assert keys(bucket) == {f"films/one/media/{name}" for name in names(poster)}


def test_deleting_a_poster_deletes_its_objects(
    use_bucket: Use, bucket: Any, django_capture_on_commit_callbacks: Any
) -> None:
    use_bucket()
    poster = stored()
    with django_capture_on_commit_callbacks(execute=True):
        primary.remove([poster])
    assert keys(bucket) == set()


def test_signed_addresses_expire_and_stay_the_same_for_a_while(
    use_bucket: Use, s3_server: str, time_machine: Any
) -> None:
    found = use_bucket(POSTERSITE_S3_URL_AGE="600")
    poster = stored()
    time_machine.move_to("2026-11-29T12:00:01Z", tick=False)
    address = poster.thumbnail.url
    assert "X-Amz-Signature=" in address and "X-Amz-Expires=600" in address
    assert found.picture_origins == [s3_server] and address.startswith(f"{s3_server}/")
    time_machine.shift(timedelta(seconds=290))
    assert poster.thumbnail.url == address
    time_machine.shift(timedelta(seconds=20))
    assert poster.thumbnail.url != address


@pytest.mark.parametrize("amazon", [False, True])
@pytest.mark.parametrize("token", ["", "of a role"])
def test_signed_addresses_are_those_of_boto3(
    use_bucket: Use, monkeypatch: pytest.MonkeyPatch, time_machine: Any, amazon: bool, token: str
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", token)
    changed = {"POSTERSITE_S3_ENDPOINT": ""} if amazon else {}
    found = use_bucket(**changed, POSTERSITE_S3_REGION="eu-west-1", POSTERSITE_S3_PREFIX="site")
    time_machine.move_to("2026-11-29T12:00:01Z", tick=False)
    name = "posters/ab/a picture+1~ä.jpg"
    ours = default_storage.url(name)
    theirs = S3Storage.__mro__[1].url(default_storage, name)
    assert ours == theirs and ours.startswith(found.picture_origins[0])


def test_a_signed_address_loads_the_picture(use_bucket: Use) -> None:
    use_bucket()
    response = requests.get(stored().file.url, timeout=10)
    assert response.headers["Content-Type"] == "image/jpeg" and Image.open(io.BytesIO(response.content))


@pytest.mark.parametrize("base", ["", "https://pictures.example.org/films"])
def test_public_addresses_have_no_signature(use_bucket: Use, s3_server: str, bucket: Any, base: str) -> None:
    found = use_bucket(POSTERSITE_S3_URLS="public", POSTERSITE_S3_PUBLIC_URL=base)
    poster = stored()
    root = base or f"{s3_server}/{bucket.name}"
    assert poster.thumbnail.url == f"{root}/media/{poster.thumbnail.name}"
    parts = urlsplit(root)
    assert found.picture_origins == [f"{parts.scheme}://{parts.netloc}"]


def test_the_site_itself_can_serve_the_pictures(use_bucket: Use, client: Client) -> None:
    assert use_bucket(POSTERSITE_S3_URLS="site").picture_origins == []
    poster = stored()
    assert poster.thumbnail.url == f"/media/{poster.thumbnail.name}"
    response = client.get(poster.thumbnail.url)
    content = b"".join(response)
    assert response["Content-Length"] == str(len(content)) and Image.open(io.BytesIO(content))
    again = client.get(poster.thumbnail.url, headers={"If-None-Match": response["ETag"]})
    assert again.status_code == 304
    primary.default_storage.delete(str(poster.thumbnail.name))
    assert client.get(poster.thumbnail.url).status_code == 404


@pytest.fixture
def requests_sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The requests that were sent to the bucket."""
    sent = list[str]()
    send = URLLib3Session.send

    def recorded(session: URLLib3Session, request: Any) -> Any:
        sent.append(f"{request.method} {request.url}")
        return send(session, request)

    monkeypatch.setattr(URLLib3Session, "send", recorded)
    return sent


def test_serving_a_picture_takes_one_request(
    use_bucket: Use, client: Client, requests_sent: list[str]
) -> None:
    use_bucket(POSTERSITE_S3_URLS="site")
    poster = stored()
    requests_sent.clear()
    response = client.get(poster.thumbnail.url)
    assert response.status_code == 200 and response["Last-Modified"]
    [request] = requests_sent
    assert request.startswith("GET ")


@pytest.mark.parametrize(("deep", "expected"), [(False, 1), (True, 3)])
def test_checking_a_poster_takes_one_request_or_one_for_each_file(
    use_bucket: Use, requests_sent: list[str], deep: bool, expected: int
) -> None:
    use_bucket()
    poster = stored()
    requests_sent.clear()
    assert list(consistency._check_pictures(poster, deep)) == []
    assert len(requests_sent) == expected


def test_an_uploaded_poster_is_shown_on_pages(use_bucket: Use, admin_client: Client) -> None:
    use_bucket()
    movie = MovieFactory()
    upload = SimpleUploadedFile("poster.jpg", tiny_jpeg(3), content_type="image/jpeg")
    save_movie(admin_client, movie, poster_upload=upload)
    movie.refresh_from_db()
    assert movie.primary_poster is not None
    page = admin_client.get(movie.get_absolute_url()).content.decode()
    assert movie.primary_poster.medium.url.replace("&", "&amp;") in page


def test_what_is_missing_is_reported_and_created_again(use_bucket: Use, bucket: Any) -> None:
    use_bucket()
    whole, without_thumbnail, without_file = stored(1), stored(2), stored(3)
    default_storage.delete(str(without_thumbnail.thumbnail.name))
    default_storage.delete(str(without_file.file.name))
    found = {finding.pk: finding.kind for finding in consistency.check() if finding.kind != Kind.NOT_EMBEDDED}
    assert found == {without_thumbnail.pk: Kind.SMALLER, without_file.pk: Kind.ORIGINAL}
    consistency.mend(consistency.check())
    assert f"media/{without_thumbnail.thumbnail.name}" in keys(bucket)
    assert {f"media/{name}" for name in names(whole)} <= keys(bucket)


def test_objects_that_no_poster_uses_are_deleted_when_they_are_old(
    use_bucket: Use, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_bucket()
    poster = stored()
    unused = f"media/posters/ab/{'ab' * 32}-original.jpg"
    bucket.put_object(Key=unused, Body=b"picture")
    consistency.mend(consistency.check())
    assert unused in keys(bucket)  # its row may be stored in a moment
    monkeypatch.setattr(consistency, "MIN_AGE_S", -60.0)
    consistency.mend(consistency.check())
    assert keys(bucket) == {f"media/{name}" for name in names(poster)}


def test_a_missing_bucket_is_an_error_of_the_disk(use_bucket: Use) -> None:
    use_bucket(POSTERSITE_S3_BUCKET="there-is-none")
    with pytest.raises(OSError, match="bucket"):
        stored()
    with pytest.raises(FileNotFoundError):
        default_storage.open("posters/none.jpg")


def test_a_server_that_does_not_respond_is_an_error_of_the_disk(
    use_bucket: Use, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_bucket(POSTERSITE_S3_ENDPOINT="http://127.0.0.1:9", POSTERSITE_S3_URLS="site")
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # between attempts
    for attempt in (stored, lambda: default_storage.exists("a.jpg"), lambda: default_storage.size("a.jpg")):
        with pytest.raises(OSError, match="bucket"):
            attempt()
    assert client.get("/media/posters/ab/a.jpg").status_code == 404
