"""On pages for staff: the hosts that posters come from and that are failing."""

from __future__ import annotations

from django import template

from catalog.models import Run
from catalog.posters.failing_hosts import failing_hosts

register = template.Library()


@register.simple_tag
def hosts_in_the_way(run: Run) -> list[str]:
    """Sentences about what a run has to wait for; none for a run that fetches nothing, or is over."""
    return failing_hosts() if run.is_live and run.kind == "scrape" else []
