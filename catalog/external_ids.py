"""Links to a film's pages at IMDb and TMDB."""

from __future__ import annotations

import re

from django.utils.html import format_html
from django.utils.safestring import SafeString


def external_url(site: str, external_id: object) -> str:
    """URL of a film at `imdb` or `tmdb` by its id there; "" for anything that is not such an id."""
    text = str(external_id)
    if site == "imdb" and re.fullmatch(r"tt[0-9]{1,10}", text):
        return f"https://www.imdb.com/title/{text}/"
    if site == "tmdb" and re.fullmatch(r"[1-9][0-9]{0,9}", text):
        return f"https://www.themoviedb.org/movie/{text}"
    return ""


def external_link(site: str, external_id: object) -> SafeString:
    """The id as a link to the film's page at `site`, or as text where there is none."""
    if url := external_url(site, external_id):
        return format_html('<a href="{}" rel="external noopener noreferrer">{}</a>', url, external_id)
    return format_html("{}", external_id)
