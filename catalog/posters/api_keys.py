"""The keys that poster sources want. Checks read this at every start, so nothing that fetches is imported."""

from __future__ import annotations

from django.conf import settings

from catalog.posters.sources.registry import PosterSource


def key_of(source: PosterSource) -> str:
    """The key to show the source; empty when the operator has set none."""
    # The replica wants some key, as the site does, and must never be shown the real one.
    return "replica" if settings.REPLICA_URL else str(settings.SOURCE_KEYS.get(source.key, ""))


def missing_key(source: PosterSource) -> str:
    """What to set before the source answers anything, in a sentence; empty when nothing is missing."""
    if not source.key or key_of(source):
        return ""
    return f"{source.name} needs a key: set {source.key} to the one the site gave you (docs/data-sources.md)"
