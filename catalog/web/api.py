"""The read-only JSON API: movies, their look-alikes, and the progress of runs."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any

from django.contrib.auth.models import AbstractBaseUser
from django.core.files.storage import default_storage
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from ninja import Field, NinjaAPI, Query, Schema
from ninja.errors import HttpError
from ninja.security import SessionAuth
from pydantic import WithJsonSchema

from catalog import search
from catalog.embeddings.index_files import IndexNotReady
from catalog.models import Extractor, Movie, MovieGenre, Poster, Run, Suggestion
from catalog.page_urls import reverse_pk
from catalog.runs.progress import progress_of
from catalog.similarity import search as lookalike_search
from catalog.templatetags.wording import evidence_text
from catalog.web.merged_movies import redirect_if_merged
from catalog.web.movie_filters import ORDERS, chosen_order, count_of, ordered

# No browsable docs: they load scripts from another host, which the CSP forbids.
api = NinjaAPI(
    title="Postersite",
    version="1",
    urls_namespace="api",
    docs_url=None,
    docs_decorator=lambda view: csrf_exempt(require_safe(view)),
)

Order = Annotated[str, WithJsonSchema({"type": "string", "enum": list(ORDERS)})]
Method = Annotated[str, WithJsonSchema({"type": "string", "enum": list(lookalike_search.METHODS)})]
LARGEST_PAGE = 200
MOST_LOOKALIKES = 50
MOVIE_FIELDS = (
    *("id", "title", "original_title", "year", "overview", "franchise"),
    *("imdb_id", "tmdb_id", "movielens_id"),
)
PICTURES = ("file", "medium", "thumbnail")
POSTER_FIELDS = ("width", "height", "source", "page_url", "attribution")


class StaffSession(SessionAuth):
    """The session of a signed-in staff user."""

    def authenticate(self, request: HttpRequest, key: str | None) -> AbstractBaseUser:
        if not request.user.is_authenticated:
            raise HttpError(401, "Sign in as staff to view runs.")
        if not request.user.is_staff:
            raise HttpError(403, "Only staff may view runs.")
        return request.user


@api.exception_handler(Http404)
def not_found(request: HttpRequest, error: Http404) -> HttpResponse:
    redirect = redirect_if_merged(request, "movie_id")
    return redirect or api.create_response(request, {"detail": "Not Found"}, status=404)


@api.exception_handler(HttpError)
def error_response(request: HttpRequest, error: HttpError) -> HttpResponse:
    response = api.create_response(request, {"detail": str(error)}, status=error.status_code)
    if error.status_code == 401:
        # A 401 must name a scheme (RFC 9110, 11.6.1); none is registered for session cookies.
        login = reverse("admin:login")
        response["WWW-Authenticate"] = f'Cookie realm="Postersite", form-action="{login}"'
    return response


class ErrorOut(Schema):
    detail: str | list[dict[str, Any]] = Field(description="a sentence, or one entry for each bad parameter")


class GenreOut(Schema):
    name: str
    slug: str
    origin: str = Field(description="imported, manual or accepted")


class GenreNameOut(Schema):
    name: str
    slug: str


class PosterOut(Schema):
    url: str
    medium_url: str
    thumbnail_url: str
    width: int = Field(description="pixels, of the largest stored size")
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


class SuggestionOut(Schema):
    genre: GenreNameOut
    explanation: str = Field(description="what speaks for the genre; empty if only the poster was scored")
    score: float | None = Field(description="this and the fields below are null without review permission")
    threshold: float | None
    sure: bool | None = Field(description="above the model's sure threshold")
    tick: bool | None = Field(description="above the model's tick threshold")


class MovieDetailOut(MovieOut):
    suggestions: list[SuggestionOut] = Field(
        description="genres that were suggested and not reviewed yet, the most confident first"
    )


class MoviePage(Schema):
    count: int
    corrected: str = Field(
        description="the corrected query that was used instead of a mistyped one, else empty"
    )
    page: int
    pages: int
    movies: list[MovieOut]


class LookAlikeOut(Schema):
    movie: MovieOut
    distance: float = Field(description="by `metric`, without correction")
    corrected_distance: float = Field(
        description="orders the list: for cosine, measured from the centre of all posters and raised for "
        "posters that resemble many others; otherwise the same as `distance`"
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
    failed: int = Field(alias="items_failed", description="items that failed; an import has no items")
    rows_not_taken: int = Field(description="rows of an import that were rejected or conflicting")
    percent: int
    message: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    seconds: float | None
    per_second: float | None
    seconds_left: float | None
    outlook: str = Field(description="time left, or what the run waits for")

    @staticmethod
    def resolve_seconds_left(run: Run) -> float | None:
        return progress_of(run).seconds_left

    @staticmethod
    def resolve_outlook(run: Run) -> str:
        return progress_of(run).text


@api.get(
    "/movies",
    response={200: MoviePage, 422: ErrorOut},
    operation_id="catalog_api_movies",
    summary="Search the catalogue",
)
def movies(
    request: HttpRequest,
    q: str = Query(
        "", description="words of the title, a year, an external id, or an address on IMDb or TMDB"
    ),
    exact: bool = Query(False, description="search for `q` as it is, without correcting typos"),
    genre: str = Query("", description="a genre's slug, or `untagged`"),
    order: Order = Query(  # noqa: B008
        None, description="default: best match first with `q`, newest first without"
    ),
    page: int = Query(1, ge=1, le=1_000_000),
    page_size: int = Query(50, ge=1, le=LARGEST_PAGE),
) -> HttpResponse:
    if order is not None and order not in ORDERS:
        raise HttpError(422, f"There is no order {order!r}; choose one of {', '.join(ORDERS)}.")
    found = search.find(q, verbatim=exact)
    matching = ordered(found, genre, chosen_order(order or "", q.strip()))
    start = (page - 1) * page_size
    shown = _movies(_root(request), matching[start : start + page_size])
    is_last = bool(q.strip()) and 0 < len(shown) < page_size
    count = start + len(shown) if is_last else count_of(matching, q.strip(), genre)
    found_page = {
        "count": count,
        "corrected": found.corrected,
        "page": page,
        "pages": -(-count // page_size),
        "movies": shown,
    }
    # As text, because ninja would validate the page, which takes longer than building it.
    text = json.dumps(found_page, ensure_ascii=False, separators=(",", ":"))
    return HttpResponse(text, content_type="application/json; charset=utf-8")


@api.get(
    "/movies/{int:movie_id}",
    response={200: MovieDetailOut, 404: ErrorOut},
    operation_id="catalog_api_movie",
    summary="One movie, and the genres suggested for it",
)
def movie(request: HttpRequest, movie_id: int) -> dict[str, Any]:
    described = _movies(_root(request), Movie.objects.filter(pk=movie_id))
    if not described:
        raise Http404
    # As on the movie's page: everybody sees what is suggested and why, reviewers see scores too.
    may_review = request.user.has_perm("catalog.review_suggestion")
    pending = Suggestion.objects.filter(movie=movie_id, state=Suggestion.State.PENDING)
    return described[0] | {
        "suggestions": [
            {
                "genre": {"name": each.genre.name, "slug": each.genre.slug},
                "explanation": evidence_text(each),
                "score": each.score if may_review else None,
                "threshold": each.threshold if may_review else None,
                "sure": each.sure if may_review else None,
                "tick": each.tick if may_review else None,
            }
            for each in pending.select_related("genre")
        ]
    }


@api.get(
    "/movies/{int:movie_id}/lookalikes",
    operation_id="catalog_api_lookalikes",
    response={200: LookAlikesOut, 404: ErrorOut, 422: ErrorOut},
    summary="Look-alikes of a movie's poster",
)
def lookalikes(
    request: HttpRequest,
    movie_id: int,
    extractor: str = Query("", description="spec or id of an extractor in use; empty means the default"),
    k: int = Query(5, ge=1, le=MOST_LOOKALIKES),
    method: Method = Query(  # noqa: B008
        "exact", description="exact, or ball_tree: Euclidean distance, as in the published recipe"
    ),
) -> LookAlikesOut:
    film = get_object_or_404(Movie.objects.prefetch_related("posters"), pk=movie_id)
    if method not in lookalike_search.METHODS:
        raise HttpError(
            422, f"There is no method {method!r}; choose one of {', '.join(lookalike_search.METHODS)}."
        )
    chosen = _extractor(extractor)
    if chosen is None:
        return LookAlikesOut(
            extractor=None, fingerprint=None, metric=None, method=method, preparing=False, lookalikes=[]
        )
    try:
        found, preparing = lookalike_search.lookalikes(film, chosen, k, method), False
    except IndexNotReady:
        found, preparing = [], True
    root = _root(request)
    described = _movies(root, Movie.objects.filter(pk__in=[each.movie.pk for each in found]))
    by_pk = {each["id"]: each for each in described}
    return LookAlikesOut(
        extractor=chosen.spec,
        fingerprint=chosen.fingerprint,
        metric=lookalike_search.metric_name(chosen, method),
        method=method,
        preparing=preparing,
        lookalikes=[
            LookAlikeOut(
                movie=MovieOut(**by_pk[each.movie.pk]),
                distance=each.distance,
                corrected_distance=each.corrected_distance,
            )
            for each in found
            if each.movie.pk in by_pk
        ],
    )


@api.get(
    "/runs/{int:run_id}",
    operation_id="catalog_api_run",
    response={200: RunOut, 401: ErrorOut, 403: ErrorOut, 404: ErrorOut},
    auth=StaffSession(csrf=False),
    summary="Progress of a run (staff)",
)
def run(request: HttpRequest, run_id: int) -> Run:
    return get_object_or_404(Run, pk=run_id)


def _extractor(wanted: str) -> Extractor | None:
    in_use = lookalike_search.extractors_in_use()
    if not wanted:
        return next(iter(in_use), None)
    for extractor in in_use:
        if wanted in (extractor.spec, str(extractor.pk)):
            return extractor
    known = ", ".join(extractor.spec for extractor in in_use) or "none yet"
    raise HttpError(404, f"No poster is embedded by {wanted[:100]!r}. In use: {known}.")


def _root(request: HttpRequest) -> str:
    """The site's URL without a slash at its end, such as https://example.org."""
    return request.build_absolute_uri("/").rstrip("/")


def _absolute(root: str, url: str) -> str:
    return f"{root}{url}" if url.startswith("/") else url


def _movies(root: str, movies: QuerySet[Movie]) -> list[dict[str, Any]]:
    """The movies as `MovieOut` describes them. Values instead of rows, which take three times as long."""
    found = [
        {
            **each,
            "genres": [],
            "poster": None,
            "url": _absolute(root, reverse_pk("catalog:movie", each["id"])),
        }
        for each in movies.values(*MOVIE_FIELDS)
    ]
    by_pk = {each["id"]: each for each in found}
    genres = MovieGenre.objects.filter(movie__in=list(by_pk)).order_by("genre__name")
    for pk, name, slug, origin in genres.values_list("movie", "genre__name", "genre__slug", "origin"):
        by_pk[pk]["genres"].append({"name": name, "slug": slug, "origin": origin})
    url = default_storage.url
    # The last one of a movie is its primary one, or else the newest.
    posters = Poster.objects.filter(movie__in=list(by_pk)).order_by("is_primary", "fetched_at", "pk")
    for pk, file, medium, thumbnail, *rest in posters.values_list("movie", *PICTURES, *POSTER_FIELDS):
        by_pk[pk]["poster"] = {
            "url": _absolute(root, url(file)),
            "medium_url": _absolute(root, url(medium)),
            "thumbnail_url": _absolute(root, url(thumbnail)),
            **dict(zip(POSTER_FIELDS, rest, strict=True)),
        }
    return found
