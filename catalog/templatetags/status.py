"""Template tags for the admin's status panel, and for hosts that delay a run."""

from __future__ import annotations

from typing import Any

from django import template

from catalog import counts
from catalog.duplicates import groups
from catalog.genres import model_differences, promotion
from catalog.models import Run
from catalog.posters.failing_hosts import failing_hosts
from catalog.runs import lifecycle

register = template.Library()
RUNS_SHOWN = 5


@register.inclusion_tag("admin/status_panel.html", takes_context=True)
def status_panel(context: template.Context) -> dict[str, Any]:
    """Counts, live runs and links to what is pending, as far as the user's permissions allow."""
    user = context["request"].user
    may_view_runs = user.has_perm("catalog.view_run") or user.has_perm("catalog.start_run")
    may_decide = user.has_perm("catalog.decide_duplicate")
    active = promotion.active_model() if user.has_perm("catalog.change_genremodel") else None
    candidate = promotion.newest_candidate(active) if active else None
    live = list(lifecycle.live_runs()[: RUNS_SHOWN + 1]) if may_view_runs else []
    return {
        "counts": counts.catalogue_counts(),
        "live": live[:RUNS_SHOWN],
        "more_live": len(live) > RUNS_SHOWN,
        "may_view_runs": may_view_runs,
        "failing": failing_hosts() if may_view_runs else [],
        "candidate": candidate,
        "headline": model_differences.headline(candidate, active) if candidate and active else "",
        "may_decide_duplicates": may_decide,
        "duplicates": groups.open_groups().count() if may_decide else 0,
        "may_review": user.has_perm("catalog.review_suggestion"),
        "may_view_movies": user.has_perm("catalog.view_movie"),
    }


@register.simple_tag
def hosts_delaying(run: Run) -> list[str]:
    """A sentence for each failing host that the run waits for; none unless it is fetching."""
    return failing_hosts() if run.is_live and run.kind == "scrape" else []
