"""How long it is remembered what imports changed, and which rows they did not take."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from catalog.models import ImportChange, Run

from .report import forget_old_listings

# Of an import of 60,000 titles it fills some 30 MB of the database.
KEPT_FOR = timedelta(days=90)
IMPORTS_KEPT = 10
LIVE = (Run.State.QUEUED, Run.State.RUNNING)


def forget_old_imports() -> None:
    """Delete what imports changed where it is too old to be undone, and listings of rows as old."""
    noted = ImportChange.objects.filter(run=OuterRef("pk"))
    undoable = Run.objects.filter(Exists(noted), kind=Run.IMPORT).exclude(state__in=LIVE)
    latest = list(undoable.order_by("-pk").values_list("pk", flat=True)[:IMPORTS_KEPT])
    too_old = undoable.filter(~Q(pk__in=latest) | Q(created_at__lt=timezone.now() - KEPT_FOR))
    being_undone = Run.objects.filter(kind="undo", state__in=LIVE)
    for run in too_old.exclude(pk__in=[undo.params["import"] for undo in being_undone]):
        with transaction.atomic():
            run.import_changes.all().delete()
            run.params = {**run.params, "changes_forgotten": True}
            run.save(update_fields=["params"])
    forget_old_listings(KEPT_FOR)
