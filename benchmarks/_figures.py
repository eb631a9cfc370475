"""Shared by the benchmarks: seconds and memory of a process, medians with their range, tables, JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Self


class Stopwatch:
    """Seconds that a block took: `wall_s`, and `cpu_s` of all threads of this process."""

    wall_s = cpu_s = 0.0

    def __enter__(self) -> Self:
        self._began = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *error: object) -> None:
        wall, cpu = self._began
        self.wall_s, self.cpu_s = time.perf_counter() - wall, time.process_time() - cpu


def memory_mb(pid: int | str = "self", name: str = "VmHWM") -> float:
    """MB of a process (Linux): `VmHWM` is the most it ever held, `Pss` its share of what processes share."""
    file = Path(f"/proc/{pid}") / ("smaps_rollup" if name == "Pss" else "status")
    line = next(line for line in file.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024 / 1e6


def summary(values: Iterable[float]) -> dict[str, float]:
    found = sorted(values)
    return {"median": median(found), "min": found[0], "max": found[-1]}


def spread(values: Iterable[float], digits: int = 1) -> str:
    """The median with the minimum and the maximum, as text."""
    found = summary(values)
    middle, low, high = (f"{found[name]:,.{digits}f}" for name in ("median", "min", "max"))
    return f"{middle} ({low}–{high})"


def ratios(theirs: Sequence[float], ours: Sequence[float]) -> list[float]:
    """How many times ours is less, turn by turn."""
    return [a / b for a, b in zip(theirs, ours, strict=True)]


def markdown(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def write_json(path: Path | None, results: Mapping[str, Any] | Sequence[Any]) -> None:
    """Write the results of a benchmark, if a file was named."""
    if path:
        path.write_text(json.dumps(results, indent=1) + "\n")
