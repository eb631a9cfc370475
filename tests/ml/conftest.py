"""Models made once for all tests of the export and the runtime."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from ml.extractors.export import manifest_path
from ml.extractors.runtime import load_extractor, resolve_fingerprint
from ml.subprocess import run_in_subprocess
from tests.built_once import built_from_sources


@pytest.fixture(scope="session")
def made(pytestconfig: pytest.Config) -> Path:
    """The folder that `made_models` fills; it serves as a folder of weights."""
    return built_from_sources(
        pytestconfig,
        "models",
        lambda folder: run_in_subprocess("tests.ml.extractors.made_models", [str(folder)]),
    )


@pytest.fixture(scope="session")
def exports(made: Path, pytestconfig: pytest.Config) -> Path:
    """Exports of both made models; `race.npz` tells how the small TF-Hub model was exported.

    Two threads needed it at once and found only a damaged copy of it. `race.npz` holds the `vectors` that
    they computed and the number of exports `started`.
    """
    return built_from_sources(pytestconfig, "exports", lambda folder: race(made, folder))


def race(made: Path, cache: Path) -> None:
    shutil.copytree(made / "exports", cache, dirs_exist_ok=True)
    damaged = cache / f"{resolve_fingerprint('tfhub:small_hub', made)}.tflite"
    damaged.write_bytes(b"cut short")
    manifest_path(damaged).write_text('{"sha256": "0", "fingerprint": "x", "dims": 12}')
    messages: list[str] = []
    watch = logging.Handler()
    watch.emit = lambda record: messages.append(record.msg)  # type: ignore[method-assign]
    logger = logging.getLogger("ml.extractors.export_cache")

    def embed(_: int) -> np.ndarray:
        extractor = load_extractor("tfhub:small_hub", weights_dir=made, cache_dir=cache)
        return extractor.embed(np.full((1, 224, 224, 3), 9.0))

    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(watch)
    try:
        with ThreadPoolExecutor(2) as pool:
            vectors = list(pool.map(embed, range(2)))
    finally:
        logger.removeHandler(watch)
        logger.setLevel(level)
    started = sum("Exporting" in message for message in messages)
    np.savez(cache / "race.npz", vectors=np.stack(vectors), started=started)


@pytest.fixture
def served(made: Path) -> Iterator[str]:
    """Address of a loopback server that answers every request with the small TF-Hub model's archive."""
    archive = (made / "small_hub.tar.gz").read_bytes()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(archive)))
            self.end_headers()
            self.wfile.write(archive)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
