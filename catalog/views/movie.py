"""One movie: its poster, facts, genres and look-alikes."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.vary import vary_on_headers

from catalog.models import Extractor, Movie, MovieGenre, Suggestion
from catalog.services import embedding, similarity

from .seeing import METHODS, Sight, chosen_method, sight


@dataclass(frozen=True)
class Strip:
    """The look-alikes of one movie as one extractor sees them, and what else could be chosen."""

    movie: Movie
    extractors: list[Extractor]
    method: str
    sight: Sight | None

    methods = METHODS


@vary_on_headers("HX-Request", "HX-Target")
def movie(request: HttpRequest, pk: int) -> HttpResponse:
    film = get_object_or_404(
        Movie.objects.prefetch_related(
            "posters",
            Prefetch("movie_genres", MovieGenre.objects.select_related("genre")),
            Prefetch(
                "suggestions",
                Suggestion.objects.filter(state=Suggestion.State.PENDING).select_related("genre"),
                to_attr="pending_suggestions",
            ),
        ),
        pk=pk,
    )
    strip = lookalike_strip(request, film)
    if request.htmx.target == "lookalikes":  # type: ignore[attr-defined]
        return render(request, "catalog/partials/lookalikes.html", {"strip": strip})
    return render(
        request,
        "catalog/movie.html",
        {
            "movie": film,
            "poster": film.primary_poster,
            "strip": strip,
            "may_review": request.user.has_perm("catalog.review_suggestion"),
            "no_convnet": embedding.why_no_convnet(),
        },
    )


def lookalike_strip(request: HttpRequest, film: Movie) -> Strip:
    """What `?extractor=PK&method=NAME` asks for; anything unknown means the default."""
    extractors = similarity.extractors_in_use()
    wanted = request.GET.get("extractor", "")
    extractor = next((each for each in extractors if str(each.pk) == wanted), next(iter(extractors), None))
    method = chosen_method(request)
    return Strip(film, extractors, method, sight(film, extractor, method) if extractor else None)
