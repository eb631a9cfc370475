"""Template variables of every page: for reviewers, the review queue's URL and number of suggestions."""

from __future__ import annotations

from functools import cache

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from catalog.web.pending import pending_counts


def site(request: HttpRequest) -> dict[str, object]:
    # A request that failed before authentication has no user, and its error page is rendered nevertheless.
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated or not user.has_perm("catalog.review_suggestion"):
        return {}
    return {
        "review_queue_url": review_queue_url(),
        # Only counted where a template shows it, and once.
        "pending_suggestions": cache(_pending_suggestions),
    }


def _pending_suggestions() -> int:
    return pending_counts()["pending_suggestions"]


def review_queue_url() -> str:
    """URL of the review queue in Django admin; empty where that page is not installed."""
    try:
        return reverse("admin:catalog_reviewqueue_changelist")
    except NoReverseMatch:
        return ""
