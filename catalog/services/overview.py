"""How much there is of everything: the figures on the status panel, the home page and the terminal."""

from __future__ import annotations

from catalog.models import Embedding, Movie, Poster, ReviewDecision, Suggestion


def catalogue_counts() -> dict[str, int]:
    """Movies, posters, embedded posters, untagged movies, pending suggestions and decisions taken."""
    return {
        "movies": Movie.objects.count(),
        "posters": Poster.objects.count(),
        "embedded": Embedding.objects.order_by().values("poster").distinct().count(),
        "untagged": Movie.objects.untagged().count(),
        "pending": Suggestion.objects.filter(state=Suggestion.State.PENDING).count(),
        "reviewed": ReviewDecision.objects.filter(reverses=None, reversal=None).count(),
    }
