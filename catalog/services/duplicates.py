"""Duplicates: which movies show one picture, found anew without forgetting what people said."""

from __future__ import annotations

from collections.abc import Collection

from catalog.models import DuplicateGroup, DuplicateMember

IDS_PER_QUERY = 1000
JOINED = (DuplicateGroup.State.OPEN, DuplicateGroup.State.MERGED)


def groups_of(poster_ids: Collection[int]) -> dict[int, int]:
    """Group number by poster id, for those of the posters that are in an open or merged group.

    Posters with the same number show one picture. Those a person kept apart are not told here, nor those
    that were found by nobody yet.
    """
    found: dict[int, int] = {}
    wanted = sorted(set(poster_ids))
    for start in range(0, len(wanted), IDS_PER_QUERY):
        members = DuplicateMember.objects.filter(
            poster__in=wanted[start : start + IDS_PER_QUERY], group__state__in=JOINED
        )
        # Of several the proposal is the latest word: a merged group's poster can be found alike again.
        rows = members.order_by("is_open", "group_id").values_list("poster_id", "group_id")
        found.update((poster, group) for poster, group in rows if poster is not None)
    return found
