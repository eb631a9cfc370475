"""Genres by name: the rows behind a list of names, made when they are new."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from contextlib import suppress

from django.utils.text import slugify

from catalog.genres.spelling import canonical_genre
from catalog.models import Genre

LONGEST_SLUG = 60


def genre_rows(names: Sequence[str]) -> list[Genre]:
    """The Genre of each name, in order, one for each; names with the same slug are one genre, and so are
    spellings that sources treat as one."""
    slugs = [slug_of(name) for name in names]
    rows = _known(names, slugs)
    if None in rows:
        fresh = {
            slug: Genre(slug=slug, name=name)
            for slug, name, row in zip(slugs, names, rows, strict=True)
            if row is None
        }
        Genre.objects.bulk_create(fresh.values(), ignore_conflicts=True)
        rows = _known(names, slugs)
    return [row for row in rows if row is not None]


def keys_of(names: Sequence[str], planned: Sequence[Genre] = ()) -> list[str]:
    """For each name the slug of the genre it means here, or of the one that would be made for it.

    Equal keys mean one genre, however two models or sources spell it. `planned` are taken for genres that
    are here already.
    """
    slugs = [slug_of(name) for name in names]
    rows = _known(names, slugs, planned)
    return [slug if row is None else row.slug for slug, row in zip(slugs, rows, strict=True)]


def slug_of(name: str) -> str:
    """The ASCII slug of a genre's name; of names in other scripts, whose letters it loses, with a digest."""
    plain = slugify(name)
    letters = sum(c.isalnum() for c in unicodedata.normalize("NFKD", name))
    if sum(c.isalnum() for c in plain) == letters > 0 and len(plain) <= LONGEST_SLUG:
        return plain
    digest = hashlib.sha256(" ".join(name.casefold().split()).encode()).hexdigest()[:8]
    return f"{plain[: LONGEST_SLUG - 9]}-{digest}".strip("-")


def _known(names: Sequence[str], slugs: Sequence[str], planned: Sequence[Genre] = ()) -> list[Genre | None]:
    by_slug = {genre.slug: genre for genre in (*planned, *Genre.objects.filter(slug__in=slugs))}
    # A person may have given a genre another slug than we would.
    by_name = {genre.name: genre for genre in (*planned, *Genre.objects.filter(name__in=names))}
    rows = [by_slug.get(slug) or by_name.get(name) for slug, name in zip(slugs, names, strict=True)]
    if None not in rows:
        return rows
    # Or have made it by hand in another spelling: "Science Fiction" is the "Sci-Fi" of sources and models.
    alike = {_canonical(genre.name): genre for genre in (*reversed(planned), *Genre.objects.order_by("-pk"))}
    return [row or alike.get(_canonical(name)) for row, name in zip(rows, names, strict=True)]


def _canonical(name: str) -> str:
    with suppress(ValueError):
        return canonical_genre(name) or name
    return name
