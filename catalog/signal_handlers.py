"""Signal handlers: index movies, delete files of posters, and prepare the database after migrations."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from catalog.embeddings import vector_index
from catalog.posters.storage import delete_unless_used

from . import search
from .append_only_triggers import create_triggers, drop_triggers
from .models import Movie, Poster


@receiver(post_save, sender=Movie)
def index_for_search(instance: Movie, update_fields: frozenset[str] | None, **_: Any) -> None:
    if update_fields is None or search.INDEXED_FIELDS & update_fields:
        search.index([instance.pk])


@receiver(post_delete, sender=Poster)
def delete_picture_files(instance: Poster, **_: Any) -> None:
    """The pictures of a deleted poster must not remain accessible."""
    names = [str(picture.name) for picture in (instance.file, instance.medium, instance.thumbnail)]
    transaction.on_commit(partial(delete_unless_used, instance.sha256, names))


def drop_triggers_before_migrations(using: str, plan: Sequence[Any] = (), **_: Any) -> None:
    """Migrations may change append-only tables and the columns that triggers name."""
    if plan:
        drop_triggers(connections[using])


def create_triggers_after_migrations(using: str, **_: Any) -> None:
    """Protect append-only tables again."""
    create_triggers(connections[using])


def prepare_search_after_migrations(using: str, plan: Sequence[Any] = (), **_: Any) -> None:
    """Index all movies after an upgrade, otherwise only those that are not indexed."""
    if using == DEFAULT_DB_ALIAS:
        search.prepare(rebuild=any(migration.app_label == "catalog" for migration, _ in plan))


def prepare_vectors_after_migrations(using: str, **_: Any) -> None:
    """Create the table of vectors where PostgreSQL has pgvector."""
    if using == DEFAULT_DB_ALIAS:
        vector_index.prepare()
