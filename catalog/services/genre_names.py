"""Genres by name: the rows behind a list of names, made when they are new."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.text import slugify

from catalog.models import Genre


def genre_rows(names: Sequence[str]) -> list[Genre]:
    """The Genre of each name, in order; names that slugify alike are one genre."""
    slugs = [slugify(name)[:60] for name in names]
    missing = {slug: name for slug, name in zip(slugs, names, strict=True) if slug}
    known = {genre.slug: genre for genre in Genre.objects.filter(slug__in=missing)}
    fresh = [Genre(slug=slug, name=name[:60]) for slug, name in missing.items() if slug not in known]
    if fresh:
        Genre.objects.bulk_create(fresh, ignore_conflicts=True)
        known = {genre.slug: genre for genre in Genre.objects.filter(slug__in=missing)}
    return [known[slug] for slug in slugs if slug in known]
