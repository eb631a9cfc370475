"""`manage.py rebuild_search`: builds the search index again."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from catalog import search
from catalog.models import Movie


class Command(BaseCommand):
    help = (
        "Builds the search index again, for example after another program changed the database or after "
        "pg_trgm was installed in PostgreSQL. It can run at any time, and takes seconds for 100,000 films."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        changed = search.prepare(rebuild=True)
        self.stdout.write(f"{Movie.objects.count()} movies indexed, {changed} of them had changed.")
