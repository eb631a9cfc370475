"""A small loopback replica of TMDB and IMDb, for the sample catalogue and for tests of the poster sources."""

import argparse
import hashlib
import json
import re
import signal
import sys
import threading
from collections.abc import Iterable, Mapping
from email.utils import formatdate
from http import HTTPStatus
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from catalog.sample import site_api
from catalog.sample.site_images import Size, content_type, imdb_size, resized, tmdb_size
from catalog.sample.site_movies import MoviesFileError, ReplicaMovie, read_movies, sample_movies
from catalog.sample.site_pages import ROBOTS_TXT, error_page, front_page, imdb_page, tmdb_page
from catalog.sample.site_server import ReplicaServer, Response

__all__ = ["ReplicaMovie", "ReplicaSite", "Response", "main"]

_TMDB_PAGE = re.compile(r"/movie/(\d{1,10})(?:-[^/]*)?/?")
_IMDB_PAGE = re.compile(r"/title/(tt\d{1,10})(/?)")
_TMDB_IMAGE = re.compile(r"/t/p/([a-z0-9_]+)/([a-z0-9]+)\.jpg")
_IMDB_IMAGE = re.compile(r"/images/M/([a-z0-9]+)\._V1_([A-Za-z0-9_,]*)\.jpg")
# Requests a second to the API from all clients together: about what TMDB allows one.
API_PER_SECOND = 40
# Pages and posters in memory have no file date; a fixed one keeps Last-Modified the same after a restart.
_NO_FILE_DATE = 1_700_000_000.0
_JSON = "application/json;charset=utf-8"


def _ok(body: bytes, media_type: str, modified: float = _NO_FILE_DATE) -> Response:
    headers = {
        "Content-Type": media_type,
        "ETag": f'"{hashlib.sha256(body).hexdigest()[:24]}"',
        "Last-Modified": formatdate(modified, usegmt=True),
        "Cache-Control": "public, max-age=3600",
    }
    return Response(200, headers, body)


def _html(text: str) -> Response:
    return _ok(text.encode(), "text/html; charset=utf-8")


def _error(status: int) -> Response:
    page = error_page(status, HTTPStatus(status).phrase)
    return Response(status, {"Content-Type": "text/html; charset=utf-8"}, page.encode())


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _api_error(status: int, code: int, message: str, **headers: str) -> Response:
    return Response(status, {"Content-Type": _JSON, **headers}, _json(site_api.error(code, message)))


class ReplicaSite:
    """Serves the pages and posters of films over HTTP in a thread, until stopped.

    Use it as a context manager, or call ``start`` and ``stop``, or ``serve_forever`` in the foreground. The
    port is bound when the object is created (``port=0`` chooses a free one), so ``url`` is known at once.
    ``log`` has (monotonic time, path, status) of the latest requests.

    Raises ValueError for a film without an id, or with the id of another film; OSError for a port in use.
    """

    def __init__(
        self,
        movies: Iterable[ReplicaMovie],
        port: int = 0,
        host: str = "127.0.0.1",
        api_per_second: int = API_PER_SECOND,
        verbose: bool = False,
    ) -> None:
        self.movies: list[ReplicaMovie] = []
        self._by_tmdb: dict[int, ReplicaMovie] = {}
        self._by_imdb: dict[str, ReplicaMovie] = {}
        self._by_image: dict[str, ReplicaMovie] = {}
        self._api_limit = site_api.RateLimit(api_per_second)
        self._thread: threading.Thread | None = None
        self._serving = False
        for movie in movies:
            self.add(movie)
        self._server = ReplicaServer((host, port), self._respond)
        self._server.verbose = verbose
        self.log = self._server.log
        self.port: int = self._server.server_address[1]
        self.url = f"http://{host}:{self.port}"

    def add(self, movie: ReplicaMovie) -> None:
        """Adds a film; allowed while the site runs. Raises ValueError as the constructor does."""
        if movie.tmdb_id is None and movie.imdb_id is None:
            raise ValueError(f"{movie.title!r} has neither a TMDB nor an IMDb id.")
        if movie.tmdb_id in self._by_tmdb or movie.imdb_id in self._by_imdb:
            raise ValueError(f"{movie.title!r} has the id of another film.")
        self.movies.append(movie)
        self._index(movie)

    def change(self, movie: ReplicaMovie) -> None:
        """Replaces the film with the same ids; its earlier images stay at their addresses.

        Raises ValueError if there is no such film.
        """
        for number, present in enumerate(self.movies):
            if (present.tmdb_id, present.imdb_id) == (movie.tmdb_id, movie.imdb_id):
                self.movies[number] = movie
                self._index(movie)
                return
        raise ValueError(f"The replica has no film with the ids of {movie.title!r}.")

    def _index(self, movie: ReplicaMovie) -> None:
        if movie.tmdb_id is not None:
            self._by_tmdb[movie.tmdb_id] = movie
        if movie.imdb_id is not None:
            self._by_imdb[movie.imdb_id] = movie
        self._by_image[movie.image_name] = movie
        self._by_image |= {other.image_name: other for _, other in movie.alternatives()}

    def override(self, path: str) -> Response | None:
        """A response to use instead of the true one for ``path`` (with its query), or None.

        Subclasses add faults here; ``respond(path)`` returns the true response.
        """
        return None

    def respond(self, path: str) -> Response:
        """The true response to a GET of ``path``."""
        query = urlsplit(path).query
        path = unquote(urlsplit(path).path)
        if path.startswith(site_api.PREFIX):
            return self._api(path, query)
        if path == "/robots.txt":
            return _ok(ROBOTS_TXT.encode(), "text/plain; charset=utf-8")
        if path == "/":
            return _html(front_page(islice(self.movies, 100), len(self.movies)))
        if match := _TMDB_PAGE.fullmatch(path):
            movie = self._by_tmdb.get(int(match[1]))
            return _html(tmdb_page(movie, self.url)) if movie else _error(404)
        if match := _IMDB_PAGE.fullmatch(path):
            movie = self._by_imdb.get(match[1])
            if movie and not match[2]:
                return Response(301, {"Location": f"/title/{match[1]}/"})
            return _html(imdb_page(movie, self.url)) if movie else _error(404)
        if match := _TMDB_IMAGE.fullmatch(path):
            return self._image(match[2], tmdb_size(match[1]))
        if match := _IMDB_IMAGE.fullmatch(path):
            return self._image(match[1], imdb_size(match[2]))
        return _error(404)

    def _respond(self, path: str, headers: Mapping[str, str]) -> Response:
        if response := self.override(path):
            return response
        if path.startswith(site_api.PREFIX):
            if not site_api.has_key(path, headers):
                return _api_error(401, 7, "Invalid API key: You must be granted a valid key.")
            if self._api_limit.exceeded():
                message = "Your request count is over the allowed limit."
                return _api_error(429, 25, message, **{"Retry-After": "1"})
        return self.respond(path)

    def _api(self, path: str, query: str) -> Response:
        if path == site_api.CONFIGURATION:
            return _ok(_json(site_api.configuration(self.url)), _JSON)
        if match := site_api.FIND.fullmatch(path):
            return _ok(_json(site_api.find(self._by_imdb.get(match[1]))), _JSON)
        match = site_api.MOVIE.fullmatch(path)
        movie = self._by_tmdb.get(int(match[1])) if match else None
        if movie is None:
            return _api_error(404, 34, "The resource you requested could not be found.")
        return _ok(_json(site_api.movie(movie, query)), _JSON)

    def _image(self, name: str, size: Size | None) -> Response:
        movie = self._by_image.get(name)
        if movie is None or movie.poster is None or size is None:
            return _error(404)
        data, modified = movie.poster, _NO_FILE_DATE
        if isinstance(data, Path):
            try:
                modified = data.stat().st_mtime
                data = data.read_bytes()
            except OSError:
                return _error(404)
        data = resized(data, size)
        return _ok(data, content_type(data), modified)

    def serve_forever(self) -> None:
        """Serves in this thread until ``stop`` is called from another."""
        self._serving = True
        self._server.serve_forever(poll_interval=0.05)

    def start(self) -> Self:
        """Serves in a thread and returns at once."""
        self._serving = True
        self._thread = threading.Thread(target=self.serve_forever, name=f"replica:{self.port}", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stops serving, frees the port and closes open connections; a second call does nothing."""
        if self._server.stopping.is_set():
            return
        self._server.stopping.set()
        if self._serving:  # shutdown() of a server that never served would block forever
            self._server.shutdown()
        if self._thread is not None:
            self._thread.join()
        self._server.server_close()
        self._server.close_connections()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def main(arguments: list[str] | None = None) -> int:
    """Serves the sample catalogue, or the films of ``--csv``, until interrupted; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m catalog.sample.site", description=__doc__)
    parser.add_argument("--port", type=int, default=8900, help="0 chooses a free one (default: %(default)s)")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--csv", type=Path, help="films to serve: columns file,imdb_id,tmdb_id,title,year")
    parser.add_argument("--images", type=Path, help="folder of the CSV's images (default: the CSV's folder)")
    parser.add_argument("--verbose", action="store_true", help="log each request")
    options = parser.parse_args(arguments)
    try:
        if options.csv:
            movies, problems = read_movies(options.csv, options.images or options.csv.parent)
            for problem in problems:
                sys.stderr.write(f"{problem}\n")
        else:
            movies = sample_movies()
        site = ReplicaSite(movies, options.port, options.host, verbose=options.verbose)
    except (MoviesFileError, OSError) as error:
        sys.stderr.write(f"The replica site cannot start on {options.host}:{options.port}: {error}\n")
        return 1

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    # A shell starts background jobs with SIGINT ignored, and a child process inherits that.
    signal.signal(signal.SIGINT, interrupt)
    sys.stdout.write(f"Replica site with {len(site.movies)} films at {site.url}\n")
    sys.stdout.flush()
    try:
        site.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        site.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
