"""`scrape_posters`, `embed_posters`, `train_genres`, `label_untagged`: work done here, or left to workers."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from redis import Redis

from catalog.embeddings import embedding
from catalog.models import Embedding, GenreModel, Poster, Run
from catalog.posters.primary import store_poster
from catalog.runs import kinds, leases, local_worker
from postersite.launcher.errors import StartError
from tests.catalog.genres.genre_heads import saved_model, vector_for
from tests.catalog.posters.films import film, known
from tests.factories import EmbeddingFactory, MovieFactory, PosterFactory, tiny_jpeg
from tests.replica.faults import FaultySite, not_found, too_many

pytestmark = pytest.mark.django_db


def output(*arguments: str) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def site(broker: Redis, settings: Any) -> Iterator[FaultySite]:
    with FaultySite([film(number) for number in range(6)]) as site:
        settings.REPLICA_URL = site.url
        settings.POSTER_SOURCES = ["tmdb_page"]
        settings.REQUESTS_PER_SECOND = 1000.0
        yield site


def test_posters_are_fetched_here(site: FaultySite) -> None:
    for shown in site.movies:
        known(shown)
    assert output("scrape_posters") == f"{Run.objects.get()}: 6 done, 0 failed.\n"
    assert Poster.objects.count() == 6
    assert "Nothing to do" in output("scrape_posters")


def test_fetching_starts_a_broker_when_no_site_runs(
    site: FaultySite, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REDIS_URL = f"unix://{tmp_path / 'absent.sock'}"
    known(site.movies[0])
    answered = []
    process_run = local_worker.process_run

    def watched(*arguments: Any) -> Run:
        answered.append(Redis.from_url(settings.REDIS_URL).ping())
        return process_run(*arguments)

    monkeypatch.setattr(local_worker, "process_run", watched)
    assert "1 done, 0 failed." in output("scrape_posters")
    assert answered == [True]


def test_a_run_is_cancelled_when_no_broker_can_be_started(
    site: FaultySite, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> Path:
        raise StartError("No Valkey server.")

    settings.REDIS_URL = f"unix://{tmp_path / 'absent.sock'}"
    monkeypatch.setattr("postersite.launcher.broker.find_server", fail)
    known(site.movies[0])
    with pytest.raises(CommandError, match="No Valkey server"):
        output("scrape_posters")
    assert Run.objects.get().state == Run.State.CANCELLED


def test_without_a_source_it_is_said_once_and_nothing_is_begun(settings: Any) -> None:
    MovieFactory.create_batch(3)
    settings.POSTER_SOURCES = []
    with pytest.raises(CommandError, match="Set POSTERSITE_POSTER_SOURCES"):
        output("scrape_posters")
    assert not Run.objects.exists()


def test_what_failed_is_told_and_the_rest_counts(site: FaultySite) -> None:
    for shown in site.movies:
        known(shown)
    site.spoil(f"/movie/{site.movies[2].tmdb_id}", not_found())
    out = output("scrape_posters")
    assert "  No poster for Film 2 (1952). tmdb_page: " in out
    assert "5 done, 1 failed." in out


def test_when_everything_failed_the_command_fails(site: FaultySite) -> None:
    known(site.movies[0])
    site.spoil("/movie/", not_found())
    with pytest.raises(CommandError, match="0 done, 1 failed"):
        output("scrape_posters")


def test_a_site_that_asks_to_wait_is_waited_for(site: FaultySite) -> None:
    for shown in site.movies:
        known(shown)
    site.spoil("/movie/", too_many("1"), times=1)
    assert "6 done, 0 failed." in output("scrape_posters")


def test_posters_are_embedded_here_by_the_extractors_asked_for() -> None:
    for number in range(3):
        store_poster(MovieFactory(), tiny_jpeg(number), source="upload")
    assert "3 done, 0 failed." in output("embed_posters", "--extractor", "pixels:16x24")
    assert {row.extractor.spec for row in Embedding.objects.select_related("extractor")} == {"pixels:16x24"}
    assert "3 done, 0 failed." in output("embed_posters")
    assert Embedding.objects.count() == 6


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["embed_posters", "--extractor", "retina"], "There is no extractor 'retina'"),
        (["embed_posters", "--extractor", "mobilenet_v2"], "fetch_weights mobilenet_v2"),
        (["label_untagged"], "No genre model is active"),
        (["train_genres"], "fetch and embed posters first"),
        (["train_genres", "--recipe", "compact", "--epochs", "0"], "epochs must be a whole number"),
        (["train_genres", "--evidence", "smell"], "'smell' is no part of the evidence"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(arguments: list[str], says: str) -> None:
    if "--epochs" in arguments:
        for _ in range(12):
            EmbeddingFactory(poster=PosterFactory(movie=MovieFactory(genres=["Drama"])))
    else:
        PosterFactory()
    with pytest.raises(CommandError, match=says):
        output(*arguments)


def test_suggestions_are_made_here() -> None:
    model = saved_model()
    poster = PosterFactory()
    EmbeddingFactory(poster=poster, extractor=model.extractor, values=vector_for(0.9, 0.8, 0.1))
    assert "1 done, 0 failed." in output("label_untagged")
    assert poster.movie.suggestions.count() == 2


@pytest.mark.parametrize("command", ["scrape_posters", "embed_posters", "train_genres", "label_untagged"])
def test_work_can_be_left_to_the_workers(command: str) -> None:
    model = saved_model(state=GenreModel.State.ACTIVE)
    EmbeddingFactory(extractor=model.extractor)
    MovieFactory()
    out = output(command, "--queue")
    run = Run.objects.get()
    assert f"{run} is queued" in out and run.get_absolute_url() in out
    assert (run.state, run.done) == (Run.State.QUEUED, 0)


def test_an_interrupted_command_leaves_no_run_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(2):
        store_poster(MovieFactory(), tiny_jpeg(number), source="upload")

    def one_then_ctrl_c(items: Any) -> None:
        embedding.embed_items(items[:1])
        raise KeyboardInterrupt

    monkeypatch.setitem(kinds._kinds, "embed", replace(kinds.get("embed"), process=one_then_ctrl_c))
    with pytest.raises(CommandError, match="run the command again") as caught:
        output("embed_posters")
    assert caught.value.returncode == 130
    run = Run.objects.get()
    assert (run.state, run.done) == (Run.State.CANCELLED, 1)
    assert sorted(run.items.values_list("state", flat=True)) == ["cancelled", "done"]


def test_a_run_is_shared_with_a_worker_that_holds_a_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from catalog.runs import lifecycle

    monkeypatch.setitem(kinds._kinds, "embed", replace(kinds.get("embed"), batch_size=3))
    posters = [store_poster(MovieFactory(), tiny_jpeg(n), source="upload") for n in range(5)]
    run = lifecycle.start("embed", queue=False)
    held = leases.acquire_batch(run.pk)
    seen = []

    def worker_finishes(shown: Run) -> None:
        seen.append(shown.done)
        if shown.done < len(posters):
            for item in held:
                leases.finish(item)

    assert len(held) < len(posters)
    assert local_worker.process_run(run, worker_finishes).done == len(posters)
    assert seen[0] == len(posters) - len(held)
