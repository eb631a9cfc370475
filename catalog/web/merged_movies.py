"""Redirects from merged movies to the movie they were merged into."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from django.http import Http404, HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.urls import resolve, reverse

from catalog.models import Movie


def redirect_if_merged(request: HttpRequest, name: str) -> HttpResponse | None:
    """A redirect if the movie whose id is the URL argument `name` was merged; else None."""
    match = resolve(request.path_info)
    merged = Movie.everything.filter(pk=match.kwargs.get(name, 0), merged_into__isnull=False)
    target = merged.values_list("merged_into", flat=True).first()
    if target is None:
        return None
    address = reverse(match.view_name, kwargs={**match.kwargs, name: target})
    query = request.META.get("QUERY_STRING", "")
    return HttpResponsePermanentRedirect(f"{address}?{query}" if query else address)


def follows_merges(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Decorator for pages of the movie `pk`: redirects if the movie is not found because it was merged."""

    @wraps(view)
    def wrapper(request: HttpRequest, pk: int) -> HttpResponse:
        try:
            return view(request, pk)
        except Http404:
            redirect = redirect_if_merged(request, "pk")
            if redirect is None:
                raise
            return redirect

    return wrapper
