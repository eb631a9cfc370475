"""Import titles from the files that catalogues come in."""

from __future__ import annotations

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from catalog.titles.formats import detection, folder
from catalog.titles.formats.files import SourceFile, is_zip
from catalog.titles.formats.options import FILMS, Selection
from catalog.titles.formats.records import SourceError
from catalog.titles.formats.registry import TITLE_SOURCES, TitleSource, named
from catalog.titles.formats.title_rows import ID_KINDS
from catalog.titles.imported_files import choose_ids
from catalog.titles.importing import import_titles, rehearse_import
from catalog.titles.report import ImportReport

REJECTIONS_SHOWN = 20
AUTO = "auto"


class Command(BaseCommand):
    help = (
        "Imports titles. `import_titles PATH` finds out what a file, folder or zip is from its columns;\n"
        "`import_titles SOURCE PATH` says it. Files may be gzipped. Running it again is harmless."
    )

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        sources = "\n".join(f"  {source.name:12} {source.holds}" for source in TITLE_SOURCES)
        kwargs |= {"epilog": f"sources:\n{sources}", "formatter_class": RawDescriptionHelpFormatter}
        return super().create_parser(prog_name, subcommand, **kwargs)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("source", nargs="?", default=AUTO, help="one of the list below, or auto")
        parser.add_argument("path", type=Path, help="a file, a folder or a zip")
        parser.add_argument("--labels", type=Path, help="for a folder of images: CSV with a column `file`")
        parser.add_argument(
            "--ids",
            choices=list(ID_KINDS),
            help="for csv, folder and poster_urls: what the column `id` holds; remembered for the file",
        )
        parser.add_argument(
            "--types", help="of imdb_basics: types between commas, such as movie,tvMovie (the default),short"
        )
        parser.add_argument("--adult", action="store_true", help="take what IMDb or TMDB marks as adult")
        parser.add_argument("--video", action="store_true", help="take what TMDB marks as video only")
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would be done, and change nothing"
        )
        parser.add_argument(
            "--merge",
            action="store_true",
            help="merge movies that one row names as one film, where no id, title, year and no person "
            "contradicts (else they are proposed in the admin)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        types = frozenset(name.strip().lower() for name in (options["types"] or "").split(",")) - {""}
        selection = Selection(types or FILMS, adult=options["adult"], video=options["video"])
        try:
            source, place = self._found(options["source"], options["path"], options["labels"])
            ids = self._ids(source, place, options["ids"] or "", selection, options["dry_run"])
            name = options["source"] if options["source"] != AUTO else source.name
            rows = source.read(place, selection)
            with tqdm(rows, desc=f"Import {name}", unit=" titles", disable=None) as shown:
                if options["dry_run"]:
                    said, report = (
                        "Dry run, nothing was changed",
                        rehearse_import(shown, merge=options["merge"], ids=ids),
                    )
                else:
                    run, report = import_titles(shown, name, merge=options["merge"], ids=ids)
                    said = str(run)
        except SourceError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt as interrupted:
            raise CommandError(
                "Interrupted. What was imported stays; run it again for the rest.", returncode=130
            ) from interrupted
        self._tell_rows_not_taken(report)
        if selection.left_out:
            self.stdout.write(str(selection))
        self.stdout.write(f"{said}: {report}")

    def _tell_rows_not_taken(self, report: ImportReport) -> None:
        for row in [*report.rejected, *report.conflicting][:REJECTIONS_SHOWN]:
            self.stderr.write(f"  {row}")
        if report.not_taken > REJECTIONS_SHOWN:
            self.stderr.write(f"  … and {report.not_taken - REJECTIONS_SHOWN} more")
        if report.not_taken and report.listing is not None:
            self.stderr.write(f"  All of them, to be corrected, are listed in {report.listing.path}")

    def _found(self, name: str, path: Path, labels: Path | None) -> tuple[TitleSource, Path | SourceFile]:
        """The source that was named or recognised, and what it reads."""
        source = None if name == AUTO else named(name)
        if name != AUTO and source is None:
            known = ", ".join(source.name for source in TITLE_SOURCES)
            raise SourceError(f"There is no source {name!r}; the sources are {known}, and auto")
        if labels or name == "folder":
            images = named("folder")
            if labels is None or images is None or (source and source is not images):
                raise SourceError("--labels and a folder go together: import_titles folder DIR --labels CSV")
            return replace(images, read=partial(folder.read, path)), labels
        if source is None:
            if named(str(path)) and not path.exists():
                raise SourceError(f"What is to be imported is missing: import_titles {path} PATH")
            source, file = detection.recognised(path)
            self.stdout.write(f"{file} is taken as {source.name}, by its columns.")
            return source, file
        return source, _place(source, path)

    def _ids(
        self,
        source: TitleSource,
        place: Path | SourceFile,
        wanted: str,
        selection: Selection,
        dry_run: bool,
    ) -> str:
        """Set in `selection` how ids are read; returns sentences that say how."""
        if source.ids:
            if wanted:
                raise SourceError(f"{source.name} has {source.ids}: import it without --ids")
            return f"Ids read as {source.ids}."
        file = SourceFile.of(place)
        try:
            columns, _ = detection.columns_of(file)
        except SourceError:
            return ""  # the import says why, and leaves a run
        return choose_ids(file, columns, wanted, selection, remember=not dry_run)


def _place(source: TitleSource, path: Path) -> Path | SourceFile:
    if not source.takes_folders and (path.is_dir() or is_zip(path)):
        return detection.recognised(path, [source])[1]
    return path
