"""`manage.py setup`: tables, static files and the first account, without starting anything."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from postersite.launcher import site_folder, site_setup
from postersite.launcher.errors import StartError


class Command(BaseCommand):
    help = "Prepares the database, the static files and the admin account. Can be repeated."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            site_folder.check_writable(settings.VAR_DIR)
            site_folder.make_private(settings.VAR_DIR)
            site_setup.prepare(self.stdout.write, "/admin/", show_password=self.stdout.isatty())
        except StartError as error:
            raise CommandError(str(error)) from error
        self.stdout.write("The site is set up.")
