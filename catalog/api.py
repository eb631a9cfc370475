"""The JSON API, read-only: movies, their look-alikes, and how runs are doing."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Prefetch
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Field, NinjaAPI, Query, Schema
from ninja.errors import HttpError

from catalog.models import Extractor, Movie, MovieGenre, Poster, Run
from catalog.services import similarity
from catalog.services.outlook import outlook
from catalog.services.similarity_index import IndexNotReady
from catalog.views.browsing import ORDERS, in_genre, matching, ordered

# No browsable docs: they load scripts from elsewhere, which the site's CSP rightly refuses.
api = NinjaAPI(title="Postersite", version="1", urls_namespace="api", docs_url=None)

LARGEST_PAGE = 200
MOST_LOOKALIKES = 50


class GenreOut(Schema):
    name: str
    slug: str
    origin: str = Field(description="imported, manual or accepted")


class PosterOut(Schema):
    url: str
    medium_url: str
    thumbnail_url: str
    width: int = Field(description="pixels, of the largest size kept")
    height: int
    source: str
    page_url: str
    attribution: str


class MovieOut(Schema):
    id: int
    title: str
    original_title: str
    year: int | None
    overview: str
    franchise: str
    imdb_id: str | None
    tmdb_id: int | None
    movielens_id: int | None
    genres: list[GenreOut]
    poster: PosterOut | None
    url: str


class MoviePage(Schema):
    count: int
    page: int
    pages: int
    movies: list[MovieOut]


class LookAlikeOut(Schema):
    movie: MovieOut
    distance: float = Field(description="by `metric`, without correction")
    corrected_distance: float = Field(
        description="what the list is ordered by: by cosine, the distance from the centre, raised "
        "for posters that resemble many others; else the same as `distance`"
    )


class LookAlikesOut(Schema):
    extractor: str | None = Field(description="spec of the extractor; null while no poster is embedded")
    fingerprint: str | None
    metric: str | None
    method: str
    preparing: bool = Field(
        description="true while the index is being built and look-alikes cannot be found yet"
    )
    lookalikes: list[LookAlikeOut]


class RunOut(Schema):
    id: int
    kind: str
    state: str
    total: int
    done: int
    failed: int
    percent: int
    message: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    seconds: float | None
    per_second: float | None
    seconds_left: float | None
    outlook: str

    @staticmethod
    def resolve_seconds_left(run: Run) -> float | None:
        return outlook(run).seconds_left

    @staticmethod
    def resolve_outlook(run: Run) -> str:
        return outlook(run).words


@api.get("/movies", response=MoviePage, summary="Search the catalogue")
def movies(
    request: HttpRequest,
    q: str = Query("", description="words of the title, a year, or an external id"),
    genre: str = Query("", description="a genre's slug, or `untagged`"),
    order: str = Query("new", description="new, title or year"),
    page: int = Query(1, ge=1, le=1_000_000),
    page_size: int = Query(50, ge=1, le=LARGEST_PAGE),
) -> MoviePage:
    if order not in ORDERS:
        raise HttpError(422, f"There is no order {order!r}; choose one of {', '.join(ORDERS)}.")
    found = in_genre(matching(q), genre)
    count = found.count()
    start = (page - 1) * page_size
    rows = ordered(found, order).prefetch_related(*_shown())[start : start + page_size]
    return MoviePage(
        count=count, page=page, pages=-(-count // page_size), movies=[_movie(request, each) for each in rows]
    )


@api.get("/movies/{int:movie_id}", response=MovieOut, summary="One movie")
def movie(request: HttpRequest, movie_id: int) -> MovieOut:
    return _movie(request, get_object_or_404(Movie.objects.prefetch_related(*_shown()), pk=movie_id))


@api.get("/movies/{int:movie_id}/lookalikes", response=LookAlikesOut, summary="Posters that look alike")
def lookalikes(
    request: HttpRequest,
    movie_id: int,
    extractor: str = Query("", description="spec or id of an extractor in use; empty means the default"),
    k: int = Query(5, ge=1, le=MOST_LOOKALIKES),
    method: str = Query(
        "exact", description="exact, or ball_tree: Euclidean distance, as the recipe's ball tree"
    ),
) -> LookAlikesOut:
    film = get_object_or_404(Movie.objects.prefetch_related("posters"), pk=movie_id)
    if method not in similarity.METHODS:
        raise HttpError(422, f"There is no method {method!r}; choose one of {', '.join(similarity.METHODS)}.")
    chosen = _extractor(extractor)
    if chosen is None:
        return LookAlikesOut(
            extractor=None, fingerprint=None, metric=None, method=method, preparing=False, lookalikes=[]
        )
    try:
        found, preparing = similarity.lookalikes(film, chosen, k, method), False
    except IndexNotReady:
        found, preparing = [], True
    by_pk = Movie.objects.prefetch_related(*_shown()).in_bulk([each.movie.pk for each in found])
    return LookAlikesOut(
        extractor=chosen.spec,
        fingerprint=chosen.fingerprint,
        metric=similarity.metric_name(chosen, method),
        method=method,
        preparing=preparing,
        lookalikes=[
            LookAlikeOut(
                movie=_movie(request, by_pk[each.movie.pk]),
                distance=each.distance,
                corrected_distance=each.corrected_distance,
            )
            for each in found
            if each.movie.pk in by_pk
        ],
    )


@api.get("/runs/{int:run_id}", response=RunOut, summary="How a run is doing (staff)")
def run(request: HttpRequest, run_id: int) -> Run:
    if not request.user.is_authenticated:
        raise HttpError(401, "Sign in as staff to see runs.")
    if not request.user.is_staff:
        raise HttpError(403, "Runs are for staff.")
    return get_object_or_404(Run, pk=run_id)


def _shown() -> tuple[Prefetch[str] | str, ...]:
    return (Prefetch("movie_genres", MovieGenre.objects.select_related("genre")), "posters")


def _extractor(wanted: str) -> Extractor | None:
    in_use = similarity.extractors_in_use()
    if not wanted:
        return next(iter(in_use), None)
    for extractor in in_use:
        if wanted in (extractor.spec, str(extractor.pk)):
            return extractor
    known = ", ".join(extractor.spec for extractor in in_use) or "none yet"
    raise HttpError(404, f"No poster is embedded by {wanted[:100]!r}. In use: {known}.")


def _movie(request: HttpRequest, film: Movie) -> MovieOut:
    poster: Poster | None = film.primary_poster
    return MovieOut(
        id=film.pk,
        title=film.title,
        original_title=film.original_title,
        year=film.year,
        overview=film.overview,
        franchise=film.franchise,
        imdb_id=film.imdb_id,
        tmdb_id=film.tmdb_id,
        movielens_id=film.movielens_id,
        genres=[
            GenreOut(name=each.genre.name, slug=each.genre.slug, origin=each.origin)
            for each in film.movie_genres.all()
        ],
        poster=_poster(request, poster) if poster else None,
        url=request.build_absolute_uri(film.get_absolute_url()),
    )


def _poster(request: HttpRequest, poster: Poster) -> PosterOut:
    return PosterOut(
        url=request.build_absolute_uri(poster.file.url),
        medium_url=request.build_absolute_uri(poster.medium.url),
        thumbnail_url=request.build_absolute_uri(poster.thumbnail.url),
        width=poster.width,
        height=poster.height,
        source=poster.source,
        page_url=poster.page_url,
        attribution=poster.attribution,
    )
