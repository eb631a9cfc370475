"""The edit page of the review queue: every genre as a checkbox, the suggested ones ticked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django import forms
from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from catalog.genres import review
from catalog.models import Genre, Movie, MovieGenre, ReviewDecision, Suggestion

from .access import person
from .review_decision import numbers

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin


@dataclass
class Choice:
    """One checkbox: a genre, what the movie has of it now, and what the model suggests."""

    genre: Genre
    ticked: bool
    held: MovieGenre | None
    suggestion: Suggestion | None


class GenresForm(forms.Form):
    """The movie's whole set of genres. `seen` names the state that the reviewer was looking at."""

    genres = forms.ModelMultipleChoiceField(
        Genre.objects.all(), required=False, widget=forms.CheckboxSelectMultiple
    )
    seen = forms.CharField(widget=forms.HiddenInput, max_length=2000)

    def __init__(self, *args: object, state: str, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.state = state

    def clean_seen(self) -> str:
        if self.cleaned_data["seen"] != self.state:
            raise forms.ValidationError(
                "Somebody else has decided on this movie since you opened the page. Nothing was saved: your "
                "ticks are kept, the genres and suggestions beside them are as they stand now. Look again, "
                "then save.",
                code="somebody_was_faster",
            )
        return self.state


def edit_view(
    model_admin: ModelAdmin, request: HttpRequest, movie: Movie, queue_address: str
) -> HttpResponse:
    """GET shows the checkboxes, POST sets the genres by `reviewing.set_genres` and returns to the queue."""
    held = {row.genre_id: row for row in movie.movie_genres.select_related("genre")}
    pending = (
        movie.suggestions.filter(state=Suggestion.State.PENDING)
        .select_related("genre")
        .prefetch_related(review.calibration())
    )
    suggested = {suggestion.genre_id: suggestion for suggestion in pending}
    state = _state(held, suggested.values())
    form = GenresForm(request.POST or None, state=state)
    if request.method == "POST" and form.is_valid():
        review.set_genres(movie, form.cleaned_data["genres"], person(request))
        names = ", ".join(genre.name for genre in form.cleaned_data["genres"]) or "no genre"
        messages.success(request, f"{movie}: saved with {names}.")
        return redirect(queue_address)
    if request.method == "POST":
        ticked = numbers(request.POST.getlist("genres"))
    else:
        ticked = held.keys() | suggested.keys()
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": "Edit genres",
        "subtitle": str(movie),
        "movie": movie,
        "form": form,
        "state": state,
        "choices": [
            Choice(genre, genre.pk in ticked, held.get(genre.pk), suggested.get(genre.pk))
            for genre in Genre.objects.all()
        ],
        # Those on a row that was merged into this one are about the same film.
        "decisions": ReviewDecision.objects.filter(Q(movie=movie) | Q(movie__merged_into=movie))
        .select_related("genre", "reviewer", "suggestion")
        .prefetch_related(review.calibration("suggestion__model"))[:20],
        "back": request.POST.get("back", request.GET.get("back", "")),
        "queue_address": queue_address,
    }
    return TemplateResponse(request, "admin/catalog/reviewqueue/edit.html", context)


def _state(held: Iterable[int], pending: Iterable[Suggestion]) -> str:
    """Names the genres held and the suggestions pending, so that a change of either is noticed."""
    genres = ",".join(map(str, sorted(held)))
    return f"{genres};{','.join(map(str, sorted(suggestion.pk for suggestion in pending)))}"
