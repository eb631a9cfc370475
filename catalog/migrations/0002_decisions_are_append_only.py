"""Make the database itself refuse to change a review decision, whatever code asks."""

from django.db import migrations

SQLITE = """
CREATE TRIGGER review_decision_is_append_only BEFORE UPDATE ON catalog_reviewdecision
BEGIN SELECT RAISE(ABORT, 'review decisions are never changed'); END;
"""
POSTGRESQL = """
CREATE FUNCTION review_decision_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'review decisions are never changed'; END $$;
CREATE TRIGGER review_decision_is_append_only BEFORE UPDATE ON catalog_reviewdecision
FOR EACH ROW EXECUTE FUNCTION review_decision_is_append_only();
"""


def add_trigger(apps, schema_editor):
    statements = {"sqlite": SQLITE, "postgresql": POSTGRESQL}.get(schema_editor.connection.vendor)
    if statements:
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(statements)


def drop_trigger(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    with schema_editor.connection.cursor() as cursor:
        if vendor == "sqlite":
            cursor.execute("DROP TRIGGER IF EXISTS review_decision_is_append_only")
        elif vendor == "postgresql":
            cursor.execute("DROP TRIGGER IF EXISTS review_decision_is_append_only ON catalog_reviewdecision")
            cursor.execute("DROP FUNCTION IF EXISTS review_decision_is_append_only")


class Migration(migrations.Migration):
    dependencies = [("catalog", "0001_initial")]
    operations = [migrations.RunPython(add_trigger, drop_trigger)]
