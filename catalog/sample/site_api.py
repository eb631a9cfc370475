"""The replica's API in the shape of TMDB's, version 3: configuration, find, movie; keys and a rate limit."""

import json
import re
import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from catalog.sample.site_pages import ReplicaMovie

PREFIX = "/3/"
POSTER_SIZES = ("w92", "w154", "w185", "w342", "w500", "w780", "original")

MOVIE = re.compile(r"/3/movie/(\d{1,10})")
FIND = re.compile(r"/3/find/(tt\d{1,10})")
CONFIGURATION = "/3/configuration"


class RateLimit:
    """So many requests in any one second; more are told to come back in a second, as TMDB does."""

    def __init__(self, per_second: int) -> None:
        self.per_second = per_second
        self._latest: deque[float] = deque(maxlen=per_second)
        self._lock = threading.Lock()

    def exceeded(self) -> bool:
        """Whether this request is one too many; others count."""
        now = time.monotonic()
        with self._lock:
            if len(self._latest) == self.per_second and now - self._latest[0] < 1.0:
                return True
            self._latest.append(now)
            return False


def has_key(path: str, headers: Mapping[str, str]) -> bool:
    """Whether a request brings a key, as a token in its header or as `api_key`; any will do."""
    token = headers.get("Authorization", "")
    query = parse_qs(urlsplit(path).query)
    return (token.startswith("Bearer ") and bool(token[7:].strip())) or bool(query.get("api_key", [""])[0])


def configuration(url: str) -> dict[str, Any]:
    """What /configuration answers; ``url`` is the site's base address, without a final slash."""
    pictures = f"{url}/t/p/"
    images = {"base_url": pictures, "secure_base_url": pictures, "poster_sizes": list(POSTER_SIZES)}
    return {"images": images, "change_keys": ["images", "title"]}


def movie(film: ReplicaMovie, query: str) -> dict[str, Any]:
    """What /movie/<tmdb_id> answers, with the images if the query asks for them."""
    file = None if film.poster is None else f"/{film.image_name}.jpg"
    series = (
        {"id": 1, "name": f"{film.franchise} Collection", "poster_path": None} if film.franchise else None
    )
    told: dict[str, Any] = {
        "id": film.tmdb_id,
        "imdb_id": film.imdb_id,
        "title": film.title,
        "overview": film.overview,
        "release_date": f"{film.year}-01-01" if film.year else "",
        "poster_path": file,
        "belongs_to_collection": series,
    }
    if "images" in parse_qs(query).get("append_to_response", [""])[0].split(","):
        listed: list[tuple[str, str | None]] = [(file, "en")] if file else []
        listed += [(f"/{other.image_name}.jpg", language) for language, other in film.alternatives()]
        told["images"] = {
            "posters": [
                {"file_path": path, "iso_639_1": language, "width": 600, "height": 900, "vote_average": 5.0}
                for path, language in listed
            ]
        }
    return told


def found(film: ReplicaMovie | None) -> dict[str, Any]:
    """What /find/<imdb_id> answers; a film without a TMDB id is not known by its other id either."""
    known = film is not None and film.tmdb_id is not None
    return {
        "movie_results": [movie(film, "")] if known and film else [],
        "tv_results": [],
        "person_results": [],
    }


def error(code: int, message: str) -> bytes:
    """The body that goes with an error status; ``code`` is TMDB's own."""
    return encoded({"success": False, "status_code": code, "status_message": message})


def encoded(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
