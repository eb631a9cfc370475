"""Ask a poster source about a movie: its questions are fetched politely, with a key where it wants one."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from hashlib import sha256

from django.conf import settings
from django.core.cache import cache

from catalog.fetching.client import PoliteClient
from catalog.fetching.errors import Denied
from catalog.fetching.policy import Credential
from catalog.models import Movie, SourceLookup
from catalog.posters.sources.protocol import Answer, Found
from catalog.posters.sources.registry import NoPosterFound, PosterSource

from .api_keys import key_of, missing_key

# TMDB gives two kinds of key: the older one goes into the address, the "read access token" into a header.
_V3_KEY = re.compile(r"[0-9a-fA-F]{32}")


@dataclass(frozen=True, slots=True)
class LookedUp:
    """What a source said. found: None when it is what it said before. url: the address that decides, with the
    validators (RFC 9110, 8.8) to ask it by the next time; empty where it gave none."""

    found: Found | None
    url: str
    etag: str = ""
    last_modified: str = ""


class NotAsked(NoPosterFound):
    """The source was not asked, or not with the right key: that it has no poster is not its word."""


def look_up(
    source: PosterSource, movie: Movie, client: PoliteClient, before: SourceLookup | None = None
) -> LookedUp:
    """The movie's posters by the source, with the page a person may look at.

    With what was said `before` the source is only asked whether that changed, as far as it can tell. Raises
    NoPosterFound where the source has none, and NotAsked, which is one, without a key or an id that it knows;
    FetchError.
    """
    if missing := missing_key(source):
        raise NotAsked(missing)
    base = (settings.REPLICA_URL or source.base_url).rstrip("/")
    credential = _credential(source)
    asking = source.questions(movie, settings.POSTER_LANGUAGES)
    asked = ""
    said = LookedUp(None, "")
    try:
        question = next(asking)
        while True:
            url = base + question.path
            asked = asked or url
            if question.decides:
                known = before if before is not None and before.url == url else None
                fetched = client.get(
                    url,
                    accept=source.accept,
                    etag=known.etag if known else "",
                    last_modified=known.last_modified if known else "",
                    credential=credential,
                )
                said = LookedUp(None, url, fetched.etag, fetched.last_modified)
                if fetched.status == 304:
                    asking.close()
                    return said
                answer = Answer(fetched.url, fetched.body)
            else:
                answer = _answer(client, url, question.holds_s, source.accept, credential)
            question = asking.send(answer)
    except Denied as error:
        if source.key and error.status == 401:
            raise NotAsked(f"{source.name} does not accept the key in {source.key}: {error}") from error
        raise
    except NoPosterFound as error:
        if not asked:
            raise NotAsked(str(error)) from error
        raise
    except StopIteration as end:
        found: Found = end.value
        return replace(said, found=found if found.page_url else replace(found, page_url=asked))


def _answer(
    client: PoliteClient, url: str, holds_s: int, accept: str, credential: Credential | None
) -> Answer:
    name = f"poster-source-{sha256(url.encode()).hexdigest()}"
    kept = cache.get(name) if holds_s else None
    if isinstance(kept, Answer):
        return kept
    fetched = client.get(url, accept=accept, credential=credential)
    answer = Answer(fetched.url, fetched.body)
    if holds_s:
        cache.set(name, answer, holds_s)
    return answer


def _credential(source: PosterSource) -> Credential | None:
    if not source.key:
        return None
    key = key_of(source)
    return Credential(query={"api_key": key}) if _V3_KEY.fullmatch(key) else Credential.bearer(key)
