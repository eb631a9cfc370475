"""Models, index files and listings in a bucket: one machine writes them, others read copies of their own."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.urls import reverse

from catalog import shared_files
from catalog.embeddings import deletion, extractors, index_files
from catalog.embeddings.index_files import IndexNotReady, build, build_stale, is_stale, open_index
from catalog.genres import model_files, promotion, suggestions
from catalog.models import Extractor, GenreModel, Poster, SimilarityIndex
from catalog.posters.primary import store_poster
from catalog.s3_storage import S3Storage
from catalog.shared_files import DownloadFailed, fetched, publish
from catalog.titles.formats.records import RejectedRow
from catalog.titles.importing import import_titles
from catalog.transfer.errors import RestoreError
from catalog.transfer.export import export_catalogue
from catalog.transfer.restore import restore_catalogue
from ml.extractors import runtime
from ml.extractors.export_cache import manifest_path
from ml.genres.head_file import ModelFileError
from tests.catalog.genres.genre_heads import saved_model
from tests.catalog.transfer.export_sites import empty_the_catalogue
from tests.factories import EmbeddingFactory, ExtractorFactory, MovieFactory, tiny_jpeg
from tests.processes.site import wait_until

from .failing_server import failing_half_way

pytestmark = pytest.mark.django_db

On = Callable[..., Path]


@pytest.fixture
def extractor() -> Extractor:
    row = ExtractorFactory(spec="mobilenet_v2", dims=4)
    for number in range(5):
        EmbeddingFactory(extractor=row, values=[1, number, 0, 0])
    return row


def files(folder: Path) -> list[str]:
    """Names of the files in a folder, besides locks."""
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and "lock" not in path.name)


def published(on_machine: On, content: bytes = b"content" * 1000) -> str:
    """The name of a file that the machine `worker` has published, below the cache folder."""
    path = on_machine("worker") / "models" / "weights.npz"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    publish(path)
    return "models/weights.npz"


def test_by_default_files_are_neither_copied_nor_needed() -> None:
    path = Path(django_settings.MODELS_DIR) / "weights.npz"
    publish(path)
    assert fetched(path) == path and not path.exists() and not shared_files.exists(path)


def test_an_index_is_built_by_one_machine_and_opened_by_another(on_machine: On, extractor: Extractor) -> None:
    on_machine("worker")
    build_stale()
    built = open_index(extractor, "cosine")
    web = on_machine("web")
    loaded = open_index(extractor, "cosine")
    assert loaded.path != built.path and loaded.path.is_relative_to(web)
    assert np.array_equal(loaded.poster_ids, built.poster_ids)
    assert isinstance(loaded.vectors, np.memmap) and np.array_equal(loaded.vectors, built.vectors)
    assert loaded.correction is not None and not is_stale(extractor)
    with patch.object(S3Storage, "download", side_effect=AssertionError("downloaded twice")):
        index_files._loaded.clear()
        assert open_index(extractor, "cosine").path == loaded.path


def test_another_machine_notices_a_newer_index_and_uses_the_former_until_it_is_there(
    on_machine: On, extractor: Extractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_machine("worker")
    build(extractor)
    web = on_machine("web")
    former = open_index(extractor, "cosine")
    EmbeddingFactory(extractor=extractor, values=[9, 0, 0, 0])
    on_machine("worker")
    build(extractor)
    on_machine("web")
    index_files._loaded[extractor.pk, "cosine"] = former
    monkeypatch.setattr(index_files, "OLD_FILES_S", -1.0)
    while_downloading = open_index(extractor, "cosine")
    assert while_downloading.path == former.path and len(while_downloading.search) == 6
    wait_until(lambda: open_index(extractor, "cosine").path != former.path, "the newer index")
    assert len(open_index(extractor, "cosine").poster_ids) == 6
    assert [path.name for path in former.path.parent.iterdir() if path.is_dir()] == [
        SimilarityIndex.objects.get().folder
    ]
    codes = ["codes-cosine-1.npy", "codes-cosine-1.npz"]
    assert files(web / "index") == [*codes, "hubs-1.npz", "ids.npy", "vectors.npy"]


def test_former_indexes_are_deleted_from_the_bucket(
    on_machine: On, extractor: Extractor, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_machine("worker")
    build(extractor)
    build(extractor)
    assert len({each.key.split("/")[3] for each in bucket.objects.all()}) == 2
    monkeypatch.setattr(index_files, "OLD_OBJECTS_S", -60.0)
    build(extractor)
    current = SimilarityIndex.objects.get().folder
    assert {each.key.split("/")[3] for each in bucket.objects.all()} == {current}
    deletion.shared_files.delete_published(Path(django_settings.INDEX_DIR) / str(extractor.pk))
    assert list(bucket.objects.all()) == []


def test_an_index_with_a_missing_object_is_built_again(
    on_machine: On, extractor: Extractor, bucket: Any
) -> None:
    on_machine("worker")
    build(extractor)
    [vectors] = [each for each in bucket.objects.all() if each.key.endswith("vectors.npy")]
    vectors.delete()
    on_machine("web")
    with pytest.raises(IndexNotReady):
        open_index(extractor, "cosine")
    on_machine("other worker")
    assert is_stale(extractor)
    build_stale()
    on_machine("web")
    assert len(open_index(extractor, "cosine").poster_ids) == 5


def test_an_index_is_not_built_again_because_the_bucket_cannot_be_reached(
    on_machine: On, extractor: Extractor
) -> None:
    on_machine("worker")
    build(extractor)
    on_machine("other worker")
    with patch.object(S3Storage, "download", side_effect=OSError(errno.EIO, "no route")):
        assert not is_stale(extractor)
        with pytest.raises(IndexNotReady):
            open_index(extractor, "cosine")


def test_a_genre_model_is_trained_by_one_machine_and_used_by_another(
    on_machine: On, bucket: Any, tmp_path: Path
) -> None:
    on_machine("trainer")
    model = saved_model(state=GenreModel.State.CANDIDATE)
    made = model_files.weights_path(model)
    model.weights_file = model_files.store(made, model.weights_sha256)
    model.save()
    web = on_machine("web")
    assert promotion.file_problem(model) == ""
    assert suggestions.load(model).genres == tuple(model.genres)
    assert files(web) == [f"{model.weights_sha256}.json", f"{model.weights_sha256}.npz"]
    promotion.promote(model, queue=False)
    assert promotion.active_model() == model
    on_machine("worker")
    for each in bucket.objects.all():
        each.delete()
    assert promotion.file_problem(model)
    with pytest.raises(ModelFileError):
        suggestions.load(model)


def test_an_outage_is_reported_as_such(on_machine: On) -> None:
    on_machine("web")
    model = saved_model()
    on_machine("worker")
    with patch.object(S3Storage, "download", side_effect=OSError(errno.EIO, "no route")):
        assert "no route" in promotion.file_problem(model)


def test_an_exported_extractor_is_exported_once_for_all_machines(
    on_machine: On, monkeypatch: pytest.MonkeyPatch
) -> None:
    exports: list[Path] = []

    def load(resolved: Any, *, cache_dir: Path, **_: Any) -> object:
        path = extractors.exported_file(resolved.fingerprint)
        if not path.exists() or not manifest_path(path).exists():
            cache_dir.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"network")
            manifest_path(path).write_bytes(b"{}")
            exports.append(path)
        return object()

    monkeypatch.setattr(runtime, "load_resolved", load)
    spec = extractors.registry.parse_spec("mobilenet_v2")
    resolved = runtime.ResolvedSpec(spec, "mobilenet_v2:test", None)
    for machine in ("worker", "web"):
        on_machine(machine)
        assert extractors.needs_export(resolved) is (machine == "worker")
        extractors.load(resolved)
    assert len(exports) == 1


def test_the_list_of_rows_that_were_not_imported_is_downloaded_from_any_machine(
    on_machine: On, admin_client: Client
) -> None:
    on_machine("worker")
    run, _ = import_titles([RejectedRow("films.csv", 3, "it has no title", "x")], source="films.csv")
    on_machine("web")
    response = admin_client.get(reverse("admin:catalog_run_rows", args=[run.pk]))
    assert b"it has no title" in b"".join(response)


@pytest.mark.parametrize("fails", [False, True])
def test_a_catalogue_is_restored_into_a_bucket_completely_or_not_at_all(
    on_machine: On, bucket: Any, tmp_path: Path, fails: bool
) -> None:
    on_machine("former")
    poster = store_poster(MovieFactory(), tiny_jpeg(1), source="upload")
    model = saved_model()
    model.weights_file = model_files.store(model_files.weights_path(model), model.weights_sha256)
    model.save()
    export_catalogue(tmp_path / "export")
    former = {each.key for each in bucket.objects.all()}
    empty_the_catalogue(tmp_path / "new")
    on_machine("new", POSTERSITE_S3_PREFIX="new")
    publishing = patch.object(shared_files, "publish", side_effect=OSError(errno.EIO, "no route"))
    with publishing if fails else nullcontext(), pytest.raises(RestoreError) if fails else nullcontext():
        restore_catalogue(tmp_path / "export")
    restored = {each.key for each in bucket.objects.filter(Prefix="new/")}
    assert restored == (set() if fails else {f"new/{key}" for key in former})
    assert Poster.objects.filter(sha256=poster.sha256).exists() is not fails


def test_a_server_that_fails_half_way_leaves_nothing(on_machine: On, s3_server: str) -> None:
    name = published(on_machine)
    with failing_half_way(s3_server) as address:
        cache = on_machine("web", POSTERSITE_S3_ENDPOINT=address)
        with pytest.raises(DownloadFailed):
            fetched(cache / name)
        assert files(cache) == []
    on_machine("web", POSTERSITE_S3_ENDPOINT=s3_server)
    assert fetched(cache / name).read_bytes() == b"content" * 1000


def test_an_object_with_other_bytes_is_not_used(on_machine: On, bucket: Any) -> None:
    name = published(on_machine)
    found = bucket.Object(f"shared/{name}")
    found.put(Body=b"other bytes", Metadata=found.metadata)
    cache = on_machine("web")
    with pytest.raises(DownloadFailed, match="SHA-256"):
        fetched(cache / name)
    assert files(cache) == []


def test_a_full_disk_leaves_nothing(on_machine: On) -> None:
    name = published(on_machine)
    cache = on_machine("web")

    def download(self: S3Storage, name: str, file: Any) -> None:
        file.write(b"conte")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with patch.object(S3Storage, "download", download), pytest.raises(DownloadFailed) as caught:
        fetched(cache / name)
    assert caught.value.errno == errno.ENOSPC and files(cache) == []


def test_a_missing_object_is_a_missing_file(on_machine: On) -> None:
    cache = on_machine("web")
    assert not shared_files.exists(cache / "models/none.npz")
    with pytest.raises(FileNotFoundError):
        fetched(cache / "models/none.npz")


def test_processes_that_need_a_file_at_once_download_it_once(on_machine: On) -> None:
    name = published(on_machine)
    path = on_machine("web") / name
    downloads: list[str] = []
    download = S3Storage.download

    def counted(self: S3Storage, name: str, file: Any) -> None:
        downloads.append(name)
        download(self, name, file)

    with patch.object(S3Storage, "download", counted):
        threads = [threading.Thread(target=fetched, args=(path,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert downloads == [name] and path.read_bytes() == b"content" * 1000


def test_copies_that_are_not_used_any_more_are_deleted(on_machine: On) -> None:
    name = published(on_machine)
    cache = on_machine("web")
    (cache / "models").mkdir(parents=True)
    for number, (kind, age) in enumerate(
        [
            ("unused.npz", shared_files.UNUSED_S + 60),
            ("used.npz", shared_files.UNUSED_S - 60),
            (".killed.part", shared_files.PARTIAL_S + 60),
            (".running.part", 60.0),
        ]
    ):
        path = cache / "models" / kind
        path.write_bytes(bytes([number]))
        os.utime(path, (time.time() - age, time.time() - age))
    fetched(cache / name)
    assert files(cache) == [".running.part", "used.npz", "weights.npz"]


def test_a_copy_that_is_opened_stays(on_machine: On) -> None:
    name = published(on_machine)
    cache = on_machine("web")
    path = fetched(cache / name)
    long_ago = time.time() - 2 * shared_files.UNUSED_S
    os.utime(path, (long_ago, long_ago))
    modified = path.stat().st_mtime_ns
    fetched(path)
    shared_files._delete_unused()
    assert path.exists() and path.stat().st_mtime_ns == modified  # others cache what they read by it
