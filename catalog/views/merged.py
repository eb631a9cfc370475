"""Addresses of merged movies lead to the movie that was kept."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from django.http import Http404, HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.urls import resolve, reverse

from catalog.models import Movie


def redirect_to_kept(request: HttpRequest, name: str) -> HttpResponse | None:
    """The redirect when the movie whose id is the address's part `name` was merged; None when it was not."""
    match = resolve(request.path_info)
    merged = Movie.everything.filter(pk=match.kwargs.get(name, 0), merged_into__isnull=False)
    kept = merged.values_list("merged_into", flat=True).first()
    if kept is None:
        return None
    address = reverse(match.view_name, kwargs={**match.kwargs, name: kept})
    query = request.META.get("QUERY_STRING", "")
    return HttpResponsePermanentRedirect(f"{address}?{query}" if query else address)


def follows_merges(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """For a page of the movie `pk`: where that is not found, looks whether it was merged."""

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
