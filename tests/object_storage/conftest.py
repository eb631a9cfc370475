"""An S3 server, moto's, in a process of its own; each test has a bucket there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
import pytest
import requests

from catalog.embeddings import extractors, index_files
from catalog.genres import suggestions
from ml.processes import dies_with_parent
from postersite.object_storage import ObjectStorage, object_storage
from tests.processes.site import free_port, wait_until

FOLDERS = {
    "MODELS_DIR": "models",
    "INDEX_DIR": "index",
    "EXPORTS_DIR": "extractors",
    "REPORTS_DIR": "reports",
}
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "postersite", "AWS_SECRET_ACCESS_KEY": "not a secret"}


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of the server."""
    if any(find_spec(module) is None for module in ("moto", "flask", "flask_cors")):
        pytest.skip("moto is not installed: run `pip install -r tests/requirements.txt`")
    address = f"http://127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", address.rpartition(":")[2]]
    server = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=dies_with_parent(signal.SIGKILL),
    )

    def responds() -> bool:
        try:
            return requests.get(address, timeout=5).ok
        except requests.ConnectionError:
            return False

    try:
        wait_until(responds, "the S3 server")
        yield address
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def bucket(s3_server: str, request: pytest.FixtureRequest) -> Any:
    """A new bucket, by boto3."""
    name = f"films-{abs(hash(request.node.nodeid))}"
    with patch.dict(os.environ, CREDENTIALS):
        client = boto3.resource("s3", endpoint_url=s3_server, region_name="us-east-1")
        return client.create_bucket(Bucket=name)


@pytest.fixture
def storage_settings(bucket: Any, s3_server: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The settings of a site with this bucket, which are in the environment; a test may change them."""
    values = {
        **CREDENTIALS,
        "POSTERSITE_STORAGE": "s3",
        "POSTERSITE_S3_ENDPOINT": s3_server,
        "POSTERSITE_S3_BUCKET": bucket.name,
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return values


@pytest.fixture
def on_machine(
    use_bucket: Callable[..., ObjectStorage], tmp_path: Path, settings: Any
) -> Callable[..., Path]:
    """on_machine("web") continues as a process of another machine: same database and bucket, its own disk.

    Returns the machine's cache folder.
    """

    def use(name: str, **changed: str) -> Path:
        storage = use_bucket(**changed)
        cache = settings.CACHE_DIR = tmp_path / name / "cache"
        for setting, folder in FOLDERS.items():
            setattr(settings, setting, storage.folder(folder, tmp_path / name, cache))
        index_files._loaded.clear()
        suggestions._load.cache_clear()
        extractors._load.cache_clear()
        return cache

    return use


@pytest.fixture
def use_bucket(
    storage_settings: dict[str, str], monkeypatch: pytest.MonkeyPatch, settings: Any
) -> Callable[..., ObjectStorage]:
    """use_bucket(POSTERSITE_S3_URLS="public") makes Django store files in the bucket."""

    def use(**changed: str) -> ObjectStorage:
        for name, value in changed.items():
            monkeypatch.setenv(name, value)
        found = object_storage()
        settings.STORAGES = {**settings.STORAGES, **found.storages}
        return found

    return use
