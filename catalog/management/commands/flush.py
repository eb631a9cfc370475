"""`manage.py flush`: Django's command, which here also empties append-only tables."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import flush
from django.db import connections

from catalog.append_only_triggers import create_triggers, drop_triggers


class Command(flush.Command):
    def handle(self, **options: Any) -> None:
        connection = connections[options["database"]]
        drop_triggers(connection)
        try:
            super().handle(**options)
        finally:
            create_triggers(connection)
