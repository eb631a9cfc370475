"""The main pages of the site and the admin, and a catalogue in which each has something to show."""

from __future__ import annotations

from catalog.embeddings.index_files import build_stale
from catalog.genres import review
from catalog.models import AuditFinding, DuplicateGroup, DuplicateMember, Genre, ReviewFlag, SecondOpinion
from tests.catalog.genres.decided import decide
from tests.factories import (
    EmbeddingFactory,
    ExtractorFactory,
    GenreFactory,
    GenreModelFactory,
    MovieFactory,
    RunFactory,
    RunItemFactory,
    SuggestionFactory,
    UserFactory,
)

SITE_ADDRESSES = [
    "/",
    "/?q=film&genre=drama",
    "/?q=zzz",
    "/movie/{movie}/",
    "/compare/",
    "/compare/{movie}/",
    "/runs/",
    "/runs/{run}/",
]
ADMIN_ADDRESSES = [
    "/admin/",
    "/admin/catalog/reviewqueue/",
    "/admin/catalog/reviewqueue/?movie={flagged}",
    "/admin/catalog/reviewqueue/grid/",
    "/admin/catalog/reviewqueue/flags/",
    "/admin/catalog/reviewqueue/accept/",
    "/admin/catalog/reviewqueue/accept/?genre={genre}",
    "/admin/catalog/reviewqueue/audit/",
    "/admin/catalog/reviewqueue/second/",
    "/admin/catalog/reviewqueue/agreement/",
    "/admin/catalog/reviewqueue/{movie}/change/",
    "/admin/catalog/reviewqueue/{movie}/history/",
    "/admin/catalog/reviewqueue/quality/",
    "/admin/catalog/reviewdecision/",
    "/admin/catalog/duplicategroup/",
    "/admin/catalog/genremodel/",
    "/admin/catalog/genremodel/{model}/change/",
    "/admin/catalog/genremodel/{candidate}/change/",
    "/admin/catalog/genremodel/{candidate}/promote/",
    "/admin/catalog/movie/",
    "/admin/catalog/movie/{movie}/change/",
    "/admin/catalog/poster/",
    "/admin/catalog/poster/{poster}/change/",
    "/admin/catalog/run/",
    "/admin/catalog/run/{run}/change/",
]


def make_catalogue(title: str = "Film") -> dict[str, int]:
    """Films with posters, genres, suggestions, look-alikes and a duplicate, a run and a genre model.

    Films are called `title` and a number. Messages and errors are long. Returns ids by name.
    """
    extractors = [ExtractorFactory(spec=spec) for spec in ("histograms", "pixels", "inception_v3:mixed8:avg")]
    extractor = extractors[0]
    model = GenreModelFactory(
        state="active",
        calibration={"ece_after": {"value": 0.01}},
        extractor=extractor,
        metrics={
            "validation": {
                "posters": 100,
                "macro_f1": {"value": 0.38, "low": 0.36, "high": 0.4},
                "mean_average_precision": {"value": 0.37, "low": 0.35, "high": 0.4},
            }
        },
    )
    rows = [
        {
            "ours": {"value": 0.41, "low": 0.39, "high": 0.43},
            "theirs": {"value": 0.38, "low": 0.36, "high": 0.4},
            "difference": {"value": 0.03, "low": low, "high": 0.04},
        }
        for low in (0.02, -0.02)
    ]
    genres = [{"genre": name, **row} for name, row in zip(("Western", "Science Fiction"), rows, strict=True)]
    candidate = GenreModelFactory(
        extractor=extractor,
        metrics={
            **model.metrics,
            "against_active": {
                "version": model.version, "films": 1200, "macro_f1": rows[0], "genres": genres
            },
            "suggestion_changes": {"new": 90, "gone": 50, "films": 200, "of": 200},
        },
    )  # fmt: skip
    films = [
        MovieFactory(title=f"{title} {number}", genres=["Drama", "Documentary"], poster=True)
        for number in range(12)
    ]
    MovieFactory(title="Without poster")
    for film in films:
        for each in extractors:
            EmbeddingFactory(poster=film.primary_poster, extractor=each)
        for genre in ("Western", "Horror"):
            SuggestionFactory(movie=film, genre__name=genre, model=model)
    for genre in ("Western", "Horror"):
        decide(model, 7, 3, genre=genre)
    AuditFinding.objects.create(
        movie=films[1],
        model=model,
        wrong=Genre.objects.get(name="Drama"),
        wrong_score=0.02,
        missing=Genre.objects.get(name="Horror"),
        missing_score=0.97,
        strength=4,
        digest="d" * 64,
    )
    opinion = SecondOpinion.objects.create(
        movie=films[2], first=UserFactory(username="ana"), second=UserFactory(username="ben")
    )
    opinion.genres.create(genre=Genre.objects.get(name="Drama"), first=True, second=False)
    crime, reviewer = GenreFactory(name="Crime"), UserFactory()
    review.decide_movie(films[0], reviewer, add=[crime.pk])
    review.decide_movie(films[0], reviewer, remove=[crime.pk], reject=[films[0].suggestions.first().pk])
    build_stale()
    twin = MovieFactory(title=f"{title} 0", imdb_id=None, tmdb_id=None, poster=True)
    ReviewFlag.objects.create(
        movie=films[-1], reviewer=UserFactory(), note="A note that is so long that it breaks. " * 5
    )
    group = DuplicateGroup.objects.create()
    for film in (films[0], twin):
        DuplicateMember.objects.create(group=group, movie=film, poster=film.primary_poster, reason="first")
    run = RunFactory(state="done", total=2, done=1, failed=1, message="x" * 300)
    RunItemFactory(run=run, movie=films[0], state="failed", error="https://example.org/" + "a" * 300)
    return {
        "movie": films[0].pk,
        "flagged": films[-1].pk,
        "run": run.pk,
        "model": model.pk,
        "candidate": candidate.pk,
        "poster": films[0].primary_poster.pk,
        "group": group.pk,
        "genre": films[0].suggestions.all()[0].genre_id,
    }
