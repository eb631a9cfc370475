"""The page with the history of a movie's genres, and reverting decisions there."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse

from catalog.genres import history
from catalog.models import Movie, MovieGenre

from .model_admin import current_user, numbers, page_context


def history_view(model_admin: ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """GET: all changes of the movie's genres. POST: revert decisions; `revert` has their ids and commas."""
    movie = get_object_or_404(Movie, pk=pk)
    if request.method == "POST":
        effects = history.revert(
            movie, numbers(request.POST.get("revert", "").split(",")), current_user(request)
        )
        reverted = [each.decision.genre.name for each in effects if not each.obstacle]
        if reverted:
            messages.success(request, f"Reverted: {', '.join(reverted)}.")
        for each in effects:
            if each.obstacle:
                messages.warning(request, f"{each.decision.genre.name} was not reverted: {each.obstacle}.")
        if not effects:
            messages.warning(request, "Nothing was reverted: it had been reverted already.")
        return redirect("admin:catalog_reviewqueue_history", pk)
    context = {
        **page_context(model_admin, request, "Genre history"),
        "subtitle": str(movie),
        "movie": movie,
        "changes": history.history(movie),
        "genres": MovieGenre.objects.filter(movie=movie).select_related("genre"),
        "may_view_movies": request.user.has_perm("catalog.view_movie"),
        "may_view_runs": request.user.has_perm("catalog.view_run"),
    }
    return TemplateResponse(request, "admin/catalog/reviewqueue/history.html", context)
