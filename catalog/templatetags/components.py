"""Parts of pages that are repeated many times: posters, movie tiles, score bars, heat map buttons.

They are written in Python because a page has dozens of them and including a template takes ten times as long.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape as html_escape

from django import template
from django.utils.safestring import SafeString, mark_safe

from catalog.genres.model_differences import Difference
from catalog.genres.quality import Share
from catalog.models import Movie, Poster, Suggestion
from catalog.page_urls import reverse_pk
from catalog.tiles import Picture, Tile

from .wording import likelihood, score_text

register = template.Library()

# The first posters of a page are loaded at once, the others when they are scrolled into view.
EAGER = 8
# The ends of bars of differences in F1.
WIDEST = 0.25
EYE = mark_safe(
    '<svg viewBox="0 0 24 24" width="18" height="18" aria-hidden="true"><path d="M2 12s3.6-6.5 10-6.5S22 12 '
    '22 12s-3.6 6.5-10 6.5S2 12 2 12z" fill="none" stroke="currentColor" stroke-width="2" '
    'stroke-linejoin="round"/><circle cx="12" cy="12" r="3.2" fill="currentColor"/></svg>'
)
LAZY = mark_safe(' loading="lazy"')
UNTAGGED = mark_safe('<span class="untagged">untagged</span>')


def filled(html: str, *values: object, **named: object) -> SafeString:
    """A faster `format_html`."""
    by_position = [escaped(value) for value in values]
    by_name = {name: escaped(value) for name, value in named.items()}
    return mark_safe(html.format(*by_position, **by_name))  # noqa: S308  each value is escaped


def escaped(value: object) -> SafeString:
    """A faster `conditional_escape(str(value))`."""
    text = str(value)
    return text if isinstance(text, SafeString) else SafeString(html_escape(text))


@register.simple_tag
def poster_image(poster: Poster | None, movie: Movie) -> SafeString:
    """The poster in a tile's size, or the movie's initial."""
    if poster is None:
        return _picture(None, movie.title)
    shown = Picture(poster.thumbnail.url, poster.medium.url, poster.width, poster.height)
    return _picture(shown, movie.title)


@register.simple_tag
def movie_facts(movie: Movie, untagged: bool = True) -> SafeString:
    """Year and genres; needs a prefetch of `genres`. untagged: whether to show "untagged" without genres."""
    return _facts(movie.year, [genre.name for genre in movie.genres.all()], untagged)


@register.simple_tag
def movie_tiles(tiles: Iterable[Tile], page: str = "catalog:movie") -> SafeString:
    """Items of a list: movies with poster, title, year and genres. page: the address that they lead to."""
    return mark_safe(  # noqa: S308  each value is escaped
        "\n".join(
            f'<li><a class="tile" id="film-{each.pk}" href="{escaped(reverse_pk(page, each.pk))}">'
            f"{_picture(each.picture, each.title, is_lazy=number >= EAGER)} "
            f'<span class="title">{escaped(each.title)}</span> {_facts(each.year, each.genres)}</a></li>'
            for number, each in enumerate(tiles)
        )
    )


def _picture(picture: Picture | None, title: str, *, is_lazy: bool = True) -> SafeString:
    if picture is None:
        return filled(
            '<span class="poster leader"><span aria-hidden="true">{}</span> <small>No poster yet</small>'
            "</span>",
            title[:1].upper(),
        )
    return filled(
        '<img class="poster" src="{0}" srcset="{0} 220w, {1} 500w" sizes="(min-width: 60rem) 12rem, 45vw" '
        'width="{2}" height="{3}" alt=""{4} decoding="async">',
        *picture,
        LAZY if is_lazy else "",
    )


def _facts(year: int | None, genres: Sequence[str], untagged: bool = True) -> SafeString:
    spans = " ".join(f"<span>{escaped(each)}</span>" for each in ([year] if year else []) + [*genres])
    missing = UNTAGGED if untagged and not genres else ""
    return mark_safe(f'<span class="meta">{spans} {missing}</span>')  # noqa: S308  each value is escaped


@register.simple_tag
def heat_toggle(suggestion: Suggestion, movie: Movie | str) -> SafeString:
    """A link to the heat map's page. heat_maps.js makes it a button that shows the map over the poster.

    Empty for a suggestion without a poster.
    """
    if not suggestion.poster_sha256:
        return SafeString()
    return filled(
        '<a class="heat-toggle" href="{0}" rel="nofollow" data-heat title="Heat map of {1}" '
        'aria-label="Heat map of {1} in {2}">{3}</a>',
        reverse_pk("catalog:heat_map", suggestion.pk),
        suggestion.genre.name,
        movie,
        EYE,
    )


@register.simple_tag
def score_bar(suggestion: Suggestion) -> SafeString:
    """The score as a number and as a bar with a mark at the threshold."""
    return filled(
        '<span class="score" title="{0}"><svg viewBox="0 0 100 8" preserveAspectRatio="none" role="img" '
        'aria-label="{0}"><rect class="score-track" width="100" height="8"></rect><rect class="score-value" '
        'width="{1}" height="8"></rect><rect class="score-mark" x="{2}" y="0" width="1" height="8"></rect>'
        '</svg> <span class="score-number">{3}</span></span>',
        f"{likelihood(suggestion)}, suggested from {score_text(suggestion.threshold, suggestion.model)}",
        round(100 * suggestion.score),
        round(100 * suggestion.threshold),
        score_text(suggestion.score, suggestion.model),
    )


@register.simple_tag
def interval_bar(share: Share) -> SafeString:
    """The interval of a share as a bar from 0 to 100%, with a mark at the share; empty without decisions."""
    if share.value is None:
        return SafeString()
    low, high = share.interval
    return filled(
        '<svg class="interval" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect '
        'class="interval-track" width="100" height="10"></rect><rect class="interval-range" x="{}" '
        'width="{}" height="10"></rect><rect class="interval-value" x="{}" width="1" height="10"></rect>'
        "</svg>",
        round(100 * low, 1),
        round(100 * (high - low), 1),
        round(99 * share.value, 1),
    )


@register.simple_tag
def difference_bar(row: Difference) -> SafeString:
    """The difference and its interval as a bar around zero, from -WIDEST to +WIDEST."""
    low, value, high = (
        min(max(row.difference[name] / WIDEST, -1), 1) * 100 for name in ("low", "value", "high")
    )
    tone = ("better" if value > 0 else "worse") if row.is_significant else "same"
    return filled(
        '<svg class="difference {}" viewBox="-100 0 200 10" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="interval-track" x="-100" width="200" height="10"></rect>'
        '<rect class="difference-range" x="{}" width="{}" y="3" height="4"></rect>'
        '<rect class="difference-value" x="{}" width="{}" height="10"></rect>'
        '<rect class="interval-value" x="-0.5" width="1" height="10"></rect></svg>',
        tone,
        round(low, 1),
        round(max(high - low, 1), 1),
        round(min(value, 0), 1),
        round(abs(value), 1),
    )


@register.simple_tag
def difference_text(row: Difference) -> SafeString:
    """For example "+.05 (+.02 to +.08)"."""
    value, low, high = (_signed(row.difference[name]) for name in ("value", "low", "high"))
    return filled('{} <span class="nowrap">({} to {})</span>', value, low, high)


def _signed(number: float) -> str:
    return f"{number:+.2f}".replace("0.", ".", 1).replace("-.00", "+.00")
