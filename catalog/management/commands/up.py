"""`manage.py up`: prepares the site and runs all of it in the foreground, until Ctrl-C."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from catalog.checks import site_messages
from postersite.env import whole_number
from postersite.launcher import broker, programs, site_folder, site_setup
from postersite.launcher.errors import StartError
from postersite.launcher.supervisor import Program, Supervisor, stop_leftovers, to_terminal


class Command(BaseCommand):
    help = (
        "Prepares the site and runs it: broker, workers, beat, web server, and the first time the sample "
        "catalogue. Ctrl-C stops all of it; it can be started again at once."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, help="port of the web server (default: PORT, else 8000)")
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
        parser.add_argument(
            "--no-sample", action="store_true", help="start empty (also: POSTERSITE_SAMPLE=0)"
        )
        parser.add_argument("--once", action="store_true", help="stop when all runs have finished")
        parser.add_argument("--verbose", action="store_true", help="show all output of all processes")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            port = options["port"] or whole_number("PORT", 8000, 1, 65_535)
            site_folder.check_writable(settings.VAR_DIR)
            site_folder.make_private(settings.VAR_DIR)
            with site_folder.lock(settings.VAR_DIR):
                status = self._run(options["host"], port, options)
        except (StartError, ImproperlyConfigured) as error:
            raise CommandError(str(error)) from error
        if status:
            raise SystemExit(status)

    def _run(self, host: str, port: int, options: dict[str, Any]) -> int:
        record = settings.VAR_DIR / "run" / "up.json"
        if stop_leftovers(record):
            to_terminal("Stopped what an earlier start had left running.")
        if settings.EMBEDDED_BROKER:
            broker.stop_leftover(settings.REDIS_URL)
        else:
            broker.check_external(settings.REDIS_URL)
        site_folder.check_port(host, port)
        shown = "localhost" if host in {"127.0.0.1", "::1", "0.0.0.0", "::"} else host  # noqa: S104
        url = f"http://{shown}:{port}/"
        site_setup.prepare(to_terminal, f"{url}admin/", show_password=sys.stdout.isatty())
        with_sample = site_setup.has_sample() and not options["no_sample"]
        self._report_checks(with_sample)
        if not settings.BEHIND_HTTPS and not site_folder.is_loopback(host):
            to_terminal(
                f"Warning: {host} can be reached from other machines, without encryption. Run a proxy that "
                "serves https (deploy/nginx.conf), set BEHIND_HTTPS=true, and leave out --host."
            )
        parts = programs.site_programs(host, port, url)
        if with_sample:
            parts = self._with_sample(parts)
        connections.close_all()
        settings.LOGS_DIR.mkdir(parents=True, exist_ok=True)
        supervisor = Supervisor(
            parts,
            logs=settings.LOGS_DIR,
            record=record,
            verbose=options["verbose"],
            finished=lambda: options["once"] and not site_setup.has_live_runs(),
        )
        status = supervisor.run()
        to_terminal("Stopped.")
        return status or int(options["once"] and any(supervisor.results.values()))

    def _with_sample(self, parts: list[Program]) -> list[Program]:
        """Adds the replica site and, unless they have finished before, the sample's runs."""
        if not os.environ.get("POSTERSITE_REPLICA_URL"):
            port = site_folder.free_port(8900)
            os.environ["POSTERSITE_REPLICA_URL"] = f"http://127.0.0.1:{port}"
            parts = [programs.replica_program(port), *parts]
        os.environ.setdefault("POSTERSITE_POSTER_SOURCES", "tmdb_page,imdb_page")
        os.environ.setdefault("POSTERSITE_REQUESTS_PER_SECOND", "200")
        # The sample also shows the recipes' baseline, for comparison.
        os.environ.setdefault("POSTERSITE_EXTRACTORS", "postersite,pixels")
        if not site_setup.sample_is_complete():
            to_terminal("The sample catalogue of invented films is fetched, embedded and labelled now.")
            parts = [*parts, programs.sample_program()]
        return parts

    def _report_checks(self, with_sample: bool) -> None:
        """Stops at an error of the system checks; shows their warnings unless only the sample is served."""
        found = site_messages()
        errors = [message for message in found if message.is_serious(checks.ERROR)]
        if errors:
            raise StartError(" ".join(f"{message.msg} {message.hint or ''}".strip() for message in errors))
        for message in [] if with_sample else found:
            to_terminal(f"Note ({message.id}): {message.msg} {message.hint or ''}".rstrip())
