"""Planning in chunks: each movie becomes one item when its turn comes, whatever happens in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.embeddings import extractors
from catalog.models import GenreModel, Movie, Poster, Run, RunChunk, RunItem
from catalog.posters.primary import store_poster
from catalog.runs import chunks, kinds, leases, lifecycle, local_worker
from catalog.runs.recovery import sweep
from tests.factories import (
    EmbeddingFactory,
    ExtractorFactory,
    GenreModelFactory,
    MovieFactory,
    PosterFactory,
    tiny_jpeg,
)

pytestmark = pytest.mark.django_db

CHUNK = 40
# Two rounds of all tasks of a fetching run: so many items are kept due while more are to come.
DUE = 2 * kinds.get("scrape").concurrency * kinds.get("scrape").batch_size


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "KEYS_PER_CHUNK", CHUNK)


def films(count: int) -> None:
    Movie.objects.bulk_create(Movie(title=f"Film {n}", tmdb_id=n) for n in range(1, count + 1))


def scrape_of(count: int) -> Run:
    films(count)
    return lifecycle.start("scrape", queue=False)


def work_off(run: Run) -> None:
    """What tasks do, without fetching."""
    while (
        leases.process_batch(run.pk, lambda items: [leases.finish(item) for item in items])
        or run.chunks.exists()
    ):
        chunks.materialise_due(run.pk)
    lifecycle.settle(run.pk)
    run.refresh_from_db()


def test_a_run_is_counted_from_the_start_and_planned_a_chunk_at_a_time() -> None:
    run = scrape_of(2 * CHUNK + 5)
    assert (run.total, run.items.count(), run.chunks.count()) == (2 * CHUNK + 5, CHUNK, 2)
    chunks.materialise_due(run.pk)
    assert run.items.count() == CHUNK  # enough is due
    work_off(run)
    assert (run.state, run.total, run.done) == (Run.State.DONE, 2 * CHUNK + 5, 2 * CHUNK + 5)
    assert run.items.values("movie").distinct().count() == run.items.count() == run.total


def test_a_run_that_fits_into_one_chunk_has_no_other() -> None:
    run = scrape_of(CHUNK)
    assert (run.items.count(), run.chunks.count()) == (CHUNK, 0)


def test_a_start_over_many_movies_asks_no_more_of_the_database_for_each_of_them() -> None:
    films(10 * CHUNK)
    with connection.execute_wrapper(counting := Counting()):
        lifecycle.start("scrape", queue=False)
    assert counting.writes < 20


def test_the_next_chunk_is_planned_before_tasks_run_out_of_items() -> None:
    run = scrape_of(2 * CHUNK)
    for item in run.items.order_by("pk")[: CHUNK - DUE + 1]:
        RunItem.objects.filter(pk=item.pk).update(state=RunItem.State.DONE)
    assert chunks.materialise_due(run.pk) == CHUNK
    assert chunks.materialise_due(run.pk) == 0


def test_a_run_is_not_over_while_chunks_are_to_come() -> None:
    run = scrape_of(CHUNK + 1)
    run.items.update(state=RunItem.State.DONE)
    lifecycle.settle(run.pk)
    run.refresh_from_db()
    assert run.is_live
    assert leases.has_work(run.pk)


def test_the_sweep_plans_on_and_ends_what_nobody_works_on() -> None:
    run = scrape_of(CHUNK + 1)
    run.items.update(state=RunItem.State.DONE)
    Run.objects.filter(pk=run.pk).update(done=CHUNK)
    sweep()
    assert (run.items.count(), run.chunks.count()) == (CHUNK + 1, 0)
    run.items.update(state=RunItem.State.DONE)
    Run.objects.filter(pk=run.pk).update(done=CHUNK + 1)
    sweep()
    run.refresh_from_db()
    assert run.state == Run.State.DONE


def test_a_chunk_whose_planning_breaks_off_is_planned_whole_by_the_next() -> None:
    run = scrape_of(2 * CHUNK)

    def break_off(execute: Callable[..., object], sql: str, *rest: object) -> object:
        if sql.startswith("DELETE") and "runchunk" in sql:
            raise KeyboardInterrupt
        return execute(sql, *rest)

    with connection.execute_wrapper(break_off), pytest.raises(KeyboardInterrupt):
        chunks.materialise_next(run.pk)
    assert (run.items.count(), run.chunks.count()) == (CHUNK, 1)
    assert chunks.materialise_next(run.pk) == CHUNK
    assert (run.items.count(), run.chunks.count()) == (2 * CHUNK, 0)
    assert chunks.materialise_next(run.pk) is None


def test_cancelling_drops_what_was_not_planned_yet() -> None:
    run = scrape_of(3 * CHUNK)
    lifecycle.cancel(run)
    assert chunks.materialise_due(run.pk) == 0
    assert not run.chunks.exists()
    assert set(run.items.values_list("state", flat=True)) == {"cancelled"}


def test_a_second_run_over_everything_leaves_out_what_the_first_is_still_to_plan() -> None:
    run = scrape_of(3 * CHUNK)
    assert lifecycle.outstanding()["scrape"] == 0
    new = MovieFactory(tmdb_id=9_999_999)
    second = lifecycle.start("scrape", queue=False)
    assert [item.movie_id for item in second.items.all()] == [new.pk]
    lifecycle.cancel(run)
    assert lifecycle.outstanding()["scrape"] == 3 * CHUNK


def test_what_others_saw_to_meanwhile_is_left_out_and_counts_no_longer() -> None:
    run = scrape_of(2 * CHUNK)
    with_poster, gone, looked_up = Movie.objects.order_by("-pk")[:3]
    PosterFactory(movie=with_poster)
    gone.delete()
    other = lifecycle.start("scrape", movies=Movie.objects.filter(pk=looked_up.pk), queue=False)
    work_off(run)
    assert (run.total, run.done, run.state) == (2 * CHUNK - 3, 2 * CHUNK - 3, Run.State.DONE)
    assert other.items.get().state == RunItem.State.PENDING


def test_chosen_movies_are_all_taken_but_those_that_are_gone() -> None:
    films(2 * CHUNK)
    last, gone = Movie.objects.order_by("-pk")[:2]
    run = lifecycle.start("scrape", movies=Movie.objects.all(), queue=False)
    PosterFactory(movie=last)
    gone.delete()
    work_off(run)
    assert run.total == 2 * CHUNK - 1
    assert run.items.filter(movie=last).exists()


def labelled() -> None:
    extractor = ExtractorFactory(spec="pixels", fingerprint=extractors.fingerprint("pixels"))
    GenreModelFactory(extractor=extractor, state=GenreModel.State.ACTIVE)
    for _ in range(CHUNK + 3):
        EmbeddingFactory(extractor=extractor)


def embeddable() -> None:
    PosterFactory.create_batch(CHUNK + 3)


@pytest.mark.parametrize(
    ("kind", "prepare"), [("embed", embeddable), ("label", labelled), ("duplicates", labelled)]
)
@pytest.mark.parametrize("chosen", [False, True])
def test_every_kind_is_planned_in_chunks(kind: str, prepare: Callable[[], None], chosen: bool) -> None:
    prepare()
    run = lifecycle.start(kind, movies=Movie.objects.all() if chosen else None, queue=False)
    assert (run.total, run.items.count(), run.chunks.count()) == (CHUNK + 3, CHUNK, 1)
    work_off(run)
    column = kinds.get(kind).column
    assert run.items.values(column).distinct().count() == run.done == CHUNK + 3


def test_posters_that_another_run_embedded_meanwhile_are_left_out() -> None:
    embeddable()
    run = lifecycle.start("embed", params={"extractors": ["pixels"]}, queue=False)
    extractor = ExtractorFactory(spec="pixels", fingerprint=extractors.fingerprint("pixels"))
    for poster in Poster.objects.order_by("-pk")[:2]:
        EmbeddingFactory(poster=poster, extractor=extractor)
    work_off(run)
    assert run.total == run.done == CHUNK + 1


def test_extractors_that_are_gone_meanwhile_are_for_the_items_to_tell() -> None:
    embeddable()
    run = lifecycle.start("embed", params={"extractors": ["pixels"]}, queue=False)
    Run.objects.filter(pk=run.pk).update(params={"extractors": ["retina"]})
    work_off(run)
    assert run.total == CHUNK + 3


def test_a_retry_of_many_is_planned_in_chunks_too() -> None:
    run = scrape_of(3 * CHUNK)
    while chunks.materialise_next(run.pk):
        pass
    run.items.update(state=RunItem.State.FAILED)
    Run.objects.filter(pk=run.pk).update(state=Run.State.FAILED, failed=3 * CHUNK)
    run.refresh_from_db()
    again = lifecycle.retry_failed(run)
    assert (again.total, again.items.count(), again.chunks.count()) == (3 * CHUNK, CHUNK, 2)
    work_off(again)
    assert set(again.items.values_list("movie", flat=True)) == set(run.items.values_list("movie", flat=True))


def test_a_command_works_off_every_chunk() -> None:
    for number in range(CHUNK + 2):
        store_poster(MovieFactory(), tiny_jpeg(number), source="upload")
    run = local_worker.process_run(
        lifecycle.start("embed", params={"extractors": ["pixels:16x24"]}, queue=False)
    )
    assert (run.state, run.done, run.failed) == (Run.State.DONE, CHUNK + 2, 0)


STEPS = ("work", "plan", "postpone", "give back", "die", "delete", "fetch elsewhere", "settle", "sweep")


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    count=st.integers(1, 30),
    chunk=st.integers(1, 9),
    steps=st.lists(st.sampled_from(STEPS), max_size=15),
)
def test_whatever_happens_every_movie_left_is_dealt_with_once(
    monkeypatch: pytest.MonkeyPatch, count: int, chunk: int, steps: list[str]
) -> None:
    for model in (Run, Movie):
        model._default_manager.all().delete()
    monkeypatch.setattr(chunks, "KEYS_PER_CHUNK", chunk)
    run = scrape_of(count)
    for step in steps:
        take(run, step)
    RunItem.objects.update(not_before=None)
    for holder in range(leases.MAX_ATTEMPTS):
        RunItem.objects.filter(state="running").update(claimed_by=f"{leases.this_process()}{holder}")
        leases.release_expired(run.pk)
        work_off(run)
    assert not run.is_live
    assert run.total == run.done + run.failed <= count
    items = list(run.items.values_list("movie", flat=True))
    assert len(items) == len(set(items))
    assert set(Movie.objects.without_poster().values_list("pk", flat=True)) <= set(items)
    assert not RunChunk.objects.exists()
    assert set(run.items.values_list("state", flat=True)) <= {"done", "failed"}


def take(run: Run, step: str) -> None:
    if step == "plan":
        chunks.materialise_due(run.pk)
    elif step == "settle":
        lifecycle.settle(run.pk)
    elif step == "sweep":
        sweep()
    elif step == "delete":
        Movie.objects.filter(pk__in=Movie.objects.order_by("-pk")[:2]).delete()
    elif step == "fetch elsewhere":
        if movie := Movie.objects.without_poster().order_by("-pk").first():
            PosterFactory(movie=movie)
    else:
        items = leases.acquire_batch(run.pk)
        for item in items if step != "die" else ():
            {
                "work": leases.finish,
                "postpone": lambda item: leases.postpone(item, 60, "Wait."),
                "give back": lambda item: leases.release(item, "I stop."),
            }[step](item)


class Counting:
    """Counts the statements that write, as an execute wrapper."""

    def __init__(self) -> None:
        self.writes = 0

    def __call__(self, execute: Callable[..., object], sql: str, *rest: object) -> object:
        self.writes += sql.startswith(("INSERT", "UPDATE", "DELETE"))
        return execute(sql, *rest)


def test_keys_come_in_rising_order_each_once() -> None:
    for _ in range(3):
        MovieFactory(genres=["Drama", "Comedy"])
    keys: Iterator[int] = chunks.keys_of(Movie.objects.filter(genres__isnull=False).order_by("-title"))
    assert list(keys) == sorted(Movie.objects.values_list("pk", flat=True))
