"""Repeated ids in a file are detected, also in a long file."""

import tracemalloc

import pytest

from catalog.titles.formats._cells import InvalidCell, RepeatedRow
from catalog.titles.formats._parsing import SeenIds
from catalog.titles.formats.records import TitleRecord


def test_an_id_is_accepted_once() -> None:
    seen = SeenIds()
    for n in range(1, 300):
        seen.add(TitleRecord("x", tmdb_id=n, imdb_id=f"tt{n:07d}", local_id=str(n), line=n))
    for n in (1, 150, 299):
        for record in (
            TitleRecord("x", tmdb_id=n, movielens_id=5_000),
            TitleRecord("x", imdb_id=f"tt{n:07d}", movielens_id=5_000),
            TitleRecord("x", local_id=str(n), movielens_id=5_000),
        ):
            with pytest.raises(InvalidCell, match=f"was already on line {n}$"):
                seen.add(record)
    # No other id of the rejected rows was stored, and kinds do not mix.
    seen.add(TitleRecord("x", movielens_id=5_000))
    seen.add(TitleRecord("x", movielens_id=7), file="7")


def test_a_repeated_title_is_distinguished_from_another_title_with_its_id() -> None:
    seen = SeenIds()
    seen.add(TitleRecord("x", 1998, ("Drama",), tmdb_id=8, file="a.csv", line=8))
    with pytest.raises(RepeatedRow, match="line 8"):
        seen.add(TitleRecord("x", 1998, ("Drama",), tmdb_id=8, file="a.csv", line=90))
    for other in (
        TitleRecord("x", 1998, ("War",), tmdb_id=8),
        TitleRecord("y", 1998, ("Drama",), tmdb_id=8),
        TitleRecord("x", 1998, ("Drama",), tmdb_id=8, imdb_id="tt0000008"),
    ):
        with pytest.raises(InvalidCell) as refused:
            seen.add(other)
        assert not isinstance(refused.value, RepeatedRow)


def test_memory_does_not_grow_with_ids() -> None:
    peaks = []
    for count in (1_000, 4_000):
        seen = SeenIds()
        tracemalloc.start()
        for n in range(1, count):
            seen.add(TitleRecord("x", tmdb_id=n, imdb_id=f"tt{n:07d}"))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 100_000
