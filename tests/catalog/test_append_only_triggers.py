"""The database refuses to change or delete decisions, whatever asks, and says so when it would not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, models, transaction
from django.db.migrations.executor import MigrationExecutor

from catalog.append_only_triggers import append_only_models, drop_triggers, missing_triggers
from catalog.checks import site_messages
from catalog.models import DuplicateDecision, Movie, ReviewDecision
from catalog.models.append_only import AppendOnly
from tests.factories import GenreFactory, MovieFactory, UserFactory

pytestmark = pytest.mark.django_db


def run_sql(sql: str, *values: int) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, values or None)


def review_decision() -> AppendOnly:
    return ReviewDecision.objects.create(
        reviewer=UserFactory(), movie=MovieFactory(), genre=GenreFactory(), verdict="added"
    )


def duplicate_decision() -> AppendOnly:
    return DuplicateDecision.objects.create(
        verdict="apart", decided_by=UserFactory(), movie=MovieFactory(), details={"why": "they differ"}
    )


DECISIONS = {ReviewDecision: review_decision, DuplicateDecision: duplicate_decision}


def test_every_append_only_model_is_tried_here() -> None:
    assert set(append_only_models()) == set(DECISIONS)


@pytest.mark.parametrize("make", DECISIONS.values())
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE {} SET verdict = 'wrong'",
        "UPDATE {} SET created_at = '2001-01-01T00:00:00Z'",
        "UPDATE {} SET id = id + 1000",
        "DELETE FROM {}",
    ],
)
def test_rows_stay_as_they_are(make: Callable[[], AppendOnly], change: str) -> None:
    row = make()
    before = list(type(row)._base_manager.values())
    with pytest.raises(IntegrityError, match=row._meta.db_table):
        run_sql(change.format(row._meta.db_table))
    assert list(type(row)._base_manager.values()) == before


def test_tables_cannot_be_truncated_on_postgresql() -> None:
    if connection.vendor != "postgresql":
        return  # SQLite knows no TRUNCATE
    duplicate_decision()
    run_sql("SET CONSTRAINTS ALL IMMEDIATE")
    with pytest.raises(IntegrityError):
        run_sql("TRUNCATE catalog_duplicatedecision")


def test_only_the_reference_to_a_deleted_movie_is_emptied() -> None:
    decision = duplicate_decision()
    other = MovieFactory()
    with pytest.raises(IntegrityError):
        run_sql("UPDATE catalog_duplicatedecision SET movie_id = %s", other.pk)
    with pytest.raises(IntegrityError):
        run_sql("UPDATE catalog_duplicatedecision SET movie_id = NULL, verdict = 'wrong'")
    Movie.objects.all().delete()
    decision.refresh_from_db()
    assert (decision.movie_id, decision.verdict) == (None, "apart")  # type: ignore[attr-defined]


def test_the_check_names_missing_triggers_and_migrate_creates_them_again() -> None:
    assert missing_triggers(connection) == []
    assert "catalog.W005" not in {message.id for message in site_messages()}
    drop_triggers(connection)
    [message] = [message for message in site_messages() if message.id == "catalog.W005"]
    assert "catalog_reviewdecision" in message.msg and "migrate" in str(message.hint)
    call_command("migrate", verbosity=0)
    assert missing_triggers(connection) == []


def test_a_trigger_that_was_switched_off_counts_as_missing() -> None:
    if connection.vendor != "postgresql":
        return  # SQLite's are there or not
    run_sql("ALTER TABLE catalog_reviewdecision DISABLE TRIGGER ALL")
    assert missing_triggers(connection)


@pytest.mark.django_db(transaction=True)
def test_a_rebuilt_table_is_protected_again_and_an_emptied_database_too() -> None:
    field = models.CharField(max_length=9, default="much")
    field.set_attributes_from_name("weight")
    row = duplicate_decision()
    # SQLite rebuilds the table for either.
    with connection.schema_editor() as editor:
        drop_triggers(connection)
        editor.add_field(DuplicateDecision, field)
        editor.remove_field(DuplicateDecision, field)
    call_command("migrate", verbosity=0)
    assert missing_triggers(connection) == []
    with pytest.raises(IntegrityError):
        run_sql("DELETE FROM catalog_duplicatedecision")
    call_command("flush", verbosity=0, interactive=False)
    assert not type(row)._base_manager.exists() and missing_triggers(connection) == []


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_migrations_go_back_and_forth() -> None:
    executor = MigrationExecutor(connection)
    [latest] = [node for node in executor.loader.graph.leaf_nodes() if node[0] == "catalog"]
    call_command("migrate", "catalog", "0015", verbosity=0)
    assert missing_triggers(connection) == []
    call_command("migrate", "catalog", latest[1], verbosity=0)
    assert missing_triggers(connection) == []
    for make in DECISIONS.values():
        row = make()
        with pytest.raises(IntegrityError):
            run_sql(f"DELETE FROM {row._meta.db_table}")  # noqa: S608
