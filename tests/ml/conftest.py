"""Models made once for all tests of the export and the runtime."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from ml.apart import run_apart
from ml.extractors.export import manifest_path
from ml.extractors.runtime import load_extractor, resolve_fingerprint


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `made_models` fills; it serves as a folder of weights."""
    folder = tmp_path_factory.mktemp("made")
    run_apart("tests.ml.extractors.made_models", [str(folder)])
    return folder


@dataclass
class Race:
    """What came of two threads that asked for the same damaged export at once."""

    cache: Path
    vectors: list[np.ndarray]
    exports_started: int


@pytest.fixture(scope="session")
def raced(made: Path) -> Race:
    """The small TF-Hub model, exported because two threads at once found only a damaged copy of it."""
    cache = made / "exports"
    damaged = cache / f"{resolve_fingerprint('tfhub:small_hub', made)}.tflite"
    damaged.write_bytes(b"cut short")
    manifest_path(damaged).write_text('{"sha256": "0", "fingerprint": "x", "dims": 12}')
    started, vectors = [], []
    watch = logging.Handler()
    watch.emit = lambda record: started.append(record.msg)  # type: ignore[method-assign]
    logger = logging.getLogger("ml.extractors.export_cache")

    def work() -> None:
        extractor = load_extractor("tfhub:small_hub", weights_dir=made, cache_dir=cache)
        vectors.append(extractor.embed(np.full((1, 224, 224, 3), 9.0)))

    threads = [threading.Thread(target=work) for _ in range(2)]
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(watch)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        logger.removeHandler(watch)
        logger.setLevel(level)
    return Race(cache, vectors, sum("Exporting" in message for message in started))


@pytest.fixture(scope="session")
def exports(raced: Race) -> Path:
    """A folder with the exports of both made models."""
    return raced.cache


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
