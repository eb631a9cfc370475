"""A movie's page: poster, facts, genres, suggestions and look-alikes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from catalog.duplicates import groups
from catalog.embeddings.extractors import why_no_convnet
from catalog.genres import review
from catalog.models import Extractor, Movie, MovieGenre, Suggestion
from catalog.similarity.search import extractors_in_use
from catalog.web.brief_cache import briefly
from catalog.web.merged_movies import follows_merges

from .compare import METHODS, Neighbours, chosen_method, find_neighbours

PENDING, ACCEPTED = Suggestion.State.PENDING, Suggestion.State.ACCEPTED
# A picture that hundreds of movies show is a placeholder: a few of them are enough.
SAME_PICTURE_SHOWN = 5


@dataclass(frozen=True)
class Strip:
    """A movie's look-alikes by one extractor, and the other choices."""

    movie: Movie
    extractors: list[Extractor]
    method: str
    chosen: Neighbours | None

    methods = METHODS


@require_safe
@follows_merges
@vary_on_headers("HX-Request", "HX-Target")
def movie(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(
        Movie.objects.prefetch_related(
            "posters",
            Prefetch("movie_genres", MovieGenre.objects.select_related("genre")),
            Prefetch(
                "suggestions",
                Suggestion.objects.filter(state__in=(PENDING, ACCEPTED))
                .select_related("genre")
                .prefetch_related(review.calibration()),
                to_attr="shown_suggestions",
            ),
        ),
        pk=pk,
    )
    strip = lookalike_strip(request, found)
    if request.htmx.target == "lookalikes":  # type: ignore[attr-defined]
        return render(request, "catalog/partials/lookalikes.html", {"strip": strip})
    # If a genre was accepted twice, the newer suggestion counts.
    by_age = sorted(found.shown_suggestions, key=lambda each: each.pk)
    accepted = {each.genre_id: each for each in by_age if each.state == ACCEPTED}
    suggested = [each for each in found.shown_suggestions if each.state == PENDING]
    same_picture = list(groups.same_picture(found)[: SAME_PICTURE_SHOWN + 1])
    return render(
        request,
        "catalog/movie.html",
        {
            "movie": found,
            "poster": found.primary_poster,
            # Each genre with the suggestion that it was accepted from, or None.
            "genres": [(each, accepted.get(each.genre_id)) for each in found.movie_genres.all()],
            "suggested": suggested,
            "suggested_from": _suggested_from(suggested),
            "heat_maps": any(each.poster_sha256 for each in found.shown_suggestions),
            "same_picture": same_picture[:SAME_PICTURE_SHOWN],
            "more_same_picture": len(same_picture) > SAME_PICTURE_SHOWN,
            "strip": strip,
            "may_review": request.user.has_perm("catalog.review_suggestion"),
            "no_convnet": briefly("no-convnet", why_no_convnet),
        },
    )


def _suggested_from(suggestions: Sequence[Suggestion]) -> str:
    if all(each.evidence == "poster" for each in suggestions):
        return "Suggested from the poster"
    return "Suggested" if any(each.poster_sha256 for each in suggestions) else "Suggested without a poster"


def lookalike_strip(request: HttpRequest, movie: Movie) -> Strip:
    """The strip for `?extractor=PK&method=NAME`. Unknown values mean the default."""
    extractors = briefly("extractors-in-use", extractors_in_use)
    selected = request.GET.get("extractor", "")
    extractor = next((each for each in extractors if str(each.pk) == selected), next(iter(extractors), None))
    method = chosen_method(request)
    return Strip(movie, extractors, method, find_neighbours(movie, extractor, method) if extractor else None)
