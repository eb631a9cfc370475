"""Where files are stored that several machines read: on this disk, or in an S3-compatible bucket."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from .env import env, whole_number

FILES = {"BACKEND": "catalog.storage.AtomicFileSystemStorage"}
BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
REGION = re.compile(r"[a-z0-9-]{1,40}")
PREFIX = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*")


class ObjectStorage(NamedTuple):
    """storages: Django's STORAGES for pictures ("default") and, in a bucket, for other files ("shared").

    picture_origins: other hosts from which browsers load pictures.
    """

    storages: dict[str, Any]
    picture_origins: list[str]

    def folder(self, name: str, var: Path, cache: Path) -> Path:
        """Where this machine has the files of a kind: all of them in `var`, or copies in the cache."""
        return (cache if "shared" in self.storages else var) / name


def object_storage() -> ObjectStorage:
    """What the settings POSTERSITE_STORAGE and POSTERSITE_S3_... mean. Raises ImproperlyConfigured.

    Credentials are no settings: boto3 reads them from the environment.
    """
    if _choice("POSTERSITE_STORAGE", ("file", "s3")) == "file":
        return ObjectStorage({"default": FILES}, [])
    bucket = _matching("POSTERSITE_S3_BUCKET", BUCKET_NAME, "the name of a bucket")
    region = _matching("POSTERSITE_S3_REGION", REGION, "the name of a region", "us-east-1")
    prefix = _matching("POSTERSITE_S3_PREFIX", PREFIX, "the name of a folder in the bucket", "").rstrip("/")
    # Services other than Amazon's often have no host name for each bucket.
    endpoint, style = _url("POSTERSITE_S3_ENDPOINT"), "path"
    address = f"{endpoint}/{bucket}"
    if not endpoint:
        endpoint, style = f"https://s3.{region}.amazonaws.com", "virtual"
        address = f"https://{bucket}.s3.{region}.amazonaws.com"
    options = {
        "bucket_name": bucket,
        "region_name": region,
        "endpoint_url": endpoint,
        "addressing_style": style,
        "querystring_expire": whole_number("POSTERSITE_S3_URL_AGE", 3600, 60, 604_800),
    }
    pictures: dict[str, Any] = {**options, "location": _joined(prefix, "media")}
    urls = _choice("POSTERSITE_S3_URLS", ("signed", "public", "site"))
    if urls == "public":
        address = _url("POSTERSITE_S3_PUBLIC_URL") or address
        scheme, _, host = address.partition("//")
        pictures |= {"querystring_auth": False, "url_protocol": scheme, "custom_domain": host}
    pictures["through_site"] = urls == "site"
    parts = urlsplit(address)
    origins = [] if urls == "site" else [f"{parts.scheme}://{parts.netloc}"]
    backend = "catalog.s3_storage.S3Storage"
    shared = {"BACKEND": backend, "OPTIONS": {**options, "location": _joined(prefix, "shared")}}
    return ObjectStorage({"default": {"BACKEND": backend, "OPTIONS": pictures}, "shared": shared}, origins)


def _joined(prefix: str, name: str) -> str:
    return f"{prefix}/{name}" if prefix else name


def _choice(name: str, choices: tuple[str, ...]) -> str:
    text = env.str(name, default="").strip().lower() or choices[0]
    if text not in choices:
        raise ImproperlyConfigured(f"{name} must be {' or '.join(choices)}, not {text!r}.")
    return text


def _matching(name: str, pattern: re.Pattern[str], what: str, default: str | None = None) -> str:
    text = env.str(name, default="").strip().strip("/")
    if not text and default is not None:
        return default
    if not pattern.fullmatch(text):
        raise ImproperlyConfigured(f"{name} must be {what} when POSTERSITE_STORAGE is s3, not {text!r}.")
    return text


def _url(name: str) -> str:
    """An http address without a slash at its end; empty if it is not set."""
    text = env.str(name, default="").strip().rstrip("/")
    try:
        parts = urlsplit(text)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        # The host also becomes a part of a header.
        valid = valid and re.fullmatch(r"[A-Za-z0-9.:/_~\[\]-]+", text) is not None
    except ValueError:
        valid = False
    if text and not valid:
        # It may contain a password by mistake, and is not shown.
        raise ImproperlyConfigured(f"{name} must look like https://HOST or https://HOST:PORT.")
    return text
