"""Check the catalogue as a run, which lists what was found and repairs it on request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from django.conf import settings

from catalog.models import Movie, Run, RunItem
from catalog.runs import leases, lifecycle

from . import consistency
from .consistency import Finding, Kind

# Parameters of the run.
MEND = "mend"
DEEP = "deep"
FINDINGS_LISTED = 200
POSTERS_PER_RENEWAL = 200


class _Stopped(Exception):
    """The run was cancelled, or its lease expired."""


def check_item(items: Sequence[RunItem]) -> None:
    """Check the catalogue, write the findings to the run, and mend them if its parameters say so."""
    (item,) = items
    run = item.run

    def renew_lease(done: int) -> None:
        if done % POSTERS_PER_RENEWAL == 0 and not leases.renew(items):
            raise _Stopped

    counts: Counter[Kind] = Counter()
    findings: list[Finding] = []
    try:
        for finding in consistency.check(deep=bool(run.params.get(DEEP)), progress=renew_lease):
            counts[finding.kind] += 1
            # There may be thousands, and the next embedding run repairs them.
            if finding.kind != Kind.NOT_EMBEDDED:
                findings.append(finding)
    except _Stopped:
        return
    summary = ", ".join(f"{number} {kind}" for kind, number in counts.items())
    message = f"Found {summary}." if summary else consistency.CONSISTENT
    if run.params.get(MEND) and findings:
        mended = consistency.mend(findings)
        message += f" {mended.summary}"
        if mended.fetch:
            message += f" Fetching {len(mended.fetch)} posters again."
            _fetch_again(mended.fetch)
        if mended.unresolved:
            message += f" {len(mended.unresolved)} posters from files or uploads must be replaced by hand."
    elif findings:
        message += " Nothing was changed. To repair what can be: manage.py check_catalogue --mend"
    run.params = {**run.params, "findings": [finding.message for finding in findings[:FINDINGS_LISTED]]}
    run.message = message
    run.save(update_fields=["params", "message"])
    leases.finish(item, summary)


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
