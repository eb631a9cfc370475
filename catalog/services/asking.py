"""Ask a poster source about a movie: its questions are fetched politely, with a key where it wants one."""

from __future__ import annotations

import re
from dataclasses import replace
from hashlib import sha256

from django.conf import settings
from django.core.cache import cache

from catalog.fetching.client import PoliteClient
from catalog.fetching.credential import Credential
from catalog.fetching.errors import Denied
from catalog.models import Movie
from catalog.sources.poster_questions import Answer, Found, Question
from catalog.sources.poster_sources import NoPosterFound, PosterSource

from .source_keys import key_of, missing_key

# TMDB gives two kinds of key: the older one goes into the address, the "read access token" into a header.
_V3_KEY = re.compile(r"[0-9a-fA-F]{32}")


def look_up(source: PosterSource, movie: Movie, client: PoliteClient) -> Found:
    """The movie's poster by the source, with the page a person may look at.

    Raises NoPosterFound where the source has none, or was given no key; FetchError.
    """
    if missing := missing_key(source):
        raise NoPosterFound(missing)
    base = (settings.REPLICA_URL or source.base_url).rstrip("/")
    credential = _credential(source)
    asking = source.questions(movie, settings.POSTER_LANGUAGES)
    asked = ""
    try:
        question = next(asking)
        while True:
            asked = asked or base + question.path
            question = asking.send(_answer(client, base, question, source.accept, credential))
    except Denied as error:
        if source.key and error.status == 401:
            raise NoPosterFound(f"{source.name} does not accept the key in {source.key}: {error}") from error
        raise
    except StopIteration as end:
        found: Found = end.value
        return found if found.page_url else replace(found, page_url=asked)


def _answer(
    client: PoliteClient, base: str, question: Question, accept: str, credential: Credential | None
) -> Answer:
    url = base + question.path
    name = f"poster-source-{sha256(url.encode()).hexdigest()}"
    kept = cache.get(name) if question.holds_s else None
    if isinstance(kept, Answer):
        return kept
    fetched = client.get(url, accept=accept, credential=credential)
    answer = Answer(fetched.final_url, fetched.body)
    if question.holds_s:
        cache.set(name, answer, question.holds_s)
    return answer


def _credential(source: PosterSource) -> Credential | None:
    if not source.key:
        return None
    key = key_of(source)
    return Credential(query={"api_key": key}) if _V3_KEY.fullmatch(key) else Credential.bearer(key)
