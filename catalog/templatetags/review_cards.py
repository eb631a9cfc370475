"""Cards of the review queue. They are written in Python because a page shows 25 of them."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import quote

from django import template
from django.template import Context
from django.template.loader import render_to_string
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import Truncator

from catalog.genres import review
from catalog.models import Movie, Poster, Suggestion
from catalog.page_urls import reverse_pk

from .components import escaped, filled, heat_toggle, score_bar
from .wording import evidence_text

register = template.Library()

OVERVIEW_SHOWN = 320
SURE = mark_safe('<em class="sure" title="Above the model\'s sure threshold">sure</em>')
TICK = mark_safe("data-tick")
HEAT_CAPTION = mark_safe('<p class="heat-caption" data-heat-caption aria-hidden="true"></p>')
NO_POSTER = mark_safe('<div class="card-no-poster">The poster was deleted</div>')
WITHOUT_POSTER = mark_safe('<div class="card-no-poster">Scored without a poster</div>')
# Enter presses the first submit button: it must not be a single genre's.
CARD = """
<article class="card" id="movie-{pk}" tabindex="-1" data-open data-heat-scope aria-labelledby="title-{pk}">
<div class="card-poster"{frame}>{picture}</div>
<div class="card-about">
<h2 id="title-{pk}"><label class="card-tick"><input type="checkbox" name="movie" value="{pk}" form="bulk" \
aria-label="Tick {movie}"></label> {title} {year}</h2>
{facts}
</div>
<form class="card-form" method="post" action="{decide}" hx-post="{decide}" hx-target="closest article" \
hx-swap="outerHTML" hx-sync="this:drop">
<input type="hidden" name="csrfmiddlewaretoken" value="{csrf_token}">
<input type="hidden" name="back" value="{back}">
<button type="submit" name="decide" value="accept" class="default-press" tabindex="-1" aria-hidden="true">\
Accept all</button>
<ul class="genres">
{genres}
</ul>
{outcome}
<div class="card-buttons">
<button type="submit" name="decide" value="accept" class="button accept" data-key="a">\
<span class="card-verb">Accept all</span> <kbd class="only-live" aria-hidden="true">a</kbd></button>
<button type="submit" name="decide" value="reject" class="button reject" data-key="x">\
Reject all <kbd class="only-live" aria-hidden="true">x</kbd></button>
<a class="button edit" data-key="e" href="{edit}?back={back_quoted}">\
Edit <kbd class="only-live" aria-hidden="true">e</kbd></a>
</div>
</form>
</article>
"""


@register.simple_tag(takes_context=True)
def review_card(context: Context, movie: Movie) -> SafeString:
    """A movie's poster, facts and pending suggestions, with buttons to accept or reject each.

    movie: from `catalog.genres.review.cards`. The page's context must have `back`, `matching` and
    `may_view_movies`; with `outcome`, the card shows what was just decided.
    """
    outcome = context.get("outcome")
    poster, back = movie.primary_poster, context["back"]
    title = escaped(movie.title)
    if context["may_view_movies"]:
        title = filled('<a href="{}">{}</a>', reverse_pk("admin:catalog_movie_change", movie.pk), title)
    pending: list[Suggestion] = movie.pending_suggestions  # type: ignore[attr-defined]
    had_poster = any(each.poster_sha256 for each in pending)
    name = escaped(str(movie))
    rows = [_genre(each, name, number, context["matching"]) for number, each in enumerate(pending, start=1)]
    return filled(
        CARD,
        pk=movie.pk,
        movie=name,
        frame=filled(' data-heat-frame="{}"', poster.sha256) if poster else "",
        picture=_picture(poster, name) if poster else NO_POSTER if had_poster else WITHOUT_POSTER,
        title=title,
        year=filled('<span class="card-year">{}</span>', movie.year) if movie.year else "",
        facts=_facts(movie) + (HEAT_CAPTION if poster else SafeString()),
        decide=reverse_pk("admin:catalog_reviewqueue_decide", movie.pk),
        csrf_token=context["csrf_token"],
        back=back,
        genres=SafeString("\n".join(rows)),
        outcome=render_to_string("admin/catalog/reviewqueue/outcome.html", {"outcome": outcome})
        if outcome
        else "",
        edit=reverse_pk("admin:catalog_reviewqueue_change", movie.pk),
        back_quoted=quote(back, safe=""),
    )


def _picture(poster: Poster, name: str) -> SafeString:
    return filled(
        '<a href="{}" target="_blank" rel="noopener" title="Open the whole poster"><img src="{}" '
        'alt="Poster of {}" width="{}" height="{}" loading="lazy"></a>',
        poster.file.url,
        poster.medium.url,
        name,
        poster.width,
        poster.height,
    )


def _facts(movie: Movie) -> SafeString:
    facts = []
    if movie.original_title and movie.original_title != movie.title:
        facts.append(("card-fact", movie.original_title))
    if movie.franchise:
        facts.append(("card-fact", f"Part of {movie.franchise}"))
    if movie.overview:
        facts.append(("card-overview", Truncator(movie.overview).chars(OVERVIEW_SHOWN)))
    return format_html_join("", '<p class="{}">{}</p>', facts)


def _genre(suggestion: Suggestion, movie: str, number: int, matching: Collection[int]) -> SafeString:
    """A genre of a card: checkbox, name, score, heat map, accept and reject, and what speaks for it.

    number: its position from 1, which is its key on the keyboard. matching: ids of the suggestions that match
    the queue's filter.
    """
    is_matching = suggestion.pk in matching
    text = evidence_text(suggestion)
    return filled(
        '<li class="genre{matching}"><input type="hidden" name="shown" value="{pk}">'
        '<input type="hidden" name="shown" value="{pk}" form="bulk">{bulk}'
        '<label class="genre-name"><input type="checkbox" name="keep" value="{pk}" class="only-live" checked '
        '{tick} autocomplete="off" title="Untick to reject when accepting the others"> {key} '
        '<span>{genre}</span> {sure}</label> {score} <span class="genre-buttons">{heat} '
        '<button type="submit" name="decide" value="accept-{pk}" class="one accept" title="Accept {genre}" '
        'aria-label="Accept {genre} for {movie}">✓</button> '
        '<button type="submit" name="decide" value="reject-{pk}" class="one reject" title="Reject {genre}" '
        'aria-label="Reject {genre} for {movie}">✕</button></span>{evidence}</li>',
        matching=" matching" if is_matching else "",
        pk=suggestion.pk,
        bulk=filled('<input type="hidden" name="matching" value="{}" form="bulk">', suggestion.pk)
        if is_matching
        else "",
        # Without JavaScript the boxes are hidden, and "Accept all" means all: review.js unticks the others.
        tick=TICK if review.is_ticked(suggestion) else "",
        key=filled('<kbd class="only-live" aria-hidden="true">{}</kbd>', number) if number < 10 else "",
        genre=suggestion.genre.name,
        sure=SURE if suggestion.sure else "",
        score=score_bar(suggestion),
        heat=heat_toggle(suggestion, movie),
        movie=movie,
        evidence=filled('<small class="genre-evidence">{}</small>', text) if text else "",
    )
