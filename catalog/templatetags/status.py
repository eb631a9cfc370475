"""The status panel on top of Django admin's index."""

from __future__ import annotations

from typing import Any

from django import template

from catalog import counts
from catalog.duplicates import groups
from catalog.posters.failing_hosts import failing_hosts
from catalog.runs import lifecycle

register = template.Library()
RUNS_SHOWN = 5


@register.inclusion_tag("admin/status_panel.html", takes_context=True)
def status_panel(context: template.Context) -> dict[str, Any]:
    """Counts, what is running, and the way to what waits, as far as the signed-in person may see them."""
    user = context["request"].user
    may_see_runs = user.has_perm("catalog.view_run") or user.has_perm("catalog.start_run")
    may_decide = user.has_perm("catalog.decide_duplicate")
    live = list(lifecycle.live_runs()[: RUNS_SHOWN + 1]) if may_see_runs else []
    return {
        "counts": counts.catalogue_counts(),
        "live": live[:RUNS_SHOWN],
        "more_live": len(live) > RUNS_SHOWN,
        "may_see_runs": may_see_runs,
        "failing": failing_hosts() if may_see_runs else [],
        "may_decide_duplicates": may_decide,
        "duplicates": groups.open_groups().count() if may_decide else 0,
        "may_review": user.has_perm("catalog.review_suggestion"),
        "may_view_movies": user.has_perm("catalog.view_movie"),
    }
