"""Ids that a file gives twice are found however long the file, in memory that does not grow with it."""

import tracemalloc

import pytest

from catalog.titles.formats import _parsing
from catalog.titles.formats._cells import BadCell, RepeatedRow
from catalog.titles.formats._parsing import Repeats
from catalog.titles.formats.records import TitleRecord


@pytest.mark.parametrize("most_in_memory", [1, 3, 100, 10_000])
def test_a_repeat_is_found_in_memory_and_on_disk(
    most_in_memory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_parsing, "MOST_IN_MEMORY", most_in_memory)
    seen = Repeats()
    for n in range(1, 300):
        seen.refuse_any(n, TitleRecord("x", tmdb_id=n, imdb_id=f"tt{n:07d}", local_id=str(n)))
    for n in (1, 150, 299):
        for record in (
            TitleRecord("x", tmdb_id=n, movielens_id=5_000),
            TitleRecord("x", imdb_id=f"tt{n:07d}", movielens_id=5_000),
            TitleRecord("x", local_id=str(n), movielens_id=5_000),
        ):
            with pytest.raises(BadCell, match=f"was already on line {n}$"):
                seen.refuse_any(900, record)
    # None of the refused rows' other ids was remembered, and kinds do not mix.
    seen.refuse_any(901, TitleRecord("x", movielens_id=5_000))
    seen.refuse_any(902, TitleRecord("x", movielens_id=7), file="7")


@pytest.mark.parametrize("most_in_memory", [1, 10_000])
def test_a_row_that_says_the_same_is_told_from_one_that_does_not(
    most_in_memory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_parsing, "MOST_IN_MEMORY", most_in_memory)
    seen = Repeats()
    for n in range(1, 9):
        seen.refuse_any(n, TitleRecord("x", 1990 + n, ("Drama",), tmdb_id=n, file="a.csv", line=n))
    with pytest.raises(RepeatedRow, match="line 8"):
        seen.refuse_any(90, TitleRecord("x", 1998, ("Drama",), tmdb_id=8, file="a.csv", line=90))
    for other in (
        TitleRecord("x", 1998, ("War",), tmdb_id=8),
        TitleRecord("y", 1998, ("Drama",), tmdb_id=8),
        TitleRecord("x", 1998, ("Drama",), tmdb_id=8, imdb_id="tt0000008"),
    ):
        with pytest.raises(BadCell) as refused:
            seen.refuse_any(91, other)
        assert not isinstance(refused.value, RepeatedRow)


def test_memory_does_not_grow_with_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_parsing, "MOST_IN_MEMORY", 500)
    peaks = []
    for count in (1_000, 4_000):
        seen = Repeats()
        tracemalloc.start()
        for n in range(1, count):
            seen.refuse_any(n, TitleRecord("x", tmdb_id=n, imdb_id=f"tt{n:07d}"))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 100_000
