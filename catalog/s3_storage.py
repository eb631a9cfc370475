"""Storage in an S3-compatible bucket, with the errors of a disk: what fails raises OSError.

Imported only where POSTERSITE_STORAGE is s3: django-storages and boto3 are optional (requirements-s3.txt).
"""

from __future__ import annotations

import errno
import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urljoin, urlsplit

from boto3.exceptions import Boto3Error
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.core.files.base import ContentFile, File
from django.utils.encoding import filepath_to_uri
from storages.backends import s3

from ml.files import file_sha256

# The name of a poster's file is the hash of its content.
FOREVER, A_MINUTE = "public, max-age=31536000, immutable", "public, max-age=60"
SHA256 = "sha256"  # the metadata of an object of `upload`


class S3Storage(s3.S3Storage):
    """A folder of a bucket. Its methods raise FileNotFoundError for a missing object, else OSError.

    Objects appear when they are complete, and existing ones are replaced. through_site: the site itself
    serves pictures, so browsers need not reach the bucket.
    """

    def get_default_settings(self) -> dict[str, Any]:
        config = Config(
            s3={"addressing_style": self.addressing_style},
            signature_version="s3v4",
            connect_timeout=5,
            read_timeout=30,
            retries={"mode": "standard", "total_max_attempts": 3},
            # Many other services do not know the checksums that botocore adds by default.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        return {**super().get_default_settings(), "client_config": config, "through_site": False}

    def __init__(self, **options: Any) -> None:
        self.addressing_style = options.get("addressing_style", "path")
        super().__init__(**options)
        self._credentials: Any = None
        self._signed = lru_cache(maxsize=10_000)(self._sign)

    def url(self, name: str, *args: Any, **kwargs: Any) -> str:
        """The address of an object for browsers; a signed one stays the same for half of its age."""
        if self.through_site:
            return urljoin(settings.MEDIA_URL, filepath_to_uri(name))
        if self.custom_domain or args or kwargs:
            return str(super().url(name, *args, **kwargs))
        # A new address for each page would make browsers load every picture again.
        return self._signed(name, int(time.time() / (self.querystring_expire / 2)))

    def _sign(self, name: str, period: int) -> str:
        """What `generate_presigned_url` of boto3 returns, in less than half of the time."""
        if self._credentials is None:
            self._credentials = self._create_session().get_credentials()
        if self._credentials is None:
            raise OSError(errno.EACCES, "the environment has no credentials for the bucket", name)
        host = urlsplit(self.endpoint_url)
        place = f"{host.netloc}/{self.bucket_name}"
        if self.addressing_style == "virtual":
            place = f"{self.bucket_name}.{host.netloc}"
        key = quote(self._normalize_name(s3.clean_name(name)), safe="/~")
        request = AWSRequest("GET", f"{host.scheme}://{place}/{key}")
        # Those of a role expire; they are renewed here.
        credentials = self._credentials.get_frozen_credentials()
        S3SigV4QueryAuth(credentials, "s3", self.region_name, self.querystring_expire).add_auth(request)
        return str(request.url)

    def get_object_parameters(self, name: str) -> dict[str, Any]:
        pictures = name.startswith(("posters/", f"{self.location}/posters/"))
        return {**super().get_object_parameters(name), "CacheControl": FOREVER if pictures else A_MINUTE}

    def _open(self, name: str, mode: str = "rb") -> File:
        if mode != "rb":
            raise ValueError("Objects of a bucket are opened for reading only.")
        with _disk_errors(name):
            found = self._object(name).get()
            content = ContentFile(found["Body"].read(), name=name)
        # Saves who needs it another request.
        content.modified = found["LastModified"]  # type: ignore[attr-defined]
        return content

    def _save(self, name: str, content: File) -> str:
        with _disk_errors(name):
            return str(super()._save(name, content))

    def delete(self, name: str) -> None:
        with _disk_errors(name):
            super().delete(name)

    def exists(self, name: str) -> bool:
        with _disk_errors(name):
            return bool(super().exists(name))

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        with _disk_errors(path):
            folders, files = super().listdir(path)
        return folders, files

    def size(self, name: str) -> int:
        with _disk_errors(name):
            return int(super().size(name))

    def get_modified_time(self, name: str) -> datetime:
        with _disk_errors(name):
            found: datetime = super().get_modified_time(name)
        return found

    def upload(self, path: Path, name: str) -> None:
        """Store a file of any size with its SHA-256, which `download` compares. Raises OSError."""
        parameters = {**self._get_write_parameters(name), "Metadata": {SHA256: file_sha256(path)}}
        with _disk_errors(name):
            self._object(name).upload_file(str(path), ExtraArgs=parameters, Config=self.transfer_config)

    def download(self, name: str, file: IO[bytes]) -> None:
        """Write an object to an empty file. Raises OSError, also if the SHA-256 is another one."""
        with _disk_errors(name):
            found = self._object(name)
            found.download_fileobj(file, Config=self.transfer_config)
            expected = found.metadata.get(SHA256)
            file.seek(0)
            # Objects that another program has uploaded have no SHA-256.
            if expected and hashlib.file_digest(file, "sha256").hexdigest() != expected:  # type: ignore[arg-type]
                raise OSError(errno.EIO, "the object in the bucket is damaged: its SHA-256 differs", name)

    def starting_with(self, prefix: str) -> list[tuple[str, datetime, int]]:
        """Name, time of writing and bytes of the objects whose names begin so. Raises OSError."""
        start = len(self.location) + 1
        with _disk_errors(prefix):
            found = self.bucket.objects.filter(Prefix=f"{self.location}/{prefix}")
            return [(each.key[start:], each.last_modified, each.size) for each in found]

    def _object(self, name: str) -> Any:
        return self.bucket.Object(self._normalize_name(s3.clean_name(name)))


@contextmanager
def _disk_errors(name: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        number = {404: errno.ENOENT, 403: errno.EACCES}.get(status, errno.EIO)
        raise OSError(number, f"the bucket responded: {error}", name) from error
    except (BotoCoreError, Boto3Error) as error:
        raise OSError(errno.EIO, f"the bucket cannot be used: {error}", name) from error
