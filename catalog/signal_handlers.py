"""What must follow a row's deletion, whoever deletes it: a poster's pictures go with its last row."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models.signals import post_delete
from django.dispatch import receiver

from .models import Poster


@receiver(post_delete, sender=Poster)
def forget_pictures(instance: Poster, **_: Any) -> None:
    """A poster that was taken down must not stay readable at its old address."""
    names = [str(picture.name) for picture in (instance.file, instance.medium, instance.thumbnail)]
    transaction.on_commit(partial(_delete_unless_shared, instance.sha256, names))


def _delete_unless_shared(sha256: str, names: list[str]) -> None:
    # Files are named by content, and two movies may share one picture.
    if not Poster.objects.filter(sha256=sha256).exists():
        for name in names:
            default_storage.delete(name)
