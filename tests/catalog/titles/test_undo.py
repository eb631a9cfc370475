"""Undoing an import: created movies are deleted, changes restored, later changes kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone

from catalog.duplicates import merging
from catalog.models import ImportChange, Movie, MovieGenre, Poster, Run, RunItem, SourceLookup
from catalog.posters.primary import make_primary, store_poster
from catalog.runs import leases, lifecycle, local_worker, steps
from catalog.titles import undo as undoing
from catalog.titles.formats.records import TitleRecord
from catalog.titles.importing import import_titles
from catalog.titles.undo import IMPORTS_KEPT, KEPT_FOR, UndoError, UndoReport, delete_old_changes
from tests.factories import GenreFactory, MovieFactory, RunFactory, UserFactory, tiny_jpeg

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

HEAT = TitleRecord("Heat", 1995, ("Crime", "Drama"), imdb_id="tt0113277", franchise="Mann")
FILMS = [TitleRecord(f"Film {n}", tmdb_id=n) for n in range(1, 8)]


def imported(*rows: TitleRecord, merge: bool = False) -> Run:
    return import_titles(rows, "test", merge=merge)[0]


def undo(run: Run) -> tuple[Run, UndoReport]:
    """The finished run of the undo, and the preview's report, which must agree."""
    report = undoing.preview(run)
    done = local_worker.process_run(undoing.start(run, queue=False))
    assert done.state == Run.State.DONE
    run.refresh_from_db()
    counted = run.params["undone"]
    assert counted["kept"] == report.kept and f" {report.kept} kept" in str(report)
    return done, report


def why(report: UndoReport) -> str:
    [(_, _, reason)] = report.kept_movies
    return reason


def everything() -> list[Any]:
    genres = MovieGenre.objects.order_by("movie", "genre").values_list("movie", "genre__name", "origin")
    movies = Movie.everything.order_by("pk").values_list(
        "pk", "title", "original_title", "year", "overview", "franchise", "imdb_id", "tmdb_id", "movielens_id"
    )
    return [list(movies), list(genres)]


def test_a_created_movie_is_deleted() -> None:
    run = imported(HEAT)
    done, report = undo(run)
    assert (report.deleted, report.put_back, report.kept) == (1, 0, 0)
    assert not Movie.everything.exists() and not ImportChange.objects.exists()
    assert done.message == f"{run} undone: 1 deleted, 0 restored, 0 kept (changed since)."
    assert run.message.endswith("0 rejected. Undone: 1 deleted, 0 restored, 0 kept (changed since).")
    assert import_titles([HEAT], "test")[1].created == 1


def test_a_changed_movie_is_restored() -> None:
    movie = MovieFactory(title="Het", year=None, imdb_id="tt0113277", tmdb_id=None, genres=["War", "Drama"])
    MovieGenre.objects.create(movie=movie, genre=GenreFactory(name="Crime"), origin="accepted")
    before = everything()
    run = imported(HEAT, TitleRecord("Heat!", imdb_id="tt0113277", tmdb_id=949, overview="Two men."))
    assert everything() != before
    _, report = undo(run)
    assert (report.deleted, report.put_back, report.kept) == (0, 1, 0)
    assert everything() == before


def test_changes_by_several_batches_are_undone_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("catalog.titles.importing.ROWS_PER_TRANSACTION", 1)
    MovieFactory(title="Het", year=1990, imdb_id="tt0113277", genres=["War"])
    before = everything()
    rows = [TitleRecord(f"Heat {n}", 1990 + n, (f"Genre {n}",), imdb_id="tt0113277") for n in range(4)]
    undo(imported(*rows))
    assert everything() == before


def test_facts_changed_since_are_kept_and_others_restored() -> None:
    movie = MovieFactory(title="Het", year=1990, imdb_id="tt0113277", tmdb_id=949)
    run = imported(HEAT)
    Movie.objects.filter(pk=movie.pk).update(title="HEAT")
    _, report = undo(run)
    movie.refresh_from_db()
    assert (movie.title, movie.year, movie.franchise) == ("HEAT", 1990, "")
    assert (report.put_back, report.kept, why(report)) == (1, 1, "its title has been changed since")
    assert movie.import_changes.get().kept == "its title has been changed since"


def test_genres_set_by_a_person_are_kept() -> None:
    movie = MovieFactory(title="Heat", year=1995, imdb_id="tt0113277", franchise="Mann", genres=["War"])
    run = imported(HEAT)
    Movie.objects.filter(pk=movie.pk).update(genres_locked=True)
    _, report = undo(run)
    assert why(report) == "a person has set its genres"
    assert set(movie.genres.values_list("name", flat=True)) == {"Crime", "Drama"}


def test_what_an_undo_kept_can_be_undone_after_the_later_import() -> None:
    MovieFactory(title="Het", year=1990, imdb_id="tt0113277", tmdb_id=949)
    before = everything()
    first = imported(HEAT)
    second = imported(TitleRecord("Heat (restored)", imdb_id="tt0113277"))
    assert why(undo(first)[1]) == f"its title has been changed since by import #{second.pk}"
    undo(second)
    assert Movie.objects.get().title == "Heat"
    undo(first)
    assert everything() == before
    with pytest.raises(UndoError, match="was undone already"):
        undoing.start(first)


def other_movie() -> Movie:
    return MovieFactory(imdb_id=None, tmdb_id=None)


def update(**facts: Any) -> Callable[[Movie], object]:
    return lambda movie: Movie.objects.filter(pk=movie.pk).update(**facts)


def add_poster(source: str) -> Callable[[Movie], Poster]:
    return lambda movie: store_poster(movie, tiny_jpeg(1), source=source)


def add_decision(movie: Movie) -> None:
    movie.decisions.create(reviewer=UserFactory(), genre=GenreFactory(name="War"), verdict="added")


def accept_genre(movie: Movie) -> None:
    MovieGenre.objects.create(movie=movie, genre=GenreFactory(name="War"), origin="accepted")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (update(genres_locked=True), "a person has set its genres"),
        (lambda movie: make_primary(add_poster("tmdb_page")(movie)), "a person has chosen its poster"),
        (add_poster("upload"), "a person has chosen its poster"),
        (accept_genre, "a person has accepted genres"),
        (add_decision, "a person has decided about its genres"),
        (lambda movie: merging.merge_movies(movie, [other_movie()]), "another movie has been merged into it"),
        (lambda movie: merging.merge_movies(other_movie(), [movie]), "it has been merged into no. "),
        (update(year=1996), "its year has been changed since"),
        (update(overview="Two men."), "its overview has been changed since"),
        (lambda _: imported(TitleRecord("Heat (restored)", imdb_id="tt0113277")), "has changed it since"),
    ],
)
def test_a_created_movie_with_later_decisions_is_kept(
    change: Callable[[Movie], object], expected: str
) -> None:
    run = imported(HEAT)
    movie = Movie.objects.get()
    change(movie)
    before = everything()
    _, report = undo(run)
    assert (report.deleted, report.put_back, report.kept) == (0, 0, 1) and expected in why(report)
    assert everything() == before


def test_fetched_posters_are_deleted_with_the_movie() -> None:
    run = imported(HEAT)
    poster = store_poster(Movie.objects.get(), tiny_jpeg(1), source="tmdb_page")
    RunItem.objects.create(run=RunFactory(state="done"), movie=poster.movie, state="done")
    assert undo(run)[1].deleted == 1
    assert not Poster.objects.exists()


def test_what_a_source_filled_in_is_deleted_with_the_movie() -> None:
    run = imported(TitleRecord("Heat", imdb_id="tt0113277"))
    movie = Movie.objects.get()
    SourceLookup.objects.create(movie=movie, source="tmdb_api", checked_at=timezone.now())
    Movie.objects.filter(pk=movie.pk).update(overview="Two men.", franchise="Mann", tmdb_id=949)
    assert undo(run)[1].deleted == 1


def test_what_a_person_may_have_filled_in_is_kept() -> None:
    run = imported(TitleRecord("Heat", imdb_id="tt0113277"))
    movie = Movie.objects.get()
    SourceLookup.objects.create(movie=movie, source="tmdb_api", checked_at=timezone.now())
    Movie.objects.filter(pk=movie.pk).update(overview="Two men.")
    LogEntry.objects.create(
        user=UserFactory(),
        content_type=ContentType.objects.get_for_model(Movie),
        object_id=movie.pk,
        action_flag=CHANGE,
    )
    assert why(undo(run)[1]) == "its overview has been changed since"


@pytest.fixture
def with_poster(tmp_path: Path) -> TitleRecord:
    (tmp_path / "new.jpg").write_bytes(tiny_jpeg(1))
    return TitleRecord("Heat", imdb_id="tt0113277", poster_path=tmp_path / "new.jpg")


def test_only_imported_posters_are_removed(with_poster: TitleRecord) -> None:
    movie = MovieFactory(title="Heat", imdb_id="tt0113277")
    earlier = store_poster(movie, tiny_jpeg(0), source="folder")
    run = imported(with_poster)
    assert movie.posters.count() == 2
    _, report = undo(run)
    assert (report.put_back, report.pictures, report.kept) == (1, 1, 0)
    assert movie.primary_poster == earlier and movie.posters.count() == 1
    undone, brought = Run.objects.filter(kind="embed")
    assert [item.poster for item in undone.items.all()] == [earlier]
    assert not brought.items.filter(poster__isnull=False).exists()  # that picture is gone again


def test_a_poster_chosen_by_a_person_is_kept(with_poster: TitleRecord) -> None:
    movie = MovieFactory(title="Heat", imdb_id="tt0113277")
    run = imported(with_poster)
    make_primary(movie.posters.get())
    assert why(undo(run)[1]) == "a person has chosen its poster"
    assert movie.posters.count() == 1


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two changes per transaction, and one transaction per task."""
    monkeypatch.setattr(undoing, "CHANGES_PER_TRANSACTION", 2)
    monkeypatch.setattr(steps, "SECONDS_PER_TASK", -1.0)


def test_it_counts_movies_and_continues_after_a_crash(
    small_steps: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = imported(*FILMS)
    started = undoing.start(run, queue=False)
    leases.process_batch(started.pk, undoing.undo_item)
    started.refresh_from_db()
    assert (started.total, started.done) == (7, 2)
    record = undoing._record

    def record_and_crash(*args: Any) -> None:
        record(*args)
        raise MemoryError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(undoing, "_record", record_and_crash)
        leases.process_batch(started.pk, undoing.undo_item)
    assert Movie.objects.count() == 5  # nothing of the batch it crashed in is undone
    done = local_worker.process_run(Run.objects.get(pk=started.pk))
    assert (done.state, done.total, done.done, done.failed) == ("done", 7, 7, 0)
    assert done.message == f"{run} undone: 7 deleted, 0 restored, 0 kept (changed since)."
    assert not Movie.objects.exists()


def test_an_interrupted_preview_reports_the_result_of_the_undo(small_steps: None) -> None:
    run = imported(*FILMS)
    Movie.objects.filter(tmdb_id=3).update(year=1985)
    before = everything()
    preview = local_worker.process_run(undoing.start_preview(run, queue=False))
    assert (preview.state, preview.total, preview.done) == ("done", 7, 7)
    assert undoing.latest_preview(run) == preview and everything() == before
    report = undoing.report_of(preview)
    assert (report.deleted, report.put_back, report.kept) == (6, 0, 1)
    assert undo(run)[1].deleted == 6
    assert undoing.latest_preview(run) is None  # outdated by the undo


def test_an_undo_started_by_an_earlier_version_is_finished() -> None:
    run = imported(*FILMS)
    started = undoing.start(run, queue=False)
    Run.objects.filter(pk=started.pk).update(total=1)
    done = local_worker.process_run(started)
    assert (done.total, done.done) == (7, 7) and not Movie.objects.exists()


def test_a_cancelled_undo_stops_and_can_be_started_again() -> None:
    run = imported(HEAT, TitleRecord("Ran", tmdb_id=1))
    started = undoing.start(run, queue=False)
    lifecycle.cancel(started)
    assert local_worker.process_run(started).state == Run.State.CANCELLED and Movie.objects.count() == 2
    undo(run)
    assert not Movie.objects.exists()


def test_only_one_undo_at_a_time() -> None:
    run = imported(HEAT)
    first = undoing.start(run, queue=False)
    with pytest.raises(UndoError, match=f"is being undone by Undo import #{first.pk}"):
        undoing.start(run, queue=False)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ({"kind": "scrape"}, "is not an import"),
        ({"kind": "import", "state": "running"}, "is still running"),
        ({"kind": "import", "state": "done"}, "changed nothing"),
        ({"kind": "import", "state": "done", "params": {"changes_forgotten": True}}, "is too old"),
    ],
)
def test_runs_that_cannot_be_undone(made: dict[str, Any], expected: str) -> None:
    run = RunFactory(**made)
    for function in (undoing.preview, undoing.start):
        with pytest.raises(UndoError, match=expected):
            function(run)


def test_an_undo_needs_an_import() -> None:
    for options in ({"kind": "undo"}, {"kind": "embed", "followed_by": ["undo"]}):
        with pytest.raises(lifecycle.RunError):
            lifecycle.start(**options)


def test_old_imports_can_no_longer_be_undone() -> None:
    made = [imported(TitleRecord(f"Film {n}", tmdb_id=n)) for n in range(1, IMPORTS_KEPT + 2)]
    with pytest.raises(UndoError, match=f"for the latest {IMPORTS_KEPT} imports"):
        undoing.preview(Run.objects.get(pk=made[0].pk))
    assert undoing.preview(made[1]).deleted == 1
    Run.objects.filter(pk=made[1].pk).update(created_at=timezone.now() - KEPT_FOR - timedelta(days=1))
    delete_old_changes()
    assert not made[1].import_changes.exists() and made[2].import_changes.exists()
