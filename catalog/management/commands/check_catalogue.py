"""Compare the database with the files on disk; exit status 1 when something is wrong and stays so."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from catalog.integrity import consistency
from catalog.integrity.consistency import Finding, Kind
from catalog.management.progress import start_and_work
from catalog.models import Movie, Poster

SHOWN = 10


class Command(BaseCommand):
    help = (
        "Looks for posters whose pictures are missing or damaged, files that no poster uses, posters that "
        "are not embedded, vectors that cannot be and titles that search does not know. --mend puts right "
        "what can be: smaller pictures are made anew, unused files deleted, titles indexed, lost posters "
        "fetched and embedded again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--deep", action="store_true", help="open every picture; minutes for thousands")
        parser.add_argument("--mend", action="store_true", help="put right what can be")
        parser.add_argument(
            "--queue", action="store_true", help="leave fetching and embedding to the workers"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        findings = self._look(deep=options["deep"])
        if not findings:
            self.stdout.write("Everything fits.")
            return
        self._tell(findings)
        if not options["mend"]:
            raise CommandError("Nothing was changed: --mend puts right what can be.")
        self._mend(findings, queue=options["queue"])

    def _look(self, *, deep: bool) -> list[Finding]:
        with tqdm(
            total=Poster.objects.count(),
            desc="Looking at posters",
            unit="",
            file=sys.stderr,
            disable=not sys.stderr.isatty(),
        ) as bar:
            return list(consistency.look(deep=deep, progress=lambda done: bar.update(done - bar.n)))

    def _tell(self, findings: list[Finding]) -> None:
        for kind, number in Counter(finding.kind for finding in findings).items():
            self.stdout.write(f"{number} {kind}")
            for finding in [each for each in findings if each.kind == kind][:SHOWN]:
                self.stdout.write(f"  {finding.what}")
            if number > SHOWN:
                self.stdout.write(f"  … and {number - SHOWN} more")

    def _mend(self, findings: list[Finding], *, queue: bool) -> None:
        done = consistency.mend(findings)
        self.stdout.write(
            f"{done.rewritten} smaller pictures made anew, {done.removed_files} files and "
            f"{done.removed_vectors} vectors deleted."
        )
        unseen = any(finding.kind in (Kind.UNEMBEDDED, Kind.VECTOR) for finding in findings)
        if done.fetch:
            movies = Movie.objects.filter(pk__in=done.fetch)
            # Embedded only once it is back: side by side, the one would come upon what the other still lacks.
            after = ["embed"] if queue else []
            start_and_work("scrape", self.stdout.write, queue=queue, movies=movies, followed_by=after)
        if (done.fetch and not queue) or (unseen and not done.fetch):
            start_and_work("embed", self.stdout.write, queue=queue)
        if done.left:
            raise CommandError(
                f"{len(done.left)} posters came from files or uploads and cannot be fetched: import or "
                f"upload them again, the first is {done.left[0].what}"
            )
