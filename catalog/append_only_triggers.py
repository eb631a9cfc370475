"""Database triggers that reject changes and deletions of rows in append-only tables.

A migration cannot create them, because SQLite drops the triggers of a table that a later migration rebuilds:
`migrate` drops them before its first migration and creates them after its last.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db import models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from .models.append_only import AppendOnly

FUNCTION = "catalog_refuse_append_only_change"
_CREATE_FUNCTION = f"""
CREATE OR REPLACE FUNCTION {FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed or deleted', TG_TABLE_NAME
    USING ERRCODE = 'integrity_constraint_violation';
END $$
"""
# TRUNCATE on PostgreSQL does not fire DELETE triggers. SQLite has no TRUNCATE.
_EVENTS = {"sqlite": ("UPDATE", "DELETE"), "postgresql": ("UPDATE", "DELETE", "TRUNCATE")}


def append_only_models() -> list[type[AppendOnly]]:
    """All append-only models."""
    return [model for model in apps.get_models() if issubclass(model, AppendOnly)]


def missing_triggers(connection: BaseDatabaseWrapper) -> list[str]:
    """Names of triggers that do not exist in this database."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        elif connection.vendor == "postgresql":
            # A disabled trigger counts as missing.
            cursor.execute("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'")
        else:
            return []
        present = {name for (name,) in cursor.fetchall()}
    return [name for _, _, name in _triggers(connection) if name not in present]


def create_triggers(connection: BaseDatabaseWrapper) -> None:
    """Create the triggers of all append-only tables, replacing existing ones."""
    with transaction.atomic(using=connection.alias):
        drop_triggers(connection)
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute(_CREATE_FUNCTION)
            for model, event, name in _triggers(connection):
                cursor.execute(_create(connection, model, event, name))


def drop_triggers(connection: BaseDatabaseWrapper) -> None:
    """Drop the triggers, for migrations and `flush`."""
    with connection.cursor() as cursor:
        for model, _, name in _triggers(connection):
            table = f" ON {model._meta.db_table}" if connection.vendor == "postgresql" else ""
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}{table}")


def _triggers(connection: BaseDatabaseWrapper) -> Iterator[tuple[type[AppendOnly], str, str]]:
    """Model, event and name of the trigger for each existing table."""
    tables = set(connection.introspection.table_names())
    for model in append_only_models():
        if model._meta.db_table in tables:
            for event in _EVENTS.get(connection.vendor, ()):
                yield model, event, f"{model._meta.db_table}_refuses_{event.lower()}"


def _create(connection: BaseDatabaseWrapper, model: type[AppendOnly], event: str, name: str) -> str:
    table = model._meta.db_table
    when = _forbidden_update(connection, model) if event == "UPDATE" else ""
    if connection.vendor == "sqlite":
        refuse = f"SELECT RAISE(ABORT, 'rows of {table} are never changed or deleted');"
        return f"CREATE TRIGGER {name} BEFORE {event} ON {table} {when} BEGIN {refuse} END"
    each = "STATEMENT" if event == "TRUNCATE" else "ROW"
    how = f"FOR EACH {each} {when} EXECUTE FUNCTION {FUNCTION}()"
    return f"CREATE TRIGGER {name} BEFORE {event} ON {table} {how}"


def _forbidden_update(connection: BaseDatabaseWrapper, model: type[AppendOnly]) -> str:
    """The WHEN clause of UPDATE triggers: only foreign keys with SET_NULL may change, and only to NULL."""
    nullable = {field.column for field in model._meta.concrete_fields if _is_set_null(field)}
    if not nullable:
        return ""
    with connection.cursor() as cursor:
        # The table's columns, because the database may be at an earlier migration than the model.
        described = connection.introspection.get_table_description(cursor, model._meta.db_table)
    differs = "IS NOT" if connection.vendor == "sqlite" else "IS DISTINCT FROM"
    changes = []
    for name in (each.name for each in described):
        column = connection.ops.quote_name(name)
        change = f"NEW.{column} {differs} OLD.{column}"
        changes.append(f"({change} AND NEW.{column} IS NOT NULL)" if name in nullable else change)
    return f"WHEN ({' OR '.join(changes)})"


def _is_set_null(field: Any) -> bool:
    return field.remote_field is not None and field.remote_field.on_delete is models.SET_NULL
