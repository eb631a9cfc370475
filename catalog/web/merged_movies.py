"""Redirect addresses of merged movies to the kept movie."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from django.http import Http404, HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.urls import resolve, reverse

from catalog.models import Movie


def redirect_to_kept(request: HttpRequest, name: str) -> HttpResponse | None:
    """A redirect if the movie whose id is the URL argument `name` was merged; else None."""
    match = resolve(request.path_info)
    merged = Movie.everything.filter(pk=match.kwargs.get(name, 0), merged_into__isnull=False)
    kept = merged.values_list("merged_into", flat=True).first()
    if kept is None:
        return None
    address = reverse(match.view_name, kwargs={**match.kwargs, name: kept})
    query = request.META.get("QUERY_STRING", "")
    return HttpResponsePermanentRedirect(f"{address}?{query}" if query else address)


def follows_merges(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Decorate a page of the movie `pk`: if the movie is not found because it was merged, redirect."""

    @wraps(view)
    def wrapper(request: HttpRequest, pk: int) -> HttpResponse:
        try:
            return view(request, pk)
        except Http404:
            redirect = redirect_to_kept(request, "pk")
            if redirect is None:
                raise
            return redirect

    return wrapper
