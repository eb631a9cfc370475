"""The settings of the object storage: by default files stay on disk; a wrong value stops the start."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from catalog.checks import S3_CREDENTIALS, S3_PACKAGES, site_messages
from postersite import object_storage as module
from postersite.object_storage import object_storage

S3 = {"POSTERSITE_STORAGE": "s3", "POSTERSITE_S3_BUCKET": "films"}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("POSTERSITE_STORAGE", "POSTERSITE_S3_")):
            monkeypatch.delenv(name)


def with_settings(monkeypatch: pytest.MonkeyPatch, **values: str) -> module.ObjectStorage:
    for name, value in {**S3, **values}.items():
        monkeypatch.setenv(name, value)
    return object_storage()


def test_by_default_posters_stay_on_disk() -> None:
    assert object_storage() == ({"default": {"BACKEND": "catalog.storage.AtomicFileSystemStorage"}}, [])


def test_without_an_endpoint_it_is_amazons(monkeypatch: pytest.MonkeyPatch) -> None:
    found = with_settings(monkeypatch, POSTERSITE_S3_REGION="eu-west-1")
    assert found.picture_origins == ["https://films.s3.eu-west-1.amazonaws.com"]
    assert found.storages["default"]["OPTIONS"]["addressing_style"] == "virtual"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("POSTERSITE_STORAGE", "s4"),
        ("POSTERSITE_S3_BUCKET", ""),
        ("POSTERSITE_S3_BUCKET", "Films and posters"),
        ("POSTERSITE_S3_ENDPOINT", "minio:9000"),
        ("POSTERSITE_S3_ENDPOINT", "https://key:secret@minio"),
        ("POSTERSITE_S3_ENDPOINT", "https://minio; script-src *"),
        ("POSTERSITE_S3_PREFIX", "../other"),
        ("POSTERSITE_S3_URLS", "private"),
        ("POSTERSITE_S3_URL_AGE", "5"),
    ],
)
def test_a_wrong_value_stops_the_start(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"{name} must "):
        with_settings(monkeypatch, **{name: value})


@pytest.mark.django_db
def test_checks_name_what_is_missing(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    for name in (*S3_CREDENTIALS, "SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setitem(S3_PACKAGES, "django-storages", "module_that_is_not_there")
    settings.STORAGES = {**settings.STORAGES, **with_settings(monkeypatch).storages}
    found = {message.id: message for message in site_messages()}
    assert {"catalog.E007", "catalog.W008", "catalog.W009"} <= found.keys()
    assert "django-storages" in found["catalog.E007"].msg and "boto3" not in found["catalog.E007"].msg
    for name in ("AWS_ACCESS_KEY_ID", "SECRET_KEY"):
        monkeypatch.setenv(name, "given")
    monkeypatch.setitem(S3_PACKAGES, "django-storages", "storages")
    assert not {"catalog.E007", "catalog.W008", "catalog.W009"} & {each.id for each in site_messages()}


@pytest.mark.slow  # another process reads the settings
def test_pages_may_show_pictures_of_the_bucket() -> None:
    show = (
        "from django.conf import settings; print(settings.CONTENT_SECURITY_POLICY['DIRECTIVES']['img-src'])"
    )
    environment = {
        **os.environ,
        **S3,
        "POSTERSITE_S3_ENDPOINT": "https://minio.example.org:9000",
        "DJANGO_SETTINGS_MODULE": "postersite.settings",
        "SECRET_KEY": "k",
    }
    shown = subprocess.run([sys.executable, "-c", show], env=environment, check=True, capture_output=True)
    assert b"'https://minio.example.org:9000'" in shown.stdout
