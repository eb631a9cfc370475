"""A catalogue with a row of every kind in every state, and ways to compare and empty catalogues."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection

from catalog.append_only_triggers import create_triggers, drop_triggers
from catalog.models import (
    AuditFinding,
    DecisionBatch,
    DuplicateDecision,
    DuplicateGroup,
    DuplicateMember,
    GenreModel,
    ImportedFile,
    Movie,
    Placeholder,
    Poster,
    ReviewDecision,
    ReviewFlag,
    SearchTitle,
    SecondOpinion,
    SourceLookup,
    Suggestion,
)
from catalog.transfer._columns import TABLES
from catalog.transfer._layout import MANIFEST, SUMS
from ml.imaging.images import sha256_hex
from tests.catalog.genres.genre_heads import saved_model, vector_for
from tests.factories import (
    EmbeddingFactory,
    ExtractorFactory,
    GenreFactory,
    MovieFactory,
    PosterFactory,
    RunFactory,
    SuggestionFactory,
    UserFactory,
    tiny_jpeg,
)

LONG_AGO = datetime(1999, 12, 31, 23, 59, 59, 123456, tzinfo=UTC)


def rich_catalogue() -> None:
    """Every model, every state, every nullable column both ways, names in several scripts."""
    reviewer, other = UserFactory(username="anna@example.org"), UserFactory(username="Bořivoj")
    three, eight = ExtractorFactory(dims=3), ExtractorFactory(spec="postersite", dims=8)
    model = saved_model(three, promoted_at=LONG_AGO, sure_thresholds=[0.9, 1.0, 0.8], no_evidence=["Drama"])
    curves = default_storage.save("learning_curves/curves.png", ContentFile(tiny_jpeg(99)))
    candidate = saved_model(
        eight,
        genres=["Drama"],
        state=GenreModel.State.CANDIDATE,
        run=RunFactory(kind="train", state="done"),
        learning_curves=curves,
        metrics={"zeta": {"value": 0.1, "low": -1e-7}, "alpha": [1, None, "é"]},
    )
    retired = saved_model(three, state=GenreModel.State.RETIRED, shipped=True)
    genres = [GenreFactory(name=name) for name in ("Comedy", "Drama", "Horror", "Sci-Fi")]
    movies: list[Any] = [MovieFactory(title=f"Film {n}") for n in range(8)]
    bare = Movie.objects.create(title="=1+1 «Ünïcode» 映画\u2028🎬")
    kept = MovieFactory(
        title='Amélie\n"quoted"',
        original_title="Le Fabuleux Destin",
        overview="Line\r\nand\ttab",
        franchise="None",
        movielens_id=7,
        local_id="a/b c",
        genres_locked=True,
        genres=genres[:2],
        genres__origin="manual",
    )
    Movie.everything.filter(pk=movies[0].pk).update(merged_into=kept, imdb_id=None, tmdb_id=None)
    for number, origin in enumerate(("imported", "manual", "accepted")):
        movies[number + 1].movie_genres.create(genre=genres[number], origin=origin)
    shared = tiny_jpeg(500)
    for number, movie in enumerate([kept, *movies[1:6]]):
        poster = PosterFactory(
            movie=movie,
            image=shared if number < 2 else tiny_jpeg(number),
            etag='W/"x"' * (number % 2),
            last_modified="Sat, 01 Jan 2000 00:00:00 GMT" * (number % 2),
            locked=number == 2,
            compared_with=three if number % 2 else None,
        )
        EmbeddingFactory(poster=poster, extractor=three, values=vector_for(0.2, 0.7, 0.9))
        if number % 2:
            EmbeddingFactory(poster=poster, extractor=eight)
    PosterFactory(
        movie=kept,
        image=tiny_jpeg(501),
        source_url="",
        page_url="",
        attribution="",
        language="zxx",
        rank=3,
        checked_at=LONG_AGO,
        gone_at=LONG_AGO,
        superseded=True,
        is_primary=False,
    )
    for found in (True, False):
        SourceLookup.objects.create(
            movie=kept,
            source="tmdb_api" if found else "imdb_page",
            url="https://api.example/3/movie/7?language=de" * found,
            etag='W/"x"' * found,
            last_modified="Sat, 01 Jan 2000 00:00:00 GMT" * found,
            found=found,
            note="" if found else "its page is gone",
            checked_at=LONG_AGO,
        )
    states = Suggestion.State.values
    suggested = [
        SuggestionFactory(
            movie=movies[1 + number % 5],
            genre=genres[number % 4],
            model=(model, candidate, retired)[number % 3],
            state=states[number % 4],
            score=1 / (number + 3),
            sure=number % 2 == 0,
            tick=number % 3 == 0,
            text_version=number,
            evidence="poster,title" if number % 2 else "poster",
            evidence_digest=f"{number:064x}",
            explanation={"parts": {"poster": number / 3, "title": -1.0}, "words": ["böse"]},
            decided_at=LONG_AGO if number % 4 in (1, 2) else None,
        )
        for number in range(8)
    ]
    Suggestion.objects.filter(pk=suggested[3].pk).update(poster=None)
    for suggestion in suggested:
        if suggestion.state in (Suggestion.State.ACCEPTED, Suggestion.State.REJECTED):
            ReviewDecision.objects.create(
                reviewer=reviewer,
                movie=suggestion.movie,
                genre=suggestion.genre,
                suggestion=suggestion,
                verdict=suggestion.state,
                score=suggestion.score,
                threshold=suggestion.threshold,
            )
    for verdict in ("added", "removed"):
        ReviewDecision.objects.create(
            reviewer=other, movie=kept, genre=genres[3], verdict=verdict, locks=verdict == "added"
        )
    ReviewFlag.objects.create(movie=kept, reviewer=other, note="Which “version”?")
    AuditFinding.objects.create(
        movie=kept,
        model=model,
        wrong=genres[0],
        wrong_score=0.01,
        strength=4.5,
        digest="d" * 64,
        state="kept",
        reviewer=other,
        decided_at=LONG_AGO,
    )
    AuditFinding.objects.create(
        movie=movies[1], model=model, missing=genres[3], missing_score=0.99, strength=2.3, digest="e" * 64
    )
    for movie, more in ((kept, {"resolved_by": other, "resolved_at": LONG_AGO}), (movies[2], {})):
        opinion = SecondOpinion.objects.create(movie=movie, first=reviewer, second=other, **more)
        opinion.genres.create(genre=genres[1], first=True, second=False)
    _undone_batch(reviewer, other, SuggestionFactory(movie=kept, genre=genres[2], model=model))
    _duplicates(reviewer, movies, kept)
    for number in range(2):
        Placeholder.objects.create(
            sha256=sha256_hex(tiny_jpeg(700 + number)), source="imdb_page", movies=5, is_poster=bool(number)
        )
    ImportedFile.objects.create(
        path="/films/movie_code.csv",
        identity="b" * 64,
        sha256="a" * 64,
        ids="tmdb",
        was_local=True,
        imported_at=datetime(2026, 11, 28, tzinfo=UTC),
    )
    Movie.objects.filter(pk=bare.pk).update(poster_url="https://image.tmdb.org/t/p/w500/a.jpg")
    assert bare.year is None


def _undone_batch(reviewer: Any, other: Any, suggestion: Suggestion) -> None:
    batch = DecisionBatch.objects.create(
        reviewer=reviewer, choice={"sure": True, "genre": 3}, chosen="sure, “Böse”", suggestions=2
    )
    about = {"movie": suggestion.movie, "genre": suggestion.genre, "suggestion": suggestion}
    decision = ReviewDecision.objects.create(
        reviewer=reviewer, verdict="accepted", batch=batch, origin_before="none", **about
    )
    ReviewDecision.objects.create(
        reviewer=other, verdict="undone", reverses=decision, origin_before="accepted", **about
    )
    ReviewDecision.objects.create(reviewer=reviewer, verdict="accepted", sequence=2, **about)


def _duplicates(reviewer: Any, movies: list[Any], kept: Any) -> None:
    reasons = DuplicateMember.Reason.values
    for number, state in enumerate(DuplicateGroup.State.values):
        is_open = state == DuplicateGroup.State.OPEN
        group = DuplicateGroup.objects.create(state=state, decided_at=None if is_open else LONG_AGO)
        for place in range(2):
            movie = movies[1 + number * 2 + place] if number < 2 else movies[6 + place]
            poster = Poster.objects.filter(movie=movie).first()
            DuplicateMember.objects.create(
                group=group,
                movie=movie,
                poster=poster,
                poster_sha256=poster.sha256 if poster else "f" * 64,
                reason=reasons[number * 2 + place],
                bits=3 if place else None,
                likeness=0.1 + 0.2 if place else None,
                is_open=is_open,
            )
    for verdict, movie in zip(DuplicateDecision.Verdict.values, (kept, None, movies[1]), strict=True):
        DuplicateDecision.objects.create(
            verdict=verdict,
            decided_by=None if verdict == "merged" else reviewer,
            movie=movie,
            poster_sha256="e" * 64 if verdict == "wrong" else "",
            details={"title": "Film", "b": [1.5, {"z": 1, "a": 2}]},
        )


def empty_the_catalogue(folder: Path) -> None:
    """What a new site has: no rows, and folders of its own."""
    drop_triggers(connection)
    SearchTitle._base_manager.all()._raw_delete("default")
    for model in reversed(TABLES.values()):
        model._base_manager.all()._raw_delete("default")
    create_triggers(connection)
    settings.MEDIA_ROOT = folder / "media"
    settings.MODELS_DIR = folder / "models"


def contents(folder: Path) -> dict[str, bytes]:
    """All files below a folder, by their names there."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def rewritten(folder: Path, name: str, content: bytes) -> None:
    """Change a file of an export as somebody hostile would: all digests fit again."""
    (folder / name).write_bytes(content)
    lines = [line for line in (folder / SUMS).read_text().splitlines() if not line.endswith(f"  {name}")]
    lines.append(f"{sha256_hex(content)}  {name}")
    sealed(folder, "\n".join(lines) + "\n")


def sealed(folder: Path, sums: str) -> None:
    (folder / SUMS).write_text(sums)
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["sha256sums"] = sha256_hex(sums.encode())
    (folder / MANIFEST).write_text(json.dumps(manifest))
