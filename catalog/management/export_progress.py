"""Bars for exports and restores: one for each thing that is being done."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import NoReturn, Self

from tqdm import tqdm


class ExportBars:
    """Called with what is done, how much of it and how much there is; nothing is shown without a terminal."""

    def __init__(self) -> None:
        self._what = ""
        self._bar: tqdm[NoReturn] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, what: str, done: int, total: int) -> None:
        if what != self._what or self._bar is None:
            if self._bar is not None:
                self._bar.close()
            self._what = what
            self._bar = tqdm(
                total=total, desc=f"{what:<20}", unit="", file=sys.stderr, disable=not sys.stderr.isatty()
            )
        self._bar.total = total
        self._bar.update(done - self._bar.n)
