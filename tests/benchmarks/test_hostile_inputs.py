"""docs/hostile-inputs.md is what the code does: every input that is tried in little time is tried here."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from benchmarks.hostile.cases import tried
from benchmarks.hostile_inputs import KINDS, PAGE, head

TEXT = PAGE.read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


def rows_of(kind: str) -> list[str]:
    section = TEXT.partition(f"\n## {kind}\n")[2].partition("\n## ")[0]
    return [line for line in section.splitlines() if line.startswith("| ")][1:]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore")
def test_every_hostile_input_ends_as_the_page_says(kind: str) -> None:
    cases = KINDS[kind][1]()
    rows = rows_of(kind)
    assert len(rows) == len(cases), "run python -m benchmarks.hostile_inputs --write"
    for outcome in tried(case for case in cases if not case.slow):
        assert outcome.code == outcome.case.expected, (outcome.case.what, outcome.said)
        assert outcome.row in rows


def test_the_page_begins_as_it_is_written_and_names_each_kind() -> None:
    assert TEXT.startswith(head())
    assert [line[3:] for line in TEXT.splitlines() if line.startswith("## ")] == list(KINDS)
