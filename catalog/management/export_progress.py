"""Progress bars for exports and restores, one for each step."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import NoReturn, Self

from tqdm import tqdm


class ProgressBars:
    """Call it with a step, its finished items and their total. Without a terminal, it shows nothing."""

    def __init__(self) -> None:
        self._step = ""
        self._bar: tqdm[NoReturn] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, step: str, done: int, total: int) -> None:
        if step != self._step or self._bar is None:
            if self._bar is not None:
                self._bar.close()
            self._step = step
            self._bar = tqdm(
                total=total, desc=f"{step:<20}", unit="", file=sys.stderr, disable=not sys.stderr.isatty()
            )
        self._bar.total = total
        self._bar.update(done - self._bar.n)
