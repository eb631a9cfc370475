"""Ids of films at IMDb, TMDB and MovieLens: recognise them, and link to the films' pages."""

from __future__ import annotations

import re

from django.utils.html import format_html
from django.utils.safestring import SafeString

LARGEST_ID = 2**31 - 1  # of an integer column

_IMDB_ID = re.compile(r"tt[0-9]{7,10}", re.ASCII)


def is_imdb_id(text: str) -> bool:
    """Whether `text` is an IMDb id such as "tt0114709"."""
    return bool(_IMDB_ID.fullmatch(text))


def normalized_imdb_id(text: str) -> str:
    """The IMDb id in `text` in its usual form; digits alone, as in MovieLens, are padded to seven.

    Returns "" if `text` is not an IMDb id.
    """
    text = text.strip().lower()
    if re.fullmatch(r"[0-9]{1,10}", text) and int(text):
        return f"tt{int(text):07d}"
    return text if is_imdb_id(text) else ""


def numeric_id(text: str) -> int | None:
    """The positive number in `text`, also from "862.0"; None if it is no id or does not fit the database."""
    found = re.fullmatch(r"([0-9]{1,12})(?:\.0+)?", text.strip())
    return int(found[1]) if found and 0 < int(found[1]) <= LARGEST_ID else None


def external_url(site: str, external_id: object) -> str:
    """URL of a film at `imdb` or `tmdb` by its id there; "" for anything that is not such an id."""
    text = str(external_id)
    if site == "imdb" and re.fullmatch(r"tt[0-9]{1,10}", text):
        return f"https://www.imdb.com/title/{text}/"
    if site == "tmdb" and re.fullmatch(r"[1-9][0-9]{0,9}", text):
        return f"https://www.themoviedb.org/movie/{text}"
    return ""


def external_link(site: str, external_id: object, label: str = "") -> SafeString:
    """A link to the film's page at `site`, or text where there is none; the label is the id by default."""
    if url := external_url(site, external_id):
        return format_html(
            '<a href="{}" rel="external noopener noreferrer">{}</a>', url, label or external_id
        )
    return format_html("{}", label or external_id)
