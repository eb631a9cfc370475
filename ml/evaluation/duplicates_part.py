"""The page's part about altered copies: how many are traced to their poster by hash, features and both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ml.evaluation.tables import escaped, interval, signed, table

_HEAD = ("altered copy", "by hash", "by features", "by both")


def duplicates_part(report: Mapping[str, Any]) -> Iterable[str]:
    """Nothing where no copies were looked for."""
    found = report["duplicates"]
    if found is None:
        return
    against = report["against"] and report["against"]["duplicates"]
    yield "<h2>Duplicates</h2>"
    yield (
        f'<p class="quiet">Recall@1: altered copies of {found["n"]:,} posters, each looked for among all '
        f"{found['among']:,}. By hash: fewest bits apart. By features: nearest vector. By both: those at "
        f"most {found['bits']} bits from the copy or its mirror image first, then by features.</p>"
    )
    yield _table(found, report["model"]["name"])
    if against:
        yield _table(against, report["against"]["model"]["name"])
        apart = report["differences"]["duplicates"]
        yield table(
            (_HEAD[0], *_HEAD[2:]),
            [
                (what, *(signed("", row[way]) for way in ("features", "both")))
                for what, row in _rows(apart, found["everyday_of"])
            ],
            f"Paired differences from {escaped(report['differences']['minus'])}.",
        )


def _table(found: Mapping[str, Any], name: str) -> str:
    rows = [
        (what, *(interval("", row[way]) for way in ("hash", "features", "both")))
        for what, row in _rows(found, found["everyday_of"])
    ]
    return table(_HEAD, rows, escaped(name))


def _rows(found: Mapping[str, Any], everyday: Iterable[str]) -> list[tuple[str, Mapping[str, Any]]]:
    each = found["alterations"]
    whats = ", ".join(name.replace("_", " ") for name in everyday)
    return [
        (f"mean of {whats}", found["everyday"]),
        *((escaped(row["what"]), row) for row in each.values()),
    ]
