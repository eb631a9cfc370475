"""`manage.py import_titles [FORMAT] PATH`: imports titles from files of many formats."""

from __future__ import annotations

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from catalog.titles.formats import folder
from catalog.titles.formats.csv_file import ID_KINDS
from catalog.titles.formats.records import FILMS, ReadOptions, SourceError
from catalog.titles.formats.registry import (
    TITLE_FORMATS,
    TitleFormat,
    columns_of,
    detect_format,
    format_named,
)
from catalog.titles.imported_files import choose_ids
from catalog.titles.importing import dry_run, import_titles
from catalog.titles.report import ImportReport
from ml.csv_files.files import SourceFile, is_zip

MAX_ROWS_SHOWN = 20
AUTO = "auto"


class Command(BaseCommand):
    help = (
        "Imports titles. `import_titles PATH` detects the format of a file, folder or zip by its columns;\n"
        "`import_titles FORMAT PATH` names it. Files may be gzipped. Running it again is harmless."
    )

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        formats = "\n".join(f"  {each.name:12} {each.description}" for each in TITLE_FORMATS)
        kwargs |= {"epilog": f"formats:\n{formats}", "formatter_class": RawDescriptionHelpFormatter}
        return super().create_parser(prog_name, subcommand, **kwargs)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "source", nargs="?", default=AUTO, metavar="FORMAT", help="one of the list below, or auto"
        )
        parser.add_argument("path", type=Path, metavar="PATH", help="a file, a folder or a zip")
        parser.add_argument("--labels", type=Path, help="for a folder of images: CSV with a column `file`")
        parser.add_argument(
            "--ids",
            choices=list(ID_KINDS),
            help="for csv, folder and poster_urls: what the column `id` contains; remembered for the file",
        )
        parser.add_argument(
            "--types",
            help="for imdb_basics: types separated by commas, such as movie,tvMovie (the default),short",
        )
        parser.add_argument("--adult", action="store_true", help="include what IMDb or TMDB marks as adult")
        parser.add_argument("--video", action="store_true", help="include what TMDB marks as video only")
        parser.add_argument(
            "--dry-run", action="store_true", help="report what an import would do, and change nothing"
        )
        parser.add_argument(
            "--merge",
            action="store_true",
            help="merge movies that one row names as one film, if ids, titles and years agree and no person "
            "has decided otherwise (else they are proposed on the Duplicates page)",
        )

    def handle(self, *args: Any, **kwargs: Any) -> None:
        types = frozenset(name.strip().lower() for name in (kwargs["types"] or "").split(",")) - {""}
        options = ReadOptions(types or FILMS, adult=kwargs["adult"], video=kwargs["video"])
        merge: bool = kwargs["merge"]
        try:
            title_format, path = self._find(kwargs["source"], kwargs["path"], kwargs["labels"])
            ids = _set_ids(title_format, path, kwargs["ids"] or "", options, remember=not kwargs["dry_run"])
            name = kwargs["source"] if kwargs["source"] != AUTO else title_format.name
            rows = title_format.read(path, options)
            with tqdm(rows, desc=f"Import {name}", unit=" titles", disable=None) as bar:
                if kwargs["dry_run"]:
                    report = dry_run(bar, merge=merge, ids=ids)
                    done = "Dry run, nothing was changed"
                else:
                    run, report = import_titles(bar, name, merge=merge, ids=ids)
                    done = str(run)
        except SourceError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt as interrupted:
            raise CommandError(
                "Interrupted. Imported titles are kept; run the command again for the others.", returncode=130
            ) from interrupted
        self._list_rejected_rows(report)
        if options.skipped:
            self.stdout.write(str(options))
        self.stdout.write(f"{done}: {report}")

    def _list_rejected_rows(self, report: ImportReport) -> None:
        for row in [*report.rejected, *report.conflicting][:MAX_ROWS_SHOWN]:
            self.stderr.write(f"  {row}")
        if report.not_imported > MAX_ROWS_SHOWN:
            self.stderr.write(f"  … and {report.not_imported - MAX_ROWS_SHOWN} more")
        if report.not_imported and report.listing is not None:
            self.stderr.write(f"  All of them are listed in {report.listing.path}")

    def _find(self, name: str, path: Path, labels: Path | None) -> tuple[TitleFormat, Path | SourceFile]:
        """The named or detected format, and the path or file that it reads."""
        title_format = None if name == AUTO else format_named(name)
        if name != AUTO and title_format is None:
            known = ", ".join(each.name for each in TITLE_FORMATS)
            raise SourceError(f"There is no format {name!r}; the formats are {known}, and auto")
        if labels or name == "folder":
            images = format_named("folder")
            if labels is None or images is None or (title_format and title_format is not images):
                raise SourceError("--labels and a folder go together: import_titles folder DIR --labels CSV")
            return replace(images, read=partial(folder.read, path)), labels
        if title_format is None:
            if format_named(str(path)) and not path.exists():
                raise SourceError(f"The path is missing: import_titles {path} PATH")
            title_format, file = detect_format(path)
            self.stdout.write(f"{file} is read as {title_format.name}, by its columns.")
            return title_format, file
        if not title_format.reads_folders and (path.is_dir() or is_zip(path)):
            return title_format, detect_format(path, [title_format])[1]
        return title_format, path


def _set_ids(
    title_format: TitleFormat, path: Path | SourceFile, kind: str, options: ReadOptions, *, remember: bool
) -> str:
    """Set in `options` how ids are read; returns sentences that describe it."""
    if title_format.ids:
        if kind:
            raise SourceError(f"{title_format.name} has {title_format.ids}: import it without --ids")
        return f"Ids read as {title_format.ids}."
    file = SourceFile.of(path)
    try:
        columns, _ = columns_of(file)
    except SourceError:
        return ""  # the import reports it, in a failed run
    return choose_ids(file, columns, kind, options, remember=remember)
