"""What follows a change of a row, whoever changes it, and a migration of the database."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from catalog.posters.storage import delete_unless_used

from . import search
from .append_only_triggers import create_triggers, drop_triggers
from .models import Movie, Poster


@receiver(post_save, sender=Movie)
def index_for_search(instance: Movie, update_fields: frozenset[str] | None, **_: Any) -> None:
    if update_fields is None or search.INDEXED_FIELDS & update_fields:
        search.index([instance.pk])


@receiver(post_delete, sender=Poster)
def forget_pictures(instance: Poster, **_: Any) -> None:
    """A poster that was taken down must not stay readable at its old address."""
    names = [str(picture.name) for picture in (instance.file, instance.medium, instance.thumbnail)]
    transaction.on_commit(partial(delete_unless_used, instance.sha256, names))


def drop_triggers_before_migrations(using: str, plan: Sequence[Any] = (), **_: Any) -> None:
    """A migration may alter append-only tables, and their triggers name columns."""
    if plan:
        drop_triggers(connections[using])


def create_triggers_after_migrations(using: str, **_: Any) -> None:
    """Whatever migrations did to the tables, they are protected afterwards."""
    create_triggers(connections[using])


def prepare_search_after_migrations(using: str, plan: Sequence[Any] = (), **_: Any) -> None:
    """After an upgrade all movies are indexed again, else only those that are missing."""
    if using == DEFAULT_DB_ALIAS:
        search.prepare(anew=any(migration.app_label == "catalog" for migration, _ in plan))
