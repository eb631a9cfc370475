"""`manage.py check_catalogue`: compares the database with the files; exits with 1 if problems remain."""

from __future__ import annotations

from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog.integrity import consistency
from catalog.integrity.consistency import Finding, Kind
from catalog.management.progress import progress_bars, start_run
from catalog.models import Movie, Poster

SHOWN = 10


class Command(BaseCommand):
    help = (
        "Finds posters with missing or damaged pictures, files that no poster uses, posters that are not "
        "embedded, invalid vectors and titles missing from the search index. With --mend, creates smaller "
        "pictures, deletes unused files, indexes titles, and fetches and embeds posters again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--deep", action="store_true", help="decode every picture (takes minutes)")
        parser.add_argument("--mend", action="store_true", help="repair what can be repaired")
        parser.add_argument("--queue", action="store_true", help="let the workers fetch and embed")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = self._check(deep=options["deep"])
        if not findings:
            self.stdout.write(consistency.CONSISTENT)
            return
        self._list(findings)
        if not options["mend"]:
            raise CommandError("Nothing was changed. Use --mend to repair what can be repaired.")
        self._mend(findings, queue=options["queue"])

    def _check(self, *, deep: bool) -> list[Finding]:
        total = Poster.objects.count()
        with progress_bars() as progress:
            return list(consistency.check(deep=deep, progress=lambda done: progress("posters", done, total)))

    def _list(self, findings: list[Finding]) -> None:
        for kind, number in Counter(finding.kind for finding in findings).items():
            self.stdout.write(f"{number} {kind}")
            for finding in [each for each in findings if each.kind == kind][:SHOWN]:
                self.stdout.write(f"  {finding.message}")
            if number > SHOWN:
                self.stdout.write(f"  … and {number - SHOWN} more")

    def _mend(self, findings: list[Finding], *, queue: bool) -> None:
        mended = consistency.mend(findings)
        self.stdout.write(mended.summary)
        to_embed = any(finding.kind in (Kind.NOT_EMBEDDED, Kind.VECTOR) for finding in findings)
        if mended.fetch:
            movies = Movie.objects.filter(pk__in=mended.fetch)
            # Embedding follows fetching: at the same time, it would miss posters that are still to come.
            after = ["embed"] if queue else []
            start_run("scrape", self.stdout.write, queue=queue, movies=movies, followed_by=after)
        if (mended.fetch and not queue) or (to_embed and not mended.fetch):
            start_run("embed", self.stdout.write, queue=queue)
        if mended.unresolved:
            raise CommandError(
                f"{len(mended.unresolved)} posters came from files or uploads and cannot be fetched. Import "
                f"or upload them again. The first is {mended.unresolved[0].message}"
            )
