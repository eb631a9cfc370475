"""Tries every hostile input we know of, offline, and says what became of each; writes docs/hostile-inputs.md.

    python -m benchmarks.hostile_inputs [--only KIND] [--write]

URLs and names go to the guard (DNS answers are a stub's), answers come from a loopback server that it starts
itself, pictures go to the image opener, rows, pages and robots.txt to their parsers. Ends with status 1 when
anything differs from what is expected, or takes more memory than its line allows (measured on Linux).
"""

import argparse
import logging
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

from benchmarks.hostile import addresses, answers, pages, pictures, rows
from benchmarks.hostile.cases import Case, Outcome, tried

PAGE = Path(__file__).parent.parent / "docs" / "hostile-inputs.md"

KINDS: dict[str, tuple[str, Callable[[], list[Case]]]] = {
    "URLs": ("The policy allows https://films.example.", addresses.urls),
    "DNS": ("films.example resolves to this.", addresses.names),
    "Redirects": ("A page answers 302.", answers.redirects),
    "Answers": ("Headers and bodies; the cap is a million bytes.", answers.answers),
    "Pictures": ("As fetched, uploaded or imported from a folder.", pictures.pictures),
    "Rows": ("Of files with titles.", rows.rows),
    "Pages": ("Of films, read for their posters.", pages.pages),
    "API": ("Answers of TMDB's API.", pages.api),
    "robots.txt": ("Whatever it holds, it is some rules.", pages.robots),
}
_HEAD = """# Hostile inputs

What was tried against the guard, the fetching, the image opener and the parsers, and what became of it.
Written by `python -m benchmarks.hostile_inputs --write`, which fails when anything is not as expected; a test
holds this page to it.

*taken* means: used as said. Anything else is the error's name or the picture's reason, with the sentence that
a person gets. *within* is memory beyond what the process had. A row that is `Rejected` is reported with file
and line while the rest goes on.
"""


def head() -> str:
    """How the page begins."""
    return _HEAD


def main() -> int:
    parser = argparse.ArgumentParser(description="Try hostile inputs.")
    parser.add_argument("--only", choices=KINDS, help="one kind")
    parser.add_argument("--write", action="store_true", help="write docs/hostile-inputs.md")
    options = parser.parse_args()
    quiet()
    wrong: list[Outcome] = []
    count = 0
    text = _HEAD
    for kind in [options.only] if options.only else KINDS:
        said, outcomes = KINDS[kind][0], list(tried(KINDS[kind][1]()))
        section = f"\n## {kind}\n\n{said}\n\n| input | becomes | what was said |\n|---|---|---|\n"
        section += "".join(f"{outcome.row}\n" for outcome in outcomes)
        print(section, flush=True)
        text += section
        count += len(outcomes)
        wrong += [outcome for outcome in outcomes if not outcome.as_expected]
    for outcome in wrong:
        sys.stderr.write(
            f"WRONG: {outcome.case.what}: {outcome.code} instead of {outcome.case.expected}, "
            f"{outcome.grown_mb or 0:.0f} MB: {outcome.said[:200]}\n"
        )
    print(f"{count} inputs tried, {len(wrong)} not as expected.")
    if options.write and not options.only and not wrong:
        PAGE.write_text(text, encoding="utf-8")
    return 1 if wrong else 0


def quiet() -> None:
    """Libraries warn of each hostile input, as they should."""
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")


if __name__ == "__main__":
    sys.exit(main())
