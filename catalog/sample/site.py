"""A small loopback web site in the shape of TMDB and IMDb, for the sample run and for tests of scrapers."""

import argparse
import re
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from catalog.sample import site_api
from catalog.sample.site_answers import JSON, UNDATED, Response, cacheable, encoded_json, error_answer, html
from catalog.sample.site_csv import MoviesFileError, read_movies
from catalog.sample.site_images import PictureCache, PictureSize, content_type, imdb_size, tmdb_size
from catalog.sample.site_pages import (
    ROBOTS_TXT,
    ReplicaMovie,
    front_page,
    imdb_page,
    tmdb_page,
)

__all__ = ["ReplicaMovie", "ReplicaSite", "Response", "main"]

_TMDB_PAGE = re.compile(r"/movie/(\d{1,10})(?:-[^/]*)?/?")
_IMDB_PAGE = re.compile(r"/title/(tt\d{1,10})(/?)")
_TMDB_IMAGE = re.compile(r"/t/p/([a-z0-9_]+)/([a-z0-9]+)\.jpg")
_IMDB_IMAGE = re.compile(r"/images/M/([a-z0-9]+)\._V1_([A-Za-z0-9_,]*)\.jpg")
# Requests a second to the API from all clients together: about what TMDB allows one.
API_PER_SECOND = 40


class ReplicaSite:
    """Serves films' pages and posters over real HTTP, on a thread of its own, until stopped.

    Use it as a context manager, or call ``start``/``stop``, or ``serve_forever`` in the foreground. The port
    is taken when the object is made (``port=0`` takes a free one), so ``url`` is known at once. ``log`` holds
    (monotonic time, path, status) of the latest requests.

    Raises ValueError for a film that has neither id, or an id another film has; OSError for a taken port.
    """

    def __init__(
        self,
        movies: Iterable[ReplicaMovie],
        port: int = 0,
        host: str = "127.0.0.1",
        api_per_second: int = API_PER_SECOND,
    ) -> None:
        self.movies: list[ReplicaMovie] = []
        self.log: deque[tuple[float, str, int]] = deque(maxlen=100_000)
        self.verbose = False
        self.stopping = threading.Event()
        self._by_tmdb: dict[int, ReplicaMovie] = {}
        self._by_imdb: dict[str, ReplicaMovie] = {}
        self._by_image: dict[str, ReplicaMovie] = {}
        self._pictures = PictureCache()
        self._api_limit = site_api.RateLimit(api_per_second)
        self._thread: threading.Thread | None = None
        self._serving = False
        for movie in movies:
            self.add(movie)
        self._server = _Server((host, port), self)
        self.port: int = self._server.server_address[1]
        self.url = f"http://{host}:{self.port}"

    def add(self, movie: ReplicaMovie) -> None:
        """Shows one more film; allowed while the site runs."""
        if movie.tmdb_id is None and movie.imdb_id is None:
            raise ValueError(f"{movie.title!r} has neither a TMDB nor an IMDb id, so no page can show it.")
        if movie.tmdb_id in self._by_tmdb or movie.imdb_id in self._by_imdb:
            raise ValueError(f"{movie.title!r} has an id that another film of the replica already has.")
        self.movies.append(movie)
        self._show(movie)

    def change(self, movie: ReplicaMovie) -> None:
        """Shows ``movie`` in the place of the film with its ids; pictures of before stay at their addresses.

        Raises ValueError for a film that the replica does not show.
        """
        for number, shown in enumerate(self.movies):
            if (shown.tmdb_id, shown.imdb_id) == (movie.tmdb_id, movie.imdb_id):
                self.movies[number] = movie
                self._show(movie)
                return
        raise ValueError(f"{movie.title!r} is no film of the replica; add it instead.")

    def _show(self, movie: ReplicaMovie) -> None:
        if movie.tmdb_id is not None:
            self._by_tmdb[movie.tmdb_id] = movie
        if movie.imdb_id is not None:
            self._by_imdb[movie.imdb_id] = movie
        self._by_image[movie.image_name] = movie
        self._by_image |= {other.image_name: other for _, other in movie.alternatives()}

    def respond(self, path: str) -> Response | None:
        """What to answer instead of the page at ``path`` (query included); None for the page itself.

        Here a subclass adds faults; ``answer(path)`` gives it the true answer to spoil.
        """
        return None

    def refuse(self, path: str, headers: Mapping[str, str]) -> Response | None:
        """The answer to a request of the API without a key, or beyond its rate; None for any other."""
        if not path.startswith(site_api.PREFIX):
            return None
        if not site_api.has_key(path, headers):
            return Response(401, JSON, site_api.error(7, "Invalid API key: You must be granted a valid key."))
        if self._api_limit.exceeded():
            body = site_api.error(25, "Your request count is over the allowed limit.")
            return Response(429, {**JSON, "Retry-After": "1"}, body)
        return None

    def answer(self, path: str) -> Response:
        """The true answer to a GET of ``path``."""
        query = urlsplit(path).query
        path = unquote(urlsplit(path).path)
        if path.startswith(site_api.PREFIX):
            return self._api(path, query)
        if path == "/robots.txt":
            return cacheable(ROBOTS_TXT.encode(), "text/plain; charset=utf-8")
        if path == "/":
            return html(front_page(islice(self.movies, 100), len(self.movies)))
        if match := _TMDB_PAGE.fullmatch(path):
            movie = self._by_tmdb.get(int(match[1]))
            return html(tmdb_page(movie, self.url)) if movie else error_answer(404)
        if match := _IMDB_PAGE.fullmatch(path):
            movie = self._by_imdb.get(match[1])
            if movie and not match[2]:
                return Response(301, {"Location": f"/title/{match[1]}/"})
            return html(imdb_page(movie, self.url)) if movie else error_answer(404)
        if match := _TMDB_IMAGE.fullmatch(path):
            return self._picture(match[2], tmdb_size(match[1]))
        if match := _IMDB_IMAGE.fullmatch(path):
            return self._picture(match[1], imdb_size(match[2]))
        return error_answer(404)

    def _api(self, path: str, query: str) -> Response:
        if path == site_api.CONFIGURATION:
            return encoded_json(site_api.configuration(self.url))
        if match := site_api.FIND.fullmatch(path):
            return encoded_json(site_api.found(self._by_imdb.get(match[1])))
        match = site_api.MOVIE.fullmatch(path)
        movie = self._by_tmdb.get(int(match[1])) if match else None
        if movie is None:
            body = site_api.error(34, "The resource you requested could not be found.")
            return Response(404, JSON, body)
        return encoded_json(site_api.movie(movie, query))

    def _picture(self, name: str, size: PictureSize | None) -> Response:
        movie = self._by_image.get(name)
        if movie is None or size is None:
            return error_answer(404)
        data = self._pictures.picture(movie, size)
        if data is None:
            return error_answer(404)
        try:
            modified = movie.poster.stat().st_mtime if isinstance(movie.poster, Path) else UNDATED
        except OSError:
            modified = UNDATED
        return cacheable(data, content_type(data), modified)

    def serve_forever(self) -> None:
        """Serves in this thread until ``stop`` is called from another."""
        self._serving = True
        self._server.serve_forever(poll_interval=0.05)

    def start(self) -> Self:
        """Serves on a thread of its own and returns at once."""
        self._serving = True
        self._thread = threading.Thread(target=self.serve_forever, name=f"replica:{self.port}", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stops serving, frees the port and cuts open connections; a second call does nothing."""
        if self.stopping.is_set():
            return
        self.stopping.set()
        if self._serving:  # shutdown() would wait for ever for a server that never served
            self._server.shutdown()
        if self._thread is not None:
            self._thread.join()
        self._server.server_close()
        self._server.cut_connections()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], site: ReplicaSite) -> None:
        self.site = site
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def cut_connections(self) -> None:
        # Kept-alive connections have threads of their own, which would go on answering after the stop.
        with self._open_lock:
            for request in self._open:
                try:
                    request.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # the client had closed it already

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    server_version = "Replica"
    sys_version = ""
    timeout = 60  # seconds an idle kept-alive connection is held
    wbufsize = 65536  # head and body in one packet
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._serve(with_body=True)

    def do_HEAD(self) -> None:
        self._serve(with_body=False)

    def _serve(self, with_body: bool) -> None:
        site = self.server.site
        try:
            response = (
                site.respond(self.path)
                or site.refuse(self.path, dict(self.headers))
                or site.answer(self.path)
            )
        except Exception as error:  # noqa: BLE001 - a poster function or a test's hook may raise anything
            self.log_error("%s: %s", self.path, error)
            response = error_answer(500)
        if response.delay_s:
            site.stopping.wait(response.delay_s)
        status = 304 if response.status == 200 and self._is_fresh(response.headers) else response.status
        site.log.append((time.monotonic(), self.path, status))
        self._send(response, status, with_body)

    def _is_fresh(self, headers: dict[str, str]) -> bool:
        if asked := self.headers.get("If-None-Match"):
            tags = {tag.strip().removeprefix("W/") for tag in asked.split(",")}
            return "*" in tags or headers.get("ETag") in tags
        since, modified = self.headers.get("If-Modified-Since"), headers.get("Last-Modified")
        if not since or not modified:
            return False
        try:
            return parsedate_to_datetime(modified) <= parsedate_to_datetime(since)
        except (TypeError, ValueError):
            return False

    def _send(self, response: Response, status: int, with_body: bool) -> None:
        has_body = status >= 200 and status not in (204, 304)
        self.send_response(status)
        for name, value in response.headers.items():
            if has_body or name.lower() not in ("content-type", "content-length"):
                self.send_header(name, value)
        if has_body and not {name.lower() for name in response.headers} & {
            "content-length",
            "transfer-encoding",
        }:
            self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        if not (with_body and has_body):
            return
        if response.truncate_to is None:
            self.wfile.write(response.body)
            return
        self.wfile.write(response.body[: response.truncate_to])
        self.close_connection = True

    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        if self.server.site.verbose:
            super().log_request(code, size)


def main(arguments: list[str] | None = None) -> int:
    """Serves until interrupted; the sample catalogue unless told otherwise. Gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m catalog.sample.site", description=__doc__)
    parser.add_argument("--port", type=int, default=8900, help="0 takes a free one (default: %(default)s)")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--csv", type=Path, help="films to serve: columns file,imdb_id,tmdb_id,title,year")
    parser.add_argument(
        "--images", type=Path, help="folder of the CSV's files (default: the CSV's own folder)"
    )
    parser.add_argument(
        "--posters",
        type=Path,
        default=Path("var/sample-posters"),
        help="where the sample's drawn posters are kept (default: %(default)s)",
    )
    parser.add_argument("--verbose", action="store_true", help="write one line a request")
    options = parser.parse_args(arguments)
    try:
        if options.csv:
            movies, problems = read_movies(options.csv, options.images or options.csv.parent)
            for problem in problems:
                sys.stderr.write(f"{problem}\n")
        else:
            from catalog.sample.showing import sample_movies

            movies = sample_movies(options.posters)
        site = ReplicaSite(movies, options.port, options.host)
    except (MoviesFileError, OSError) as error:
        sys.stderr.write(f"The replica site cannot start on {options.host}:{options.port}: {error}\n")
        return 1
    site.verbose = options.verbose

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    # A shell starts what it puts into the background with SIGINT ignored, and a child would keep it so.
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
