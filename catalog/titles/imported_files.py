"""Remember what the column `id` of an imported file contains, so that later imports read it the same way."""

from __future__ import annotations

import hashlib
from collections.abc import Collection

from django.utils import timezone

from catalog.models import ImportedFile
from catalog.titles.formats.csv_file import ID, ID_KINDS, describe_ids
from catalog.titles.formats.records import ReadOptions, SourceError
from ml.csv_files.files import SourceFile

HINT = "If they are TMDB, IMDb or MovieLens ids, import the file again with --ids tmdb, imdb or movielens."


def choose_ids(
    file: SourceFile, columns: Collection[str], kind: str, options: ReadOptions, *, remember: bool
) -> str:
    """Set in `options` how the file's column `id` is read; returns sentences that describe it.

    The kind of ids is `kind` (a key of ID_KINDS), else that of the last import of the same file, else local.
    A file is the same if path and columns, or the content, are the same. `remember` stores the choice.
    Raises SourceError if a kind is given and the file has no column `id`, or if the file cannot be read.
    """
    if not set(ID) & set(columns):
        if kind:
            raise SourceError(f"{file} has no column `id`: import it without --ids")
        return f"Ids read as {describe_ids(columns, options)}."
    path = f"{file.path.resolve()}{f': {file.member}' if file.member else ''}"
    identity = hashlib.sha256("\0".join([path, *columns]).encode(errors="replace")).hexdigest()
    sha256 = _digest(file)
    same_path = ImportedFile.objects.filter(identity=identity).first()
    same_content = ImportedFile.objects.filter(sha256=sha256).order_by("-imported_at").first()
    last = same_path or same_content
    options.ids = kind or (last.ids if last else ImportedFile.Ids.LOCAL)
    options.ids_were_local = any(each.was_local for each in (same_path, same_content) if each)
    if remember:
        ImportedFile.objects.update_or_create(
            identity=identity,
            defaults={
                "path": path.encode(errors="replace").decode()[:1000],
                "sha256": sha256,
                "ids": options.ids,
                "was_local": options.ids_were_local or options.ids == ImportedFile.Ids.LOCAL,
                "imported_at": timezone.now(),
            },
        )
    sentence = f"Ids read as {describe_ids(columns, options)}"
    if last and last.ids not in (options.ids, ImportedFile.Ids.LOCAL):
        return f"{sentence}, in an earlier import as {ID_KINDS[last.ids]}: undo that import if it was wrong."
    if kind:
        return f"{sentence}."
    if options.ids != ImportedFile.Ids.LOCAL:
        return f"{sentence}, as in its last import."
    return f"{sentence}. {HINT}"


def _digest(file: SourceFile) -> str:
    try:
        with file.path.open("rb") as packed:
            digest = hashlib.file_digest(packed, "sha256")
    except OSError as error:
        raise SourceError(f"{file} cannot be read: {error.strerror or error}") from error
    digest.update(file.member.encode(errors="replace"))
    return digest.hexdigest()
