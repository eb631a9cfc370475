"""What every page knows: who may review, how much waits for them, and where."""

from __future__ import annotations

from functools import cache

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from catalog.models import Suggestion


def site(request: HttpRequest) -> dict[str, object]:
    # An error page can be drawn for a request that failed before anyone was signed in.
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated or not user.has_perm("catalog.review_suggestion"):
        return {}
    return {
        "review_queue_url": review_queue_url(),
        # Counted by the templates that show it, once.
        "waiting_suggestions": cache(_waiting_suggestions),
    }


def _waiting_suggestions() -> int:
    return Suggestion.objects.filter(state=Suggestion.State.PENDING).count()


def review_queue_url() -> str:
    """Address of the review queue in Django admin; empty where that page is not installed."""
    try:
        return reverse("admin:catalog_reviewqueue_changelist")
    except NoReverseMatch:
        return ""
