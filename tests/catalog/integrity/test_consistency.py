"""Differences between the database and the stored files are found and repaired, also as a run."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from PIL import Image

from catalog.integrity import checking, consistency
from catalog.integrity.consistency import Kind
from catalog.models import Embedding, Poster, Run
from catalog.posters.primary import store_poster
from catalog.runs import leases, lifecycle
from tests.factories import EmbeddingFactory, MovieFactory, tiny_jpeg

pytestmark = pytest.mark.django_db

SIZE = (600, 900)


@pytest.fixture(autouse=True)
def nothing_to_embed(settings: Any) -> None:
    settings.EXTRACTORS = ["pixels"]


@pytest.fixture
def poster() -> Poster:
    return stored(1)


def stored(seed: int, source: str = "upload") -> Poster:
    return store_poster(MovieFactory(), tiny_jpeg(seed, SIZE), source=source)


def check(**options: Any) -> list[consistency.Finding]:
    """What is found, apart from posters that are not embedded."""
    return [finding for finding in consistency.check(**options) if finding.kind != Kind.NOT_EMBEDDED]


def kinds(**options: Any) -> list[Kind]:
    return [finding.kind for finding in check(**options)]


def path(name: Any) -> Path:
    return Path(default_storage.path(str(name)))


def aged(file: Path) -> None:
    old = time.time() - 2 * consistency.MIN_AGE_S
    os.utime(file, (old, old))


def test_a_consistent_catalogue_has_no_findings(poster: Poster) -> None:
    progress: list[int] = []
    assert kinds(deep=True, progress=progress.append) == []
    assert progress == [1]


def test_a_lost_original_from_a_source_is_fetched_again() -> None:
    scraped, uploaded = stored(1, "tmdb_page"), stored(2)
    path(scraped.file.name).unlink()
    path(uploaded.file.name).write_bytes(b"")
    findings = check()
    assert [finding.kind for finding in findings] == [Kind.ORIGINAL, Kind.ORIGINAL]
    assert "cannot be read" in findings[0].message and "is empty" in findings[1].message
    done = consistency.mend(findings)
    assert done.fetch == [scraped.movie_id]
    assert [finding.pk for finding in done.unresolved] == [uploaded.pk]
    assert Poster.objects.count() == 2


def test_smaller_pictures_are_created_from_the_original(poster: Poster) -> None:
    before = path(poster.thumbnail.name).read_bytes()
    path(poster.thumbnail.name).unlink()
    path(poster.medium.name).unlink()
    findings = check()
    assert [finding.kind for finding in findings] == [Kind.SMALLER]
    assert consistency.mend(findings).rewritten == 2
    assert kinds(deep=True) == []
    assert abs(len(path(poster.thumbnail.name).read_bytes()) - len(before)) < len(before) / 4


def test_only_a_deep_check_finds_damaged_and_other_pictures(poster: Poster) -> None:
    other = stored(2)
    path(poster.file.name).write_bytes(path(poster.file.name).read_bytes()[:200])
    Image.radial_gradient("L").resize(SIZE).save(path(other.file.name), "JPEG")
    assert kinds() == []
    found = {finding.kind: finding for finding in consistency.check(deep=True)}
    assert found[Kind.ORIGINAL].pk == poster.pk and "is damaged" in found[Kind.ORIGINAL].message
    assert found[Kind.OTHER].pk == other.pk


def test_smaller_pictures_of_a_damaged_original_are_fetched_or_left_unresolved() -> None:
    scraped, uploaded, gone = stored(1, "tmdb_page"), stored(2), stored(3)
    for each in (scraped, uploaded, gone):
        path(each.thumbnail.name).unlink()
    for each in (scraped, uploaded):
        path(each.file.name).write_bytes(b"no picture")
    findings = [finding for finding in consistency.check() if finding.kind == Kind.SMALLER]
    gone.delete()
    done = consistency.mend(findings)
    assert (done.rewritten, done.fetch) == (0, [scraped.movie_id])
    assert [finding.pk for finding in done.unresolved] == [uploaded.pk]


def test_a_file_that_no_poster_uses_is_deleted_once_it_is_old(poster: Poster) -> None:
    folder = path(poster.file.name).parent
    young, old, rewritten = folder / "young.jpg", folder / ".draft-old", folder / "fetched-again.jpg"
    for file in (young, old, rewritten):
        file.write_bytes(b"x")
    aged(old)
    aged(rewritten)
    findings = check()
    assert [finding.kind for finding in findings] == [Kind.ORPHAN, Kind.ORPHAN]
    os.utime(rewritten)
    assert consistency.mend(findings).deleted_files == 1
    assert young.exists() and rewritten.exists() and not old.exists()
    assert all(path(name).exists() for name in (poster.file.name, poster.medium.name, poster.thumbnail.name))


def test_a_vector_of_the_wrong_length_is_deleted(poster: Poster) -> None:
    fit, short = EmbeddingFactory(), EmbeddingFactory()
    Embedding.objects.filter(pk=short.pk).update(vector=bytes(short.vector)[:-2])
    findings = [finding for finding in consistency.check() if finding.kind == Kind.VECTOR]
    assert [finding.pk for finding in findings] == [short.pk]
    assert consistency.mend(findings).deleted_vectors == 1
    assert list(Embedding.objects.values_list("pk", flat=True)) == [fit.pk]


def test_the_command_reports_and_mends(poster: Poster, capsys: pytest.CaptureFixture[str]) -> None:
    path(poster.thumbnail.name).unlink()
    with pytest.raises(CommandError, match="--mend"):
        call_command("check_catalogue")
    output = capsys.readouterr().out
    assert f"1 {Kind.SMALLER}" in output and f"1 {Kind.NOT_EMBEDDED}" in output
    call_command("check_catalogue", mend=True)
    assert path(poster.thumbnail.name).exists()
    assert Embedding.objects.filter(poster=poster).count() == 1
    call_command("check_catalogue", deep=True)
    assert capsys.readouterr().out.endswith(f"{consistency.CONSISTENT}\n")
    path(poster.file.name).unlink()
    with pytest.raises(CommandError, match="cannot be fetched"):
        call_command("check_catalogue", mend=True)


def checked() -> Run:
    """A finished run of the check."""
    run = checking.start_check()
    assert run is not None
    leases.process_batch(run.pk, checking.check_item)
    lifecycle.settle(run.pk)
    run.refresh_from_db()
    assert run.state == Run.State.DONE
    return run


def test_a_run_over_a_consistent_catalogue() -> None:
    assert checked().message == consistency.CONSISTENT


def test_findings_are_listed_on_the_run(poster: Poster) -> None:
    default_storage.delete(str(poster.thumbnail))
    run = checked()
    assert f"1 {Kind.SMALLER}" in run.message
    assert run.params["findings"][0].endswith(".jpg cannot be read: No such file or directory")
    assert not default_storage.exists(str(poster.thumbnail))


def test_a_run_mends_findings_if_the_site_is_set_to(poster: Poster, settings: Any) -> None:
    settings.CHECK_MENDS = True
    lost = stored(2, "tmdb_page")
    default_storage.delete(str(poster.thumbnail))
    default_storage.delete(str(lost.file))
    checked()
    assert default_storage.exists(str(poster.thumbnail))
    fetching = Run.objects.get(kind="scrape")
    assert [item.movie for item in fetching.items.all()] == [lost.movie]
