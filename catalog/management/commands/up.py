"""`manage.py up`: the whole site in one foreground process group, until Ctrl-C."""

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

from catalog.checks import of_the_site
from postersite.env import BASE_DIR, whole_number
from postersite.launcher import broker, programs, site_folder, site_setup
from postersite.launcher.child import Program
from postersite.launcher.errors import StartError
from postersite.launcher.supervisor import Supervisor, to_terminal


class Command(BaseCommand):
    help = (
        "Prepares the site and runs it: broker, web server, workers, beat, and the first time the sample "
        "catalogue. Ctrl-C ends all of it; it can be started again at once."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, help="port of the web server (default: PORT, else 8000)")
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
        parser.add_argument(
            "--no-sample", action="store_true", help="start empty (also: POSTERSITE_SAMPLE=0)"
        )
        parser.add_argument("--once", action="store_true", help="stop when no run is left to do")
        parser.add_argument("--verbose", action="store_true", help="show all output of all processes")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            port = options["port"] or whole_number("PORT", 8000, 1, 65_535)
            site_folder.check_writable(settings.VAR_DIR)
            site_folder.make_private(settings.VAR_DIR)
            with site_folder.held(settings.VAR_DIR) as here:
                status = self._run(here, options["host"], port, options)
        except (StartError, ImproperlyConfigured) as error:
            raise CommandError(str(error)) from error
        if status:
            raise SystemExit(status)

    def _run(self, here: site_folder.Place, host: str, port: int, options: dict[str, Any]) -> int:
        if here.clear():
            to_terminal("Cleared away what an earlier start had left running.")
        if settings.EMBEDDED_BROKER:
            broker.stop_leftover(settings.BROKER_SOCKET)
        else:
            programs.check_broker(settings.REDIS_URL)
        site_folder.check_port(host, port)
        shown = "localhost" if host in {"127.0.0.1", "::1", "0.0.0.0", "::"} else host  # noqa: S104
        address = f"http://{shown}:{port}/"
        site_setup.prepare(to_terminal, f"{address}admin/", show_password=sys.stdout.isatty())
        with_sample = site_setup.sample_wanted() and not options["no_sample"]
        self._report_checks(with_sample)
        if not settings.BEHIND_HTTPS and not site_folder.is_loopback(host):
            to_terminal(
                f"Warning: {host} can be reached from other machines, without encryption. Run a proxy that "
                "speaks https (deploy/nginx.conf), set BEHIND_HTTPS=true, and leave out --host."
            )
        parts = programs.site_programs(host, port)
        if with_sample:
            parts = self._with_sample(parts)
        unfinished = {part.name for part in parts if part.once}
        trouble: list[str] = []

        def ready(name: str) -> None:
            if name == "web":
                to_terminal(f"Postersite is at {address} (Ctrl-C ends it)")

        def ended(name: str, status: int) -> None:
            unfinished.discard(name)
            if status == 0:
                site_setup.sample_is_complete()
                return
            trouble.append(name)
            to_terminal("The sample's run did not come to its end; the next start goes on with it.")

        connections.close_all()
        settings.LOGS_DIR.mkdir(parents=True, exist_ok=True)
        supervisor = Supervisor(
            parts,
            logs=settings.LOGS_DIR,
            mark=here.mark,
            first={"broker", "replica"},
            verbose=options["verbose"],
            remember=here.remember,
            on_ready=ready,
            on_ended=ended,
            is_over=lambda: options["once"] and not unfinished and not site_setup.work_is_left(),
        )
        status = supervisor.run()
        to_terminal("Stopped.")
        return status or int(bool(trouble and options["once"]))

    def _with_sample(self, parts: list[Program]) -> list[Program]:
        """Adds the replica site and, until it has come to its end once, the sample's run."""
        asked_for = os.environ.get("POSTERSITE_REPLICA_URL")
        port = site_folder.free_port(8900)
        if not asked_for:
            os.environ["POSTERSITE_REPLICA_URL"] = f"http://127.0.0.1:{port}"
            replica = programs.replica_program(port)
            parts = [*parts[:1], replica, *parts[1:]]
        os.environ.setdefault("POSTERSITE_POSTER_SOURCES", "tmdb_page,imdb_page")
        os.environ.setdefault("POSTERSITE_REQUESTS_PER_SECOND", "200")
        # The sample also shows the recipes' baseline, for comparison.
        os.environ.setdefault("POSTERSITE_EXTRACTORS", "postersite,pixels")
        if site_setup.sample_unfinished():
            to_terminal("The sample catalogue of invented films is fetched, embedded and labelled now.")
            parts = [*parts, programs.sample_program(BASE_DIR / "manage.py")]
        return parts

    def _report_checks(self, with_sample: bool) -> None:
        """Stops at an error of the system checks; shows their warnings unless only the sample is served."""
        found = of_the_site()
        errors = [message for message in found if message.is_serious(checks.ERROR)]
        if errors:
            raise StartError(" ".join(f"{message.msg} {message.hint or ''}".strip() for message in errors))
        for message in [] if with_sample else found:
            to_terminal(f"Note ({message.id}): {message.msg} {message.hint or ''}".rstrip())
