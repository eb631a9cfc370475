"""One hostile input, what must become of it, and what became of it when it was tried."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from catalog.fetching.errors import FetchError
from catalog.posters.sources.links import NoPosterFound
from catalog.titles.formats.records import SourceError
from ml.imaging.images import ImageRejected

TAKEN = "taken"


class Rejected(Exception):
    """A row that was reported and left out."""


@dataclass(frozen=True)
class Case:
    """`attempt` returns what was taken, in words, or raises what the code under trial raises.

    expected: TAKEN, a reason of ImageRejected, or the name of another error. within_mb: how much memory it
    may take beyond what the process has, 0 for not measured. slow: left out by the test-suite.
    """

    what: str
    expected: str
    attempt: Callable[[], str]
    within_mb: int = 0
    slow: bool = False


@dataclass(frozen=True)
class Outcome:
    case: Case
    code: str
    said: str
    grown_mb: float | None = None

    @property
    def as_expected(self) -> bool:
        too_much = self.case.within_mb and (self.grown_mb or 0) > self.case.within_mb
        return self.code == self.case.expected and not too_much

    @property
    def row(self) -> str:
        """The line of the table: nothing in it differs from run to run."""
        bound = f", within {self.case.within_mb} MB" if self.case.within_mb else ""
        return f"| {_cell(self.case.what)} | {self.code}{bound} | {_cell(self.said)} |"


def tried(cases: Iterable[Case]) -> Iterator[Outcome]:
    for case in cases:
        before = _reset_peak() if case.within_mb else None
        code, said = _attempted(case)
        grown = None if before is None else _memory_mb("VmHWM") - before
        yield Outcome(case, code, said, grown)


def _attempted(case: Case) -> tuple[str, str]:
    try:
        return TAKEN, case.attempt()
    except ImageRejected as error:
        return error.reason, str(error)
    except (FetchError, NoPosterFound, SourceError, Rejected) as error:
        return type(error).__name__, str(error)
    except Exception as error:  # noqa: BLE001 - any other is a hole, and the table says so
        return f"ESCAPED {type(error).__name__}", str(error)


def _cell(text: str) -> str:
    text = re.sub(r"127\.0\.0\.1:\d+", "site", text)
    # No machine's folders, and nothing that Markdown or a terminal would act on.
    text = re.sub(r"/[^ ]*/(rows-[^ /]*)/", "", text)
    shown = "".join(c if c.isprintable() else f"U+{ord(c):04X}" for c in text)
    shown = shown if len(shown) <= 180 else f"{shown[:179]}…"
    return shown.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*").replace("_", "\\_")


def _reset_peak() -> float | None:
    """Memory now, in MB, from which the peak is counted anew; None on systems other than Linux."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
        return _memory_mb("VmRSS")
    except OSError:
        return None


def _memory_mb(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024
