"""Undoing an import: what it made goes, what it changed comes back, what was changed since stays."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from catalog.duplicates import merging
from catalog.models import ImportChange, Movie, MovieGenre, Poster, Run, RunItem
from catalog.posters.primary import make_primary, store_poster
from catalog.runs import leases, lifecycle, local_worker, steps
from catalog.titles import undo as undoing
from catalog.titles.formats.records import TitleRecord
from catalog.titles.importing import import_titles
from catalog.titles.undo import IMPORTS_KEPT, KEPT_FOR, UndoError, UndoReport, delete_old_changes
from tests.factories import GenreFactory, MovieFactory, RunFactory, UserFactory, tiny_jpeg

pytestmark = pytest.mark.django_db

HEAT = TitleRecord("Heat", 1995, ("Crime", "Drama"), imdb_id="tt0113277", franchise="Mann")


def imported(*rows: TitleRecord, merge: bool = False) -> Run:
    return import_titles(rows, "test", merge=merge)[0]


def undo(run: Run) -> tuple[Run, UndoReport]:
    """What the preview told, and the run of the undoing, which must have done just that."""
    told = undoing.preview(run)
    done = local_worker.process_run(undoing.start(run, queue=False))
    assert done.state == Run.State.DONE
    run.refresh_from_db()
    counted = run.params["undone"]
    assert counted["kept"] == told.kept and str(told).partition(" kept")[0].split(", ")[-1] == str(told.kept)
    return done, told


def why(told: UndoReport) -> str:
    [(_, _, reason)] = told.kept_movies
    return reason


def everything() -> list[Any]:
    genres = MovieGenre.objects.order_by("movie", "genre").values_list("movie", "genre__name", "origin")
    movies = Movie.everything.order_by("pk").values_list(
        "pk", "title", "original_title", "year", "overview", "franchise", "imdb_id", "tmdb_id", "movielens_id"
    )
    return [list(movies), list(genres)]


def test_a_movie_that_it_made_is_deleted() -> None:
    run = imported(HEAT)
    done, told = undo(run)
    assert (told.deleted, told.put_back, told.kept) == (1, 0, 0)
    assert not Movie.everything.exists() and not ImportChange.objects.exists()
    assert done.message == f"{run} undone: 1 deleted, 0 restored, 0 kept (changed since)."
    assert run.message.endswith("0 rejected. Undone: 1 deleted, 0 restored, 0 kept (changed since).")
    assert import_titles([HEAT], "test")[1].created == 1


def test_what_it_changed_is_as_before() -> None:
    movie = MovieFactory(title="Het", year=None, imdb_id="tt0113277", tmdb_id=None, genres=["War", "Drama"])
    MovieGenre.objects.create(movie=movie, genre=GenreFactory(name="Crime"), origin="accepted")
    before = everything()
    run = imported(HEAT, TitleRecord("Heat!", imdb_id="tt0113277", tmdb_id=949, overview="Two men."))
    assert everything() != before
    _, told = undo(run)
    assert (told.deleted, told.put_back, told.kept) == (0, 1, 0)
    assert everything() == before


def test_several_batches_that_changed_one_movie_are_undone_to_before_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("catalog.titles.importing.ROWS_PER_TRANSACTION", 1)
    MovieFactory(title="Het", year=1990, imdb_id="tt0113277", genres=["War"])
    before = everything()
    rows = [TitleRecord(f"Heat {n}", 1990 + n, (f"Genre {n}",), imdb_id="tt0113277") for n in range(4)]
    undo(imported(*rows))
    assert everything() == before


def test_what_a_person_changed_since_stays_and_the_rest_goes_back() -> None:
    movie = MovieFactory(title="Het", year=1990, imdb_id="tt0113277", tmdb_id=949)
    run = imported(HEAT)
    Movie.objects.filter(pk=movie.pk).update(title="HEAT")
    _, told = undo(run)
    movie.refresh_from_db()
    assert (movie.title, movie.year, movie.franchise) == ("HEAT", 1990, "")
    assert (told.put_back, told.kept, why(told)) == (1, 1, "its title has been changed since")
    assert movie.import_changes.get().kept == "its title has been changed since"


def test_genres_that_a_person_has_set_stay() -> None:
    movie = MovieFactory(title="Heat", year=1995, imdb_id="tt0113277", franchise="Mann", genres=["War"])
    run = imported(HEAT)
    Movie.objects.filter(pk=movie.pk).update(genres_locked=True)
    _, told = undo(run)
    assert why(told) == "a person has set its genres"
    assert set(movie.genres.values_list("name", flat=True)) == {"Crime", "Drama"}


def test_what_an_undo_kept_can_be_undone_once_nothing_stands_in_the_way() -> None:
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


def locked(movie: Movie) -> None:
    Movie.objects.filter(pk=movie.pk).update(genres_locked=True)


def poster_chosen(movie: Movie) -> None:
    make_primary(store_poster(movie, tiny_jpeg(1), source="tmdb_page"))


def uploaded(movie: Movie) -> None:
    store_poster(movie, tiny_jpeg(1), source="upload")


def accepted(movie: Movie) -> None:
    MovieGenre.objects.create(movie=movie, genre=GenreFactory(name="War"), origin="accepted")


def decided(movie: Movie) -> None:
    movie.decisions.create(reviewer=UserFactory(), genre=GenreFactory(name="War"), verdict="added")


def merged_with(movie: Movie) -> None:
    merging.merge_movies(movie, [MovieFactory(imdb_id=None, tmdb_id=None)])


def merged_away(movie: Movie) -> None:
    merging.merge_movies(MovieFactory(imdb_id=None, tmdb_id=None), [movie])


def corrected(movie: Movie) -> None:
    Movie.objects.filter(pk=movie.pk).update(year=1996)


def completed(movie: Movie) -> None:
    Movie.objects.filter(pk=movie.pk).update(overview="Two men.")


def imported_again(movie: Movie) -> None:
    imported(TitleRecord("Heat (restored)", imdb_id="tt0113277"))


@pytest.mark.parametrize(
    ("touch", "says"),
    [
        (locked, "a person has set its genres"),
        (poster_chosen, "a person has chosen its poster"),
        (uploaded, "a person has chosen its poster"),
        (accepted, "a person has accepted genres"),
        (decided, "a person has decided about its genres"),
        (merged_with, "another movie has been merged into it"),
        (merged_away, "it has been merged into no. "),
        (corrected, "its year has been changed since"),
        (completed, "its overview has been changed since"),
        (imported_again, "has changed it since"),
    ],
)
def test_a_movie_that_was_touched_since_stays_whole(touch: Any, says: str) -> None:
    run = imported(HEAT)
    movie = Movie.objects.get()
    touch(movie)
    before = everything()
    _, told = undo(run)
    assert (told.deleted, told.put_back, told.kept) == (0, 0, 1) and says in why(told)
    assert everything() == before


def test_what_the_site_itself_fetched_for_a_movie_goes_with_it() -> None:
    run = imported(HEAT)
    poster = store_poster(Movie.objects.get(), tiny_jpeg(1), source="tmdb_page")
    RunItem.objects.create(run=RunFactory(state="done"), movie=poster.movie, state="done")
    assert undo(run)[1].deleted == 1
    assert not Poster.objects.exists()


def test_pictures_that_it_brought_are_taken_away_and_no_others(tmp_path: Path) -> None:
    (tmp_path / "new.jpg").write_bytes(tiny_jpeg(1))
    movie = MovieFactory(title="Heat", imdb_id="tt0113277")
    earlier = store_poster(movie, tiny_jpeg(0), source="folder")
    run = imported(TitleRecord("Heat", imdb_id="tt0113277", poster_path=tmp_path / "new.jpg"))
    assert movie.posters.count() == 2
    _, told = undo(run)
    assert (told.put_back, told.pictures, told.kept) == (1, 1, 0)
    assert movie.primary_poster == earlier and movie.posters.count() == 1
    undone, brought = Run.objects.filter(kind="embed")
    assert [item.poster for item in undone.items.all()] == [earlier]
    assert not brought.items.filter(poster__isnull=False).exists()  # that picture is gone again


def test_a_picture_that_a_person_chose_since_stays(tmp_path: Path) -> None:
    (tmp_path / "new.jpg").write_bytes(tiny_jpeg(1))
    movie = MovieFactory(title="Heat", imdb_id="tt0113277")
    run = imported(TitleRecord("Heat", imdb_id="tt0113277", poster_path=tmp_path / "new.jpg"))
    make_primary(movie.posters.get())
    assert why(undo(run)[1]) == "a person has chosen its poster"
    assert movie.posters.count() == 1


def test_it_goes_on_where_it_died(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(undoing, "CHANGES_PER_TRANSACTION", 2)
    run = imported(*(TitleRecord(f"Film {n}", tmdb_id=n) for n in range(1, 8)))
    started = undoing.start(run, queue=False)
    write_down = undoing._record

    def dies(*given: Any, **named: Any) -> None:
        write_down(*given, **named)
        if Movie.objects.count() == 3:
            raise MemoryError("killed")

    monkeypatch.setattr(undoing, "_record", dies)
    leases.process_batch(started.pk, undoing.undo_item)
    assert Movie.objects.count() == 5  # the batch it died in is undone not at all
    monkeypatch.setattr(undoing, "_record", write_down)
    done = local_worker.process_run(Run.objects.get(pk=started.pk))
    assert done.state == Run.State.DONE and not Movie.objects.exists()
    assert done.message == f"{run} undone: 7 deleted, 0 restored, 0 kept (changed since)."


def test_a_preview_run_finds_what_the_undo_then_does_however_often_it_is_interrupted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(undoing, "CHANGES_PER_TRANSACTION", 2)
    monkeypatch.setattr(steps, "SECONDS_PER_TASK", -1.0)
    run = imported(*(TitleRecord(f"Film {n}", tmdb_id=n) for n in range(1, 8)))
    Movie.objects.filter(tmdb_id=3).update(year=1985)
    before = everything()
    preview = local_worker.process_run(undoing.start_preview(run, queue=False))
    assert (preview.state, preview.total, preview.done) == ("done", 7, 7)
    assert undoing.latest_preview(run) == preview and everything() == before
    report = undoing.report_of(preview)
    assert (report.deleted, report.put_back, report.kept) == (6, 0, 1)
    assert undo(run)[1].deleted == 6
    assert undoing.latest_preview(run) is None  # it says nothing any more


def test_an_undo_counts_the_movies_it_deals_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(undoing, "CHANGES_PER_TRANSACTION", 2)
    monkeypatch.setattr(steps, "SECONDS_PER_TASK", -1.0)
    run = imported(*(TitleRecord(f"Film {n}", tmdb_id=n) for n in range(1, 8)))
    started = undoing.start(run, queue=False)
    leases.process_batch(started.pk, undoing.undo_item)
    started.refresh_from_db()
    assert (started.total, started.done) == (7, 2)
    done = local_worker.process_run(started)
    assert (done.total, done.done, done.failed) == (7, 7, 0)


def test_an_undo_that_an_earlier_version_began_is_finished() -> None:
    run = imported(*(TitleRecord(f"Film {n}", tmdb_id=n) for n in range(1, 8)))
    started = undoing.start(run, queue=False)
    Run.objects.filter(pk=started.pk).update(total=1)
    done = local_worker.process_run(started)
    assert (done.total, done.done) == (7, 7) and not Movie.objects.exists()


def test_a_cancelled_undo_stops_and_can_be_taken_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(undoing, "CHANGES_PER_TRANSACTION", 1)
    run = imported(HEAT, TitleRecord("Ran", tmdb_id=1))
    started = undoing.start(run, queue=False)
    lifecycle.cancel(started)
    assert local_worker.process_run(started).state == Run.State.CANCELLED and Movie.objects.count() == 2
    undo(run)
    assert not Movie.objects.exists()


def test_only_one_undo_at_a_time() -> None:
    run = imported(HEAT)
    going_on = undoing.start(run, queue=False)
    with pytest.raises(UndoError, match=f"is being undone by Undo import #{going_on.pk}"):
        undoing.start(run, queue=False)


@pytest.mark.parametrize(
    ("made", "says"),
    [
        ({"kind": "scrape"}, "is not an import"),
        ({"kind": "import", "state": "running"}, "is still running"),
        ({"kind": "import", "state": "done"}, "changed nothing"),
        ({"kind": "import", "state": "done", "params": {"changes_forgotten": True}}, "is too old"),
    ],
)
def test_what_cannot_be_undone_says_why(made: dict[str, Any], says: str) -> None:
    run = RunFactory(**made)
    for ask in (undoing.preview, undoing.start):
        with pytest.raises(UndoError, match=says):
            ask(run)


def test_an_undo_of_nothing_in_particular_is_refused() -> None:
    for asked in ({"kind": "undo"}, {"kind": "embed", "followed_by": ["undo"]}):
        with pytest.raises(lifecycle.RunError):
            lifecycle.start(**asked)


def test_old_imports_can_no_longer_be_undone() -> None:
    made = [imported(TitleRecord(f"Film {n}", tmdb_id=n)) for n in range(1, IMPORTS_KEPT + 2)]
    with pytest.raises(UndoError, match=f"for the latest {IMPORTS_KEPT} imports"):
        undoing.preview(Run.objects.get(pk=made[0].pk))
    assert undoing.preview(made[1]).deleted == 1
    Run.objects.filter(pk=made[1].pk).update(created_at=timezone.now() - KEPT_FOR - timedelta(days=1))
    delete_old_changes()
    assert not made[1].import_changes.exists() and made[2].import_changes.exists()
