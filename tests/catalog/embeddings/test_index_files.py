"""The index files of look-alikes: built by workers, read by web processes, replaced as a whole."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.test import Client
from django.utils import timezone

from catalog import tasks
from catalog.embeddings import extractors, index_files
from catalog.embeddings.index_files import IndexNotReady, build, build_stale, is_stale
from catalog.models import Embedding, Extractor, Movie, Run, SimilarityIndex
from catalog.runs import lifecycle, local_worker
from catalog.similarity.search import lookalikes
from catalog.web.views.compare import PREPARING
from ml.search.codes import write_codes
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


@pytest.fixture
def home(settings: Any, extractor: Extractor) -> Path:
    return Path(settings.INDEX_DIR) / str(extractor.pk)


def folders(home: Path) -> list[Path]:
    """The folders of builds, the oldest first."""
    return sorted((path for path in home.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime)


def close_indexes() -> None:
    index_files._loaded.clear()


def age(folder: Path) -> None:
    long_ago = time.time() - index_files.OLD_FILES_S - 1
    os.utime(folder, (long_ago, long_ago))


def test_no_page_and_no_api_call_builds_an_index(
    client: Client, admin_client: Client, extractor: Extractor, movies: list[Movie], settings: Any
) -> None:
    convnet = ExtractorFactory(spec="postersite", dims=4)
    for movie in movies:
        EmbeddingFactory(poster=movie.primary_poster, extractor=convnet)
    pk = movies[0].pk
    urls = [
        f"{movies[0].get_absolute_url()}?extractor={extractor.pk}&method=ball_tree",
        f"/compare/{pk}/",
        "/compare/",
        f"/api/movies/{pk}/lookalikes?extractor=pixels&method=ball_tree",
        f"/admin/catalog/movie/{pk}/change/",
        "/admin/catalog/extractor/",
    ]
    for url in urls:
        for visitor in (client, admin_client):
            assert visitor.get(url, follow=True).status_code == 200, url
    assert not Path(settings.INDEX_DIR).exists()
    assert not SimilarityIndex.objects.exists()


def test_without_an_index_pages_and_the_api_say_that_it_is_being_prepared(
    client: Client, extractor: Extractor, movies: list[Movie]
) -> None:
    with pytest.raises(IndexNotReady):
        lookalikes(movies[0], extractor)
    for url in (movies[0].get_absolute_url(), f"/compare/{movies[0].pk}/"):
        assert PREPARING in client.get(url).content.decode()
    api = f"/api/movies/{movies[0].pk}/lookalikes"
    assert (response := client.get(api).json())["preparing"] and response["lookalikes"] == []
    tasks.build_indexes()
    assert not (response := client.get(api).json())["preparing"] and len(response["lookalikes"]) == 3
    assert PREPARING not in client.get(movies[0].get_absolute_url()).content.decode()


def test_a_new_index_is_used_without_a_restart(extractor: Extractor, movies: list[Movie]) -> None:
    build(extractor)
    former = index_files.open_index(extractor, "euclidean")
    EmbeddingFactory(extractor=extractor, values=[9, 0, 0, 0])
    build(extractor)
    assert len(lookalikes(movies[0], extractor)) == 4
    assert index_files.open_index(extractor, "euclidean").path != former.path


def test_an_embedding_run_builds_an_index_of_all_embeddings(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EXTRACTORS = ["pixels:16x24"]
    for rows in (1, 2):
        PosterFactory()
        assert local_worker.process_run(lifecycle.start("embed", queue=False)).state == Run.State.DONE
        assert not is_stale(Extractor.objects.get())
        assert SimilarityIndex.objects.get().rows == rows
    # A build that fails does not fail the run.
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


def test_the_schedule_leaves_recent_indexes_to_a_live_embedding_run(
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


@pytest.mark.parametrize(
    ("spec", "files"),
    [
        ("pixels", ["codes-euclidean-1.npy", "codes-euclidean-1.npz", "ids.npy", "vectors.npy"]),
        ("postersite", ["codes-cosine-1.npy", "codes-cosine-1.npz", "hubs-1.npz", "ids.npy", "vectors.npy"]),
    ],
)
def test_an_index_is_memory_mapped_and_its_folder_holds_nothing_else(
    settings: Any, spec: str, files: list[str]
) -> None:
    row = EmbeddingFactory(extractor__spec=spec)
    build(row.extractor)
    [folder] = folders(Path(settings.INDEX_DIR) / str(row.extractor.pk))
    assert sorted(path.name for path in folder.iterdir()) == files
    loaded = index_files.open_index(row.extractor, index_files.metric_of(spec))
    assert isinstance(loaded.vectors, np.memmap) and loaded.vectors.dtype == np.float16


@pytest.mark.parametrize("earlier", ["float32", "float16"])
def test_an_index_of_an_earlier_version_is_used_until_it_is_built_again(
    extractor: Extractor, movies: list[Movie], home: Path, earlier: str
) -> None:
    build(extractor)
    before = lookalikes(movies[0], extractor)
    [folder] = folders(home)
    if earlier == "float32":
        np.save(folder / "vectors.npy", np.load(folder / "vectors.npy").astype(np.float32))
    for file in folder.glob("codes-*"):
        file.unlink()
    close_indexes()
    assert lookalikes(movies[0], extractor) == before
    assert is_stale(extractor)
    build_stale()
    assert not is_stale(extractor)
    assert lookalikes(movies[0], extractor) == before


@pytest.mark.parametrize(
    "damage",
    [
        index_files.CORRECTION,
        "ids.npy",
        "vectors.npy",
        "codes-cosine-1.npy",
        "codes-cosine-1.npz",
        "other vectors",
        "other codes",
        "all",
    ],
)
def test_a_damaged_or_missing_index_is_built_again(settings: Any, damage: str) -> None:
    convnet = ExtractorFactory(spec="postersite", dims=4)
    movies = [EmbeddingFactory(extractor=convnet, values=[1, n, 0, 0]).poster.movie for n in range(5)]
    build(convnet)
    before = lookalikes(movies[0], convnet)
    [folder] = folders(Path(settings.INDEX_DIR) / str(convnet.pk))
    if damage == "other vectors":
        write_correction(hub_correction(np.ones((6, 4), np.float32)), folder / index_files.CORRECTION)
    elif damage == "other codes":
        write_codes(np.ones((6, 4), np.float32), "cosine", None, index_files._codes_files(folder, "cosine"))
    elif damage == "all":
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
        # Who has the files open can go on reading them.
        assert lookalikes(movies[0], convnet) == before
    else:
        (folder / damage).write_bytes((folder / damage).read_bytes()[:100])
    close_indexes()
    with pytest.raises(IndexNotReady):
        lookalikes(movies[0], convnet)
    build_stale()
    assert lookalikes(movies[0], convnet) == before


def test_old_files_are_removed_after_a_while(extractor: Extractor, movies: list[Movie], home: Path) -> None:
    build(extractor)
    [earlier] = folders(home)
    build(extractor)
    assert earlier in folders(home)
    age(earlier)
    build_stale()
    assert earlier not in folders(home) and len(folders(home)) == 1


def test_a_new_database_does_not_use_the_files_of_the_former_one(
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


def test_one_process_builds_at_a_time_and_keeps_its_draft(
    extractor: Extractor, movies: list[Movie], home: Path
) -> None:
    home.mkdir(parents=True)
    with index_files._build_lock(home):
        assert not build(extractor)
    assert build(extractor)
    draft = home / "draft-of-another-process"
    draft.mkdir()
    age(draft)
    with index_files._build_lock(home):
        build_stale()
        assert draft.exists()
    build_stale()
    assert not draft.exists()


@pytest.fixture
def serving() -> Extractor:
    """An extractor whose index serves look-alikes of 20 films, and which `postersite` would replace."""
    row = ExtractorFactory(spec="histograms", dims=4)
    EmbeddingFactory.create_batch(20, extractor=row)
    build_stale()
    return row


@pytest.mark.parametrize(("missing", "serves"), [(2, False), (1, True)])
def test_an_extractor_takes_over_when_it_has_nearly_all_posters(
    serving: Extractor, missing: int, serves: bool
) -> None:
    posters = [row.poster for row in Embedding.objects.all()]
    ours = ExtractorFactory(spec="postersite", fingerprint=extractors.fingerprint("postersite"), dims=4)
    pixels = ExtractorFactory(spec="pixels", dims=4)
    for poster in posters[missing:]:
        EmbeddingFactory(poster=poster, extractor=ours)
    EmbeddingFactory(poster=posters[0], extractor=pixels)
    run = RunFactory(kind="embed", state="running")
    item = RunItemFactory(run=run, poster=posters[0], movie=None, state="running")
    index_files.build_during_run(run)
    # It would not replace look-alikes, so its index grows with it.
    assert SimilarityIndex.objects.filter(extractor=pixels).exists()
    build_stale()
    assert not SimilarityIndex.objects.filter(extractor=ours).exists()
    item.state = "done"
    item.save()
    index_files.build_during_run(run)
    run.state = "done"
    run.save()
    build_stale()
    assert SimilarityIndex.objects.filter(extractor=ours).exists() == serves
    assert (extractors.default_extractor() == ours) == serves
    assert len(lookalikes(posters[-1].movie)) == 5
