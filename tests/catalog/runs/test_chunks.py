"""Runs over many movies become items one chunk at a time, each movie once, whatever happens meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.embeddings import extractors
from catalog.models import GenreModel, Movie, Poster, Run, RunChunk, RunItem
from catalog.posters.primary import store_poster
from catalog.runs import chunks, kinds, leases, lifecycle, local_worker
from catalog.runs.recovery import sweep
from tests.catalog.queueing import queueing_at
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
# Two rounds of all tasks of a fetching run: so many items are due while chunks are left.
DUE = 2 * kinds.get("scrape").concurrency * kinds.get("scrape").batch_size


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(chunks, "KEYS_PER_CHUNK", CHUNK)
    with queueing_at("memory://"):  # a sweep would try for seconds to reach another broker
        yield


def films(count: int) -> None:
    Movie.objects.bulk_create(Movie(title=f"Film {n}", tmdb_id=n) for n in range(1, count + 1))


def scrape_of(count: int) -> Run:
    films(count)
    return lifecycle.start("scrape", queue=False)


def work_off(run: Run) -> None:
    """Do what tasks do, without fetching."""
    while (
        leases.process_batch(run.pk, lambda items: [leases.finish(item) for item in items])
        or run.chunks.exists()
    ):
        chunks.materialise_due(run.pk)
    lifecycle.settle(run.pk)
    run.refresh_from_db()


@pytest.mark.slow
def test_a_run_is_counted_at_its_start_and_materialised_a_chunk_at_a_time() -> None:
    run = scrape_of(CHUNK)
    assert (run.items.count(), run.chunks.count()) == (CHUNK, 0)
    run.delete()
    Movie.objects.all().delete()
    run = scrape_of(2 * CHUNK + 5)
    assert (run.total, run.items.count(), run.chunks.count()) == (2 * CHUNK + 5, CHUNK, 2)
    chunks.materialise_due(run.pk)
    assert run.items.count() == CHUNK  # enough is due
    work_off(run)
    assert (run.state, run.total, run.done) == (Run.State.DONE, 2 * CHUNK + 5, 2 * CHUNK + 5)
    assert run.items.values("movie").distinct().count() == run.items.count() == run.total


def test_a_start_writes_in_bulk() -> None:
    films(10 * CHUNK)
    with CaptureQueriesContext(connection) as queries:
        lifecycle.start("scrape", queue=False)
    assert sum(not query["sql"].startswith("SELECT") for query in queries) < 20


def test_the_next_chunk_is_materialised_before_tasks_run_out_of_items() -> None:
    run = scrape_of(2 * CHUNK)
    done = run.items.order_by("pk")[: CHUNK - DUE + 1]
    RunItem.objects.filter(pk__in=list(done.values_list("pk", flat=True))).update(state=RunItem.State.DONE)
    assert chunks.materialise_due(run.pk) == CHUNK
    assert chunks.materialise_due(run.pk) == 0


def test_a_run_is_not_over_while_chunks_are_left_and_the_sweep_continues_it() -> None:
    run = scrape_of(CHUNK + 1)
    run.items.update(state=RunItem.State.DONE)
    Run.objects.filter(pk=run.pk).update(done=CHUNK)
    lifecycle.settle(run.pk)
    run.refresh_from_db()
    assert run.is_live and leases.has_work(run.pk)
    sweep()
    assert (run.items.count(), run.chunks.count()) == (CHUNK + 1, 0)
    run.items.update(state=RunItem.State.DONE)
    Run.objects.filter(pk=run.pk).update(done=CHUNK + 1)
    sweep()
    run.refresh_from_db()
    assert run.state == Run.State.DONE


def test_an_interrupted_chunk_is_materialised_as_a_whole_by_the_next_process() -> None:
    run = scrape_of(2 * CHUNK)

    def interrupt(execute: Callable[..., object], sql: str, *rest: object) -> object:
        if sql.startswith("DELETE") and "runchunk" in sql:
            raise KeyboardInterrupt
        return execute(sql, *rest)

    with connection.execute_wrapper(interrupt), pytest.raises(KeyboardInterrupt):
        chunks.materialise_next(run.pk)
    assert (run.items.count(), run.chunks.count()) == (CHUNK, 1)
    assert chunks.materialise_next(run.pk) == CHUNK
    assert (run.items.count(), run.chunks.count()) == (2 * CHUNK, 0)
    assert chunks.materialise_next(run.pk) is None


def test_cancelling_drops_the_chunks() -> None:
    run = scrape_of(3 * CHUNK)
    lifecycle.cancel(run)
    assert chunks.materialise_due(run.pk) == 0
    assert not run.chunks.exists()
    assert set(run.items.values_list("state", flat=True)) == {"cancelled"}


def test_a_second_run_over_everything_leaves_out_the_chunks_of_the_first() -> None:
    run = scrape_of(3 * CHUNK)
    assert lifecycle.outstanding()["scrape"] == 0
    new = MovieFactory(tmdb_id=9_999_999)
    second = lifecycle.start("scrape", queue=False)
    assert [item.movie_id for item in second.items.all()] == [new.pk]
    lifecycle.cancel(run)
    assert lifecycle.outstanding()["scrape"] == 3 * CHUNK


@pytest.mark.slow
def test_movies_that_are_done_meanwhile_are_left_out_and_no_longer_count() -> None:
    run = scrape_of(2 * CHUNK)
    with_poster, gone, looked_up = Movie.objects.order_by("-pk")[:3]
    PosterFactory(movie=with_poster)
    gone.delete()
    other = lifecycle.start("scrape", movies=Movie.objects.filter(pk=looked_up.pk), queue=False)
    work_off(run)
    assert (run.total, run.done, run.state) == (2 * CHUNK - 3, 2 * CHUNK - 3, Run.State.DONE)
    assert other.items.get().state == RunItem.State.PENDING


@pytest.mark.slow
def test_chosen_movies_are_all_processed_except_deleted_ones() -> None:
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
    EmbeddingFactory.create_batch(8, extractor=extractor)


def embeddable() -> None:
    PosterFactory.create_batch(8)


@pytest.mark.parametrize(
    ("kind", "prepare"), [("embed", embeddable), ("label", labelled), ("duplicates", labelled)]
)
@pytest.mark.parametrize("chosen", [False, True])
def test_every_kind_has_chunks(
    monkeypatch: pytest.MonkeyPatch, kind: str, prepare: Callable[[], None], chosen: bool
) -> None:
    monkeypatch.setattr(chunks, "KEYS_PER_CHUNK", 5)
    prepare()
    run = lifecycle.start(kind, movies=Movie.objects.all() if chosen else None, queue=False)
    assert (run.total, run.items.count(), run.chunks.count()) == (8, 5, 1)
    work_off(run)
    column = kinds.get(kind).column
    assert run.items.values(column).distinct().count() == run.done == 8


@pytest.mark.parametrize(("spec", "total"), [("pixels", 6), ("no-longer-known", 8)])
def test_posters_that_another_run_embedded_meanwhile_are_left_out(
    monkeypatch: pytest.MonkeyPatch, spec: str, total: int
) -> None:
    monkeypatch.setattr(chunks, "KEYS_PER_CHUNK", 5)
    embeddable()
    run = lifecycle.start("embed", params={"extractors": ["pixels"]}, queue=False)
    Run.objects.filter(pk=run.pk).update(params={"extractors": [spec]})
    extractor = ExtractorFactory(spec="pixels", fingerprint=extractors.fingerprint("pixels"))
    for poster in Poster.objects.order_by("-pk")[:2]:
        EmbeddingFactory(poster=poster, extractor=extractor)
    work_off(run)
    assert run.total == run.done == total


@pytest.mark.slow
def test_a_retry_of_many_items_has_chunks() -> None:
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


def test_a_command_processes_every_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "KEYS_PER_CHUNK", 3)
    for number in range(5):
        store_poster(MovieFactory(), tiny_jpeg(number), source="upload")
    run = local_worker.process_run(
        lifecycle.start("embed", params={"extractors": ["pixels:16x24"]}, queue=False)
    )
    assert (run.state, run.done, run.failed) == (Run.State.DONE, 5, 0)


STEPS = ("work", "materialise", "postpone", "release", "die", "delete", "fetch elsewhere", "settle", "sweep")


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    count=st.integers(1, 12),
    chunk=st.integers(1, 5),
    steps=st.lists(st.sampled_from(STEPS), max_size=10),
)
@pytest.mark.slow
def test_whatever_happens_every_remaining_movie_is_processed_once(
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
    if step == "materialise":
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
                "release": lambda item: leases.release(item, "I stop."),
            }[step](item)


def test_keys_are_ascending_and_unique() -> None:
    for _ in range(3):
        MovieFactory(genres=["Drama", "Comedy"])
    keys: Iterator[int] = chunks.keys_of(Movie.objects.filter(genres__isnull=False).order_by("-title"))
    assert list(keys) == sorted(Movie.objects.values_list("pk", flat=True))
