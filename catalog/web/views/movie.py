"""One movie: its poster, facts, genres and look-alikes."""

from __future__ import annotations

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
from catalog.similarity import search
from catalog.web.brief_cache import briefly
from catalog.web.merged_movies import follows_merges

from .neighbours import METHODS, Sight, chosen_method, sight

PENDING, ACCEPTED = Suggestion.State.PENDING, Suggestion.State.ACCEPTED
SHOWN = (PENDING, ACCEPTED)
# A picture that hundreds of films show is no poster of theirs: these are enough to see it.
SAME_PICTURE_SHOWN = 5


@dataclass(frozen=True)
class Strip:
    """The look-alikes of one movie as one extractor sees them, and what else could be chosen."""

    movie: Movie
    extractors: list[Extractor]
    method: str
    sight: Sight | None

    methods = METHODS


@require_safe
@follows_merges
@vary_on_headers("HX-Request", "HX-Target")
def movie(request: HttpRequest, pk: int) -> HttpResponse:
    film = get_object_or_404(
        Movie.objects.prefetch_related(
            "posters",
            Prefetch("movie_genres", MovieGenre.objects.select_related("genre")),
            Prefetch(
                "suggestions",
                Suggestion.objects.filter(state__in=SHOWN)
                .select_related("genre")
                .prefetch_related(review.calibration()),
                to_attr="shown_suggestions",
            ),
        ),
        pk=pk,
    )
    strip = lookalike_strip(request, film)
    if request.htmx.target == "lookalikes":  # type: ignore[attr-defined]
        return render(request, "catalog/partials/lookalikes.html", {"strip": strip})
    # Should a genre have been accepted twice, what the later model saw counts.
    by_age = sorted(film.shown_suggestions, key=lambda each: each.pk)
    accepted = {each.genre_id: each for each in by_age if each.state == ACCEPTED}
    same_picture = list(groups.same_picture(film)[: SAME_PICTURE_SHOWN + 1])
    return render(
        request,
        "catalog/movie.html",
        {
            "movie": film,
            "poster": film.primary_poster,
            # Beside each genre the suggestion that a person accepted, if that is where it came from.
            "genres": [(each, accepted.get(each.genre_id)) for each in film.movie_genres.all()],
            "suggested": [each for each in film.shown_suggestions if each.state == PENDING],
            "heat_maps": bool(film.shown_suggestions),
            "same_picture": same_picture[:SAME_PICTURE_SHOWN],
            "more_same_picture": len(same_picture) > SAME_PICTURE_SHOWN,
            "strip": strip,
            "may_review": request.user.has_perm("catalog.review_suggestion"),
            "no_convnet": briefly("no-convnet", why_no_convnet),
        },
    )


def lookalike_strip(request: HttpRequest, film: Movie) -> Strip:
    """What `?extractor=PK&method=NAME` asks for; anything unknown means the default."""
    extractors = search.extractors_in_use()
    wanted = request.GET.get("extractor", "")
    extractor = next((each for each in extractors if str(each.pk) == wanted), next(iter(extractors), None))
    method = chosen_method(request)
    return Strip(film, extractors, method, sight(film, extractor, method) if extractor else None)
