"""The index files of look-alikes: built by workers, shared by processes, never an earlier state's."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from catalog import tasks
from catalog.embeddings import index_files
from catalog.embeddings.index_files import IndexNotReady, build, build_stale, is_stale
from catalog.models import Embedding, Extractor, Movie, Poster, Run, SimilarityIndex
from catalog.runs import lifecycle, local_worker
from catalog.similarity.search import lookalikes
from catalog.web.views.compare import PREPARING
from ml.search.hubness import hub_correction, write_correction
from tests.factories import EmbeddingFactory, ExtractorFactory, PosterFactory, RunFactory, RunItemFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def extractor() -> Extractor:
    return ExtractorFactory(spec="pixels", dims=4)


@pytest.fixture
def movies(extractor: Extractor) -> list[Movie]:
    rows = [EmbeddingFactory(extractor=extractor, values=[n, 0, 0, 0]) for n in range(4)]
    return [row.poster.movie for row in rows]


def homes(settings: Any) -> list[Path]:
    return sorted(path for path in Path(settings.INDEX_DIR).glob("*/*") if path.is_dir())


READ = "import numpy, sys; print(numpy.load(sys.argv[1], mmap_mode='r').tolist())"


def forget() -> None:
    index_files._loaded.clear()


def test_no_page_and_no_api_call_builds_or_writes_an_index(
    client: Client,
    admin_client: Client,
    extractor: Extractor,
    movies: list[Movie],
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = ExtractorFactory(spec="postersite", dims=4)
    for movie in movies:
        EmbeddingFactory(poster=movie.primary_poster, extractor=seen)
    builders = ("build", "_write", "build_stale", "build_during_run", "hub_correction", "write_correction")
    for name in builders:
        monkeypatch.setattr(index_files, name, lambda *_, name=name: pytest.fail(f"{name} was called"))
    pk = movies[0].pk
    addresses = [
        movies[0].get_absolute_url(),
        f"{movies[0].get_absolute_url()}?extractor={extractor.pk}&method=ball_tree",
        f"/compare/{pk}/",
        f"/compare/{pk}/?method=ball_tree",
        "/compare/",
        f"/api/movies/{pk}/lookalikes",
        f"/api/movies/{pk}/lookalikes?extractor=pixels&method=ball_tree",
        f"/admin/catalog/movie/{pk}/change/",
        "/admin/catalog/extractor/",
    ]
    for address in addresses:
        for visitor in (client, admin_client):
            assert visitor.get(address, follow=True).status_code == 200, address
    assert not Path(settings.INDEX_DIR).exists()
    assert not SimilarityIndex.objects.exists()


def test_without_an_index_pages_and_the_api_say_that_it_is_being_prepared(
    client: Client, extractor: Extractor, movies: list[Movie]
) -> None:
    with pytest.raises(IndexNotReady):
        lookalikes(movies[0], extractor)
    for address in (movies[0].get_absolute_url(), f"/compare/{movies[0].pk}/"):
        assert PREPARING in client.get(address).content.decode()
    api = f"/api/movies/{movies[0].pk}/lookalikes"
    assert (answer := client.get(api).json())["preparing"] and answer["lookalikes"] == []
    tasks.build_indexes()
    assert not (answer := client.get(api).json())["preparing"] and len(answer["lookalikes"]) == 3
    assert PREPARING not in client.get(movies[0].get_absolute_url()).content.decode()


def test_a_new_index_is_used_without_a_restart(extractor: Extractor, movies: list[Movie]) -> None:
    build(extractor)
    assert len(lookalikes(movies[0], extractor)) == 3
    EmbeddingFactory(extractor=extractor, values=[9, 0, 0, 0])
    assert len(lookalikes(movies[0], extractor)) == 3
    build(extractor)
    assert len(lookalikes(movies[0], extractor)) == 4


def test_an_embedding_run_leaves_an_index_of_all_that_it_embedded(settings: Any) -> None:
    settings.EXTRACTORS = ["pixels:16x24"]
    made = [PosterFactory() for _ in range(3)]
    run = local_worker.process_run(lifecycle.start("embed", queue=False))
    assert run.state == Run.State.DONE
    extractor = Extractor.objects.get()
    assert not is_stale(extractor)
    PosterFactory()
    local_worker.process_run(lifecycle.start("embed", queue=False))
    assert not is_stale(extractor)
    assert SimilarityIndex.objects.get().rows == len(made) + 1


def test_a_build_that_fails_does_not_fail_the_embedding_run(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EXTRACTORS = ["pixels:16x24"]
    PosterFactory()
    with monkeypatch.context() as patched:
        patched.setattr(index_files, "build", lambda extractor: 1 / 0)
        run = local_worker.process_run(lifecycle.start("embed", queue=False))
    assert (run.state, run.done, run.failed) == (Run.State.DONE, 1, 0)
    build_stale()
    assert not is_stale(Extractor.objects.get())


def test_during_a_run_the_index_grows_in_steps(extractor: Extractor, movies: list[Movie]) -> None:
    run = RunFactory(kind="embed", state=Run.State.RUNNING)
    RunItemFactory(run=run, movie=None, poster=PosterFactory())

    def rows_after(more: int) -> int:
        for _ in range(more):
            EmbeddingFactory(extractor=extractor)
        index_files.build_during_run(run)
        return SimilarityIndex.objects.get().rows

    assert [rows_after(more) for more in (0, 1, 1, 1)] == [4, 4, 6, 6]
    run.items.update(state="done")
    assert rows_after(0) == 7


def test_what_a_live_embedding_run_will_build_is_left_to_it_for_a_while(
    extractor: Extractor, movies: list[Movie]
) -> None:
    run = RunFactory(kind="embed", state=Run.State.RUNNING)
    build_stale()
    assert not is_stale(extractor)
    EmbeddingFactory(extractor=extractor)
    build_stale()
    assert is_stale(extractor)
    SimilarityIndex.objects.update(built_at=timezone.now() - index_files.MAX_AGE)
    build_stale()
    assert not is_stale(extractor)
    EmbeddingFactory(extractor=extractor)
    Run.objects.filter(pk=run.pk).update(state=Run.State.DONE)
    build_stale()
    assert not is_stale(extractor)


def test_a_second_process_maps_the_same_file(
    extractor: Extractor, movies: list[Movie], settings: Any
) -> None:
    build(extractor)
    first = lookalikes(movies[0], extractor)
    [home] = homes(settings)
    made = (home / "vectors.npy").stat()
    forget()
    assert lookalikes(movies[0], extractor) == first
    assert (home / "vectors.npy").stat().st_mtime_ns == made.st_mtime_ns
    seen = subprocess.run(
        [sys.executable, "-c", READ, str(home / "vectors.npy")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert seen.stdout.strip() == str([[float(n), 0.0, 0.0, 0.0] for n in range(4)])


def test_it_is_mapped_not_read_into_memory(extractor: Extractor, movies: list[Movie]) -> None:
    build(extractor)
    loaded = index_files.open_index(extractor, "euclidean")
    assert isinstance(loaded.vectors, np.memmap)
    assert loaded.vectors.dtype == np.float32


def test_nothing_but_the_finished_files_is_left(settings: Any) -> None:
    for spec, files in (
        ("pixels", ["ids.npy", "vectors.npy"]),
        ("postersite", [index_files.CORRECTION, "ids.npy", "vectors.npy"]),
    ):
        row = EmbeddingFactory(extractor__spec=spec)
        build(row.extractor)
        [home] = (Path(settings.INDEX_DIR) / str(row.extractor.pk)).glob("*-*")
        assert sorted(path.name for path in home.iterdir()) == files


@pytest.mark.parametrize("name", [index_files.CORRECTION, "ids.npy", "vectors.npy"])
def test_damaged_files_are_built_again(settings: Any, name: str) -> None:
    seen = ExtractorFactory(spec="postersite", dims=4)
    movies = [EmbeddingFactory(extractor=seen, values=[1, n, 0, 0]).poster.movie for n in range(5)]
    build(seen)
    before = lookalikes(movies[0], seen)
    for length in (100, 0):
        [*_, home] = sorted(homes(settings), key=lambda path: path.stat().st_mtime_ns)
        (home / name).write_bytes((home / name).read_bytes()[:length])
        forget()
        with pytest.raises(IndexNotReady):
            lookalikes(movies[0], seen)
        build_stale()
        assert lookalikes(movies[0], seen) == before


def test_a_hub_correction_of_other_vectors_is_built_again(settings: Any) -> None:
    seen = ExtractorFactory(spec="postersite", dims=4)
    movies = [EmbeddingFactory(extractor=seen, values=[1, n, 0, 0]).poster.movie for n in range(5)]
    build(seen)
    before = lookalikes(movies[0], seen)
    [home] = homes(settings)
    write_correction(hub_correction(np.ones((6, 4), np.float32)), home / index_files.CORRECTION)
    forget()
    build_stale()
    assert lookalikes(movies[0], seen) == before


def test_files_of_earlier_states_go_once_nobody_can_be_about_to_open_them(
    extractor: Extractor, movies: list[Movie], settings: Any
) -> None:
    build(extractor)
    [earlier] = homes(settings)
    build(extractor)
    assert earlier in homes(settings)
    long_ago = time.time() - index_files.OLD_FILES_S - 1
    os.utime(earlier, (long_ago, long_ago))
    build_stale()
    assert earlier not in homes(settings)
    assert len(homes(settings)) == 1


def test_files_that_disappear_are_built_again_and_do_not_disturb_who_has_them_open(
    extractor: Extractor, movies: list[Movie], settings: Any
) -> None:
    build(extractor)
    before = lookalikes(movies[0], extractor)
    for home in homes(settings):
        for file in home.iterdir():
            file.unlink()
        home.rmdir()
    assert lookalikes(movies[0], extractor) == before
    forget()
    with pytest.raises(IndexNotReady):
        lookalikes(movies[0], extractor)
    build_stale()
    assert lookalikes(movies[0], extractor) == before


def test_a_database_made_anew_does_not_find_the_files_of_the_one_before(
    extractor: Extractor, movies: list[Movie]
) -> None:
    build(extractor)
    # The same number of rows with the same ids, but other vectors, as after an import into a new database.
    rows = list(Embedding.objects.order_by("pk").select_related("poster"))
    Embedding.objects.all().delete()
    SimilarityIndex.objects.all().delete()
    for row, number in zip(rows, [0, 3, 2, 1], strict=True):
        EmbeddingFactory(pk=row.pk, poster=row.poster, extractor=extractor, values=[number, 0, 0, 0])
    build_stale()
    found = lookalikes(movies[0], extractor)
    assert [each.movie.title for each in found] == [movies[n].title for n in (3, 2, 1)]


def test_two_builds_of_one_index_do_not_run_at_the_same_time(
    extractor: Extractor, movies: list[Movie], settings: Any
) -> None:
    home = Path(settings.INDEX_DIR) / str(extractor.pk)
    home.mkdir(parents=True)
    with index_files._build_lock(home):
        assert not build(extractor)
    assert build(extractor)


def test_a_build_that_takes_long_keeps_its_draft(
    extractor: Extractor, movies: list[Movie], settings: Any
) -> None:
    build(extractor)
    home = Path(settings.INDEX_DIR) / str(extractor.pk)
    draft = home / "draft-of-another-process"
    draft.mkdir()
    long_ago = time.time() - index_files.OLD_FILES_S - 1
    os.utime(draft, (long_ago, long_ago))
    with index_files._build_lock(home):
        build_stale()
        assert draft.exists()
    build_stale()
    assert not draft.exists()


def test_forgetting_an_extractor_forgets_its_index(extractor: Extractor, movies: list[Movie]) -> None:
    for poster in Poster.objects.all():
        EmbeddingFactory(poster=poster, extractor__spec="postersite")
    build(extractor)
    call_command("forget_extractor", extractor.fingerprint, "--delete", stdout=StringIO())
    build_stale()
    assert not SimilarityIndex.objects.filter(extractor_id=extractor.pk).exists()
