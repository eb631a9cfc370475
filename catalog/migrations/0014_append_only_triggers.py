"""Drop the one trigger that migrations created: each `migrate` now ends with creating those of all tables."""

from importlib import import_module

from django.db import migrations

before = import_module("catalog.migrations.0002_decisions_are_append_only")


class Migration(migrations.Migration):
    dependencies = [("catalog", "0013_similarity_index")]
    operations = [migrations.RunPython(before.drop_trigger, before.add_trigger)]
