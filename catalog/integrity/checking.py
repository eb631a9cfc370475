"""Check the catalogue as a run: what `sanity` finds is written on it, and mended where that was asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from django.conf import settings

from catalog.models import Movie, Run, RunItem
from catalog.runs import leases, lifecycle

from . import consistency
from .consistency import Kind

MEND = "mend"
DEEP = "deep"
FINDINGS_KEPT = 200
LOOKS_BETWEEN_CLAIMS = 200


class _Stopped(Exception):
    """The run was cancelled, or its claim taken over."""


def check_item(items: Sequence[RunItem]) -> None:
    """Look at the whole catalogue, write the findings on the run, mend if its params say so, and finish."""
    (item,) = items
    run = item.run

    def go_on(done: int) -> None:
        if done % LOOKS_BETWEEN_CLAIMS == 0 and not leases.renew(items):
            raise _Stopped

    counts: Counter[Kind] = Counter()
    kept: list[consistency.Finding] = []
    try:
        for finding in consistency.look(deep=bool(run.params.get(DEEP)), progress=go_on):
            counts[finding.kind] += 1
            # Thousands of posters may wait to be embedded, which needs no mending here.
            if finding.kind != Kind.UNEMBEDDED:
                kept.append(finding)
    except _Stopped:
        return
    said = ", ".join(f"{number} {kind}" for kind, number in counts.items())
    message = f"Found {said}." if said else "Everything fits."
    if run.params.get(MEND) and kept:
        done = consistency.mend(kept)
        message += (
            f" Mended: {done.rewritten} smaller pictures made anew, {done.removed_files} files and "
            f"{done.removed_vectors} vectors deleted."
        )
        if done.fetch:
            message += f" Being fetched again: {len(done.fetch)} posters."
            _fetch_again(done.fetch)
        if done.left:
            message += f" Left for a person: {len(done.left)} that came from files or uploads."
    elif kept:
        message += " Nothing was changed: manage.py check_catalogue --mend puts right what can be."
    run.params = {**run.params, "findings": [finding.what for finding in kept[:FINDINGS_KEPT]]}
    run.message = message
    run.save(update_fields=["params", "message"])
    leases.finish(item, said)


def start_check() -> Run | None:
    """Start the scheduled check; None while one is live."""
    return lifecycle.start_unless_live("check", params={MEND: settings.CHECK_MENDS})


def _fetch_again(movie_ids: Sequence[int]) -> None:
    lifecycle.start(
        "scrape",
        movies=Movie.objects.filter(pk__in=movie_ids),
        params={lifecycle.SAME_MOVIES: True},
        followed_by=("embed", "label"),
    )
