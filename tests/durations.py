"""Print how long each folder of tests took, as a table: `python -m tests.durations report.xml`.

The report is what `make test ARGS="--junitxml=report.xml -o junit_family=xunit1"` writes.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import PurePath
from xml.etree import ElementTree


def main(report: str) -> None:
    folders: defaultdict[str, list[float]] = defaultdict(list)
    for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314 (our own report)
        folder = PurePath(case.get("file", "")).parent
        folders["/".join(folder.parts[:3]) or "."].append(float(case.get("time", 0)))
    total = sum(map(sum, folders.values()))
    print("| folder | tests | seconds | share |\n|---|---:|---:|---:|")  # noqa: T201
    for name, times in sorted(folders.items(), key=lambda each: -sum(each[1])):
        print(f"| `{name}` | {len(times):,} | {sum(times):.0f} | {sum(times) / total:.0%} |")  # noqa: T201
    count = sum(map(len, folders.values()))
    print(f"| all | {count:,} | {total:.0f} | 100% |")  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1])
