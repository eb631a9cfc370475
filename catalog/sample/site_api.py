"""The replica of TMDB's API, version 3: configuration, find and movie; API keys and a rate limit."""

import re
import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from catalog.sample.site_movies import ReplicaMovie

PREFIX = "/3/"
POSTER_SIZES = ("w92", "w154", "w185", "w342", "w500", "w780", "original")

MOVIE = re.compile(r"/3/movie/(\d{1,10})")
FIND = re.compile(r"/3/find/(tt\d{1,10})")
CONFIGURATION = "/3/configuration"


class RateLimit:
    """At most ``per_second`` requests in any one second."""

    def __init__(self, per_second: int) -> None:
        self._latest: deque[float] = deque(maxlen=per_second)
        self._lock = threading.Lock()

    def exceeded(self) -> bool:
        """Whether this request is one too many; a request within the limit is counted."""
        now = time.monotonic()
        with self._lock:
            if len(self._latest) == self._latest.maxlen and now - self._latest[0] < 1.0:
                return True
            self._latest.append(now)
            return False


def has_key(path: str, headers: Mapping[str, str]) -> bool:
    """Whether a request has a key, as a token in its header or as ``api_key``; any key is valid."""
    token = headers.get("Authorization", "")
    query = parse_qs(urlsplit(path).query)
    return (token.startswith("Bearer ") and bool(token[7:].strip())) or bool(query.get("api_key", [""])[0])


def configuration(url: str) -> dict[str, Any]:
    """The response of /configuration; ``url`` is the site's base address, without a final slash."""
    images = {
        "base_url": f"{url}/t/p/",
        "secure_base_url": f"{url}/t/p/",
        "poster_sizes": list(POSTER_SIZES),
    }
    return {"images": images, "change_keys": ["images", "title"]}


def movie(film: ReplicaMovie, query: str = "") -> dict[str, Any]:
    """The response of /movie/<tmdb_id>, with the images if the query requests them."""
    file = None if film.poster is None else f"/{film.image_name}.jpg"
    collection = {"id": 1, "name": f"{film.franchise} Collection", "poster_path": None}
    response: dict[str, Any] = {
        "id": film.tmdb_id,
        "imdb_id": film.imdb_id,
        "title": film.title,
        "overview": film.overview,
        "release_date": f"{film.year}-01-01" if film.year else "",
        "poster_path": file,
        "belongs_to_collection": collection if film.franchise else None,
    }
    if "images" in parse_qs(query).get("append_to_response", [""])[0].split(","):
        listed: list[tuple[str, str | None]] = [(file, "en")] if file else []
        listed += [(f"/{other.image_name}.jpg", language) for language, other in film.alternatives()]
        response["images"] = {
            "posters": [
                {"file_path": path, "iso_639_1": language, "width": 600, "height": 900, "vote_average": 5.0}
                for path, language in listed
            ]
        }
    return response


def find(film: ReplicaMovie | None) -> dict[str, Any]:
    """The response of /find/<imdb_id>; a film without a TMDB id is not found."""
    known = film is not None and film.tmdb_id is not None
    return {
        "movie_results": [movie(film)] if known and film else [],
        "tv_results": [],
        "person_results": [],
    }


def error(code: int, message: str) -> dict[str, Any]:
    """The response with an error status; ``code`` is TMDB's own."""
    return {"success": False, "status_code": code, "status_message": message}
