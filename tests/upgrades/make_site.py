"""Make a small site with the code of this checkout, as a fixture of this version.

    python -m tests.upgrades.make_site tests/upgrades/site-NUMBER.tar.xz

Run it before a release, with the number of the last migration, and commit the archive. The site has invented
films, their posters, embeddings of two extractors, suggestions in every state, decisions, a merged pair,
a pair marked as different, runs in every state, one of them unfinished, an import that can be undone,
accounts and a session.
"""

from __future__ import annotations

import io
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any
from uuid import uuid4

from PIL import Image

# The rest of a site's folder is created again.
FILES = ("db.sqlite3", "secret_key", "media", "models")
FILMS = 14


def main() -> None:
    out = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        var = Path(folder) / "var"
        os.environ |= {
            "POSTERSITE_VAR": str(var),
            "POSTERSITE_EXTRACTORS": "postersite,pixels",
            "DATABASE_URL": f"sqlite:///{var / 'db.sqlite3'}",
            "REDIS_URL": "",
            "DJANGO_SETTINGS_MODULE": "postersite.settings",
            "DJANGO_SUPERUSER_PASSWORD": "upgrade fixture",
        }
        # The tables must exist before Django is set up in this process.
        subprocess.run([sys.executable, "manage.py", "setup"], check=True)
        fill()
        close_connections()
        subprocess.run([sys.executable, "manage.py", "export_catalogue", str(var / "export")], check=True)
        database = sqlite3.connect(var / "db.sqlite3")
        database.execute("pragma journal_mode=delete")
        database.execute("vacuum")
        database.close()
        shutil.copy(var / "export" / "SHA256SUMS", var / "export.sha256")
        shutil.copytree(var / "export" / "tables", var / "export-tables")
        with tarfile.open(out, "w:xz", preset=9) as archive:
            for name in (*FILES, "export.sha256", "export-tables"):
                if (var / name).exists():
                    archive.add(var / name, name)
    print(f"{out}: {out.stat().st_size:,} bytes")  # noqa: T201


def fill() -> None:
    import django

    django.setup()
    from django.contrib.auth import get_user_model
    from django.contrib.auth.models import Group
    from django.contrib.sessions.backends.db import SessionStore

    from catalog.duplicates import decisions
    from catalog.genres import review
    from catalog.models import (
        DuplicateGroup,
        DuplicateMember,
        Genre,
        GenreModel,
        Movie,
        Run,
        RunChunk,
        RunItem,
        Suggestion,
    )
    from catalog.posters import primary
    from catalog.runs import lifecycle, local_worker
    from catalog.sample.films import sample_films
    from catalog.titles.formats.records import TitleRecord
    from catalog.titles.importing import import_titles

    users = get_user_model().objects
    users.create_user("reviewer", password="upgrade fixture", is_staff=True).groups.set(Group.objects.all())
    users.create_user("visitor", password="upgrade fixture")
    admin = users.get(username="admin")
    reviewer = users.get(username="reviewer")
    session = SessionStore()
    session["_auth_user_id"] = str(admin.pk)
    session["_auth_user_backend"] = "django.contrib.auth.backends.ModelBackend"
    session["_auth_user_hash"] = admin.get_session_auth_hash()
    session.create()

    films = sample_films()[:FILMS]
    records = [
        TitleRecord(
            title=film.title, year=film.year, imdb_id=film.imdb_id, tmdb_id=film.tmdb_id,
            movielens_id=film.movielens_id, genres=film.true_genres if number % 2 else (),
            overview=film.overview, franchise=film.franchise,
        )
        for number, film in enumerate(films)
    ]  # fmt: skip
    records.append(TitleRecord(title="Zwölf Uhr & später", year=1988, local_id="archive-7"))
    import_titles(records, "upgrade fixture")
    for film in films:
        primary.store_poster(
            Movie.objects.get(tmdb_id=film.tmdb_id), small(film.poster), source="tmdb_page",
            source_url=f"https://image.tmdb.org/t/p/original/{film.tmdb_id}.jpg",
        )  # fmt: skip
    for kind in ("embed", "label"):
        local_worker.process_run(lifecycle.start(kind, queue=False))
    pending = Suggestion.objects.filter(state="pending").order_by("pk")
    review.accept(pending[:4], reviewer)
    review.reject(pending[:4], reviewer)
    Suggestion.objects.filter(pk__in=pending.values("pk")[:2]).update(state="superseded")
    by_hand = Movie.objects.get(tmdb_id=films[1].tmdb_id)
    review.set_genres(by_hand, Genre.objects.all()[:2], reviewer)

    def group_of(*movies: Movie) -> DuplicateGroup:
        group = DuplicateGroup.objects.create()
        for movie in movies:
            DuplicateMember.objects.create(
                group=group, movie=movie, poster=movie.primary_poster,
                poster_sha256=movie.primary_poster.sha256 if movie.primary_poster else "",
                reason="alike" if group.members.exists() else "first", likeness=0.97,
            )  # fmt: skip
        return group

    def movie_of(number: int) -> Movie:
        return Movie.objects.get(tmdb_id=films[number].tmdb_id)

    Movie.objects.filter(local_id="archive-7").update(year=films[2].year)
    group = group_of(Movie.objects.get(local_id="archive-7"), movie_of(2))
    decisions.merge(group, movie_of(2), admin)
    decisions.keep_apart(group_of(movie_of(3), movie_of(4)), admin)
    group_of(movie_of(5), movie_of(6))

    finished = lifecycle.start("check", queue=False)
    local_worker.process_run(finished)
    times: dict[str, Any] = {"started_at": finished.started_at, "finished_at": finished.finished_at}
    failed = Run.objects.create(kind="scrape", state="failed", total=1, failed=1, asked_by=admin, **times)
    RunItem.objects.create(run=failed, movie=movie_of(7), state="failed", attempts=3, error="HTTP 500")
    Run.objects.create(kind="embed", state="cancelled", message="Cancelled.", **times)
    # Unfinished: one item is leased to a process that has ended, one waits, and two are in a chunk.
    live = Run.objects.create(
        kind="label",
        state="running",
        total=4,
        chosen=True,
        started_at=finished.started_at,
        params={"model": GenreModel.objects.get(state="active").pk},
    )
    RunItem.objects.create(
        run=live,
        movie=movie_of(8),
        state="running",
        attempts=1,
        claimed_by="elsewhere:1",
        claimed_at=finished.started_at,
        claim=uuid4(),
    )
    RunItem.objects.create(run=live, movie=movie_of(9))
    RunChunk.objects.create(run=live, keys=[movie_of(10).pk, movie_of(11).pk])


def close_connections() -> None:
    from django.db import connections

    connections.close_all()


def small(poster: Path) -> bytes:
    """The poster 90 pixels wide, so that the archive stays small."""
    picture = Image.open(poster).convert("RGB")
    picture.thumbnail((90, 200))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=60)
    return file.getvalue()


if __name__ == "__main__":
    main()
