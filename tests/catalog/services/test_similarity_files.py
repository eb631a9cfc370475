"""The file that look-alikes are found in: shared by processes, made once, and never an earlier state's."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from catalog.models import Embedding, Extractor, Movie
from catalog.services import similarity
from catalog.services.similarity import lookalikes
from ml.hubness import hub_correction, read_correction, write_correction
from tests.factories import EmbeddingFactory, ExtractorFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def extractor() -> Extractor:
    return ExtractorFactory(spec="pixels", dims=4)


@pytest.fixture
def movies(extractor: Extractor) -> list[Movie]:
    rows = [EmbeddingFactory(extractor=extractor, values=[n, 0, 0, 0]) for n in range(4)]
    return [row.poster.movie for row in rows]


def homes(settings: Any) -> list[Path]:
    return sorted(Path(settings.INDEX_DIR).glob("*/*"))


READ = "import numpy, sys; print(numpy.load(sys.argv[1], mmap_mode='r').tolist())"


def forget() -> None:
    similarity._loaded.clear()


def test_a_second_process_maps_the_same_file(
    extractor: Extractor, movies: list[Movie], settings: Any
) -> None:
    first = lookalikes(movies[0], extractor)
    [home] = homes(settings)
    made = (home / "vectors.npy").stat()
    forget()
    assert lookalikes(movies[0], extractor) == first
    assert (home / "vectors.npy").stat() == made
    seen = subprocess.run(
        [sys.executable, "-c", READ, str(home / "vectors.npy")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert seen.stdout.strip() == str([[float(n), 0.0, 0.0, 0.0] for n in range(4)])


def test_it_is_mapped_not_read_into_memory(extractor: Extractor, movies: list[Movie]) -> None:
    lookalikes(movies[0], extractor)
    loaded = list(similarity._loaded.values())[-1]
    assert loaded.stamp.rows == 4
    assert isinstance(loaded.vectors, np.memmap)
    assert loaded.vectors.dtype == np.float32


def test_nothing_but_the_finished_files_is_left(
    extractor: Extractor, movies: list[Movie], settings: Any
) -> None:
    lookalikes(movies[0], extractor)
    [home] = homes(settings)
    assert sorted(path.name for path in home.iterdir()) == ["ids.npy", "vectors.npy"]


def hubs(home: Path) -> Path:
    return home / similarity.CORRECTION


def test_a_hub_correction_lies_beside_vectors_compared_by_cosine(settings: Any) -> None:
    seen = ExtractorFactory(spec="postersite", dims=4)
    movies = [EmbeddingFactory(extractor=seen, values=[1, n, 0, 0]).poster.movie for n in range(5)]
    # The ball tree needs none, and may have made the other files first.
    lookalikes(movies[0], seen, method="ball_tree")
    [home] = homes(settings)
    assert not hubs(home).exists()
    before = lookalikes(movies[0], seen)
    held = hubs(home).read_bytes()
    assert sorted(path.name for path in home.iterdir()) == [similarity.CORRECTION, "ids.npy", "vectors.npy"]
    made = hubs(home).stat()
    forget()
    assert lookalikes(movies[0], seen) == before
    assert hubs(home).stat() == made
    for damaged in (held[:100], b""):
        hubs(home).write_bytes(damaged)
        forget()
        assert lookalikes(movies[0], seen) == before
        assert read_correction(hubs(home)).fits(np.empty((5, 4)))


def test_a_hub_correction_of_other_vectors_is_made_again(settings: Any) -> None:
    seen = ExtractorFactory(spec="postersite", dims=4)
    movies = [EmbeddingFactory(extractor=seen, values=[1, n, 0, 0]).poster.movie for n in range(5)]
    before = lookalikes(movies[0], seen)
    [home] = homes(settings)
    write_correction(hub_correction(np.ones((6, 4), np.float32)), hubs(home))
    forget()
    assert lookalikes(movies[0], seen) == before
    assert read_correction(hubs(home)).fits(np.empty((5, 4)))


def test_files_of_earlier_states_go_once_nobody_can_be_about_to_open_them(
    extractor: Extractor, movies: list[Movie], settings: Any
) -> None:
    lookalikes(movies[0], extractor)
    [earlier] = homes(settings)
    EmbeddingFactory(extractor=extractor, values=[9, 0, 0, 0])
    lookalikes(movies[0], extractor)
    assert earlier in homes(settings)
    long_ago = time.time() - similarity.KEPT_S - 1
    os.utime(earlier, (long_ago, long_ago))
    EmbeddingFactory(extractor=extractor, values=[10, 0, 0, 0])
    lookalikes(movies[0], extractor)
    assert earlier not in homes(settings)
    assert len(homes(settings)) == 2


def test_a_process_that_still_maps_an_earlier_file_is_not_disturbed(
    extractor: Extractor, movies: list[Movie], settings: Any
) -> None:
    before = lookalikes(movies[0], extractor)
    for home in homes(settings):
        for file in home.iterdir():
            file.unlink()
        home.rmdir()
    assert lookalikes(movies[0], extractor) == before
    forget()
    assert lookalikes(movies[0], extractor) == before


def test_a_database_made_anew_does_not_find_the_files_of_the_one_before(
    extractor: Extractor, movies: list[Movie], settings: Any
) -> None:
    lookalikes(movies[0], extractor)
    # The same number of rows with the same ids, but other vectors, as after an import into a new database.
    rows = list(Embedding.objects.order_by("pk").select_related("poster"))
    Embedding.objects.all().delete()
    for row, number in zip(rows, [0, 3, 2, 1], strict=True):
        EmbeddingFactory(pk=row.pk, poster=row.poster, extractor=extractor, values=[number, 0, 0, 0])
    forget()
    found = lookalikes(movies[0], extractor)
    assert [each.movie.title for each in found] == [movies[n].title for n in (3, 2, 1)]


def test_a_build_that_another_process_finished_first_is_harmless(
    extractor: Extractor, movies: list[Movie], settings: Any
) -> None:
    before = lookalikes(movies[0], extractor)
    [home] = homes(settings)
    stamp = list(similarity._loaded.values())[-1].stamp
    similarity._write_matrix(extractor, stamp, home)
    assert homes(settings) == [home]
    forget()
    assert lookalikes(movies[0], extractor) == before
