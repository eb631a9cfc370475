"""Movies that wait for review, and the forms that their cards send."""

from __future__ import annotations

from typing import Any

from bs4 import BeautifulSoup, Tag
from django.test import Client
from django.urls import reverse

from catalog.models import Movie, Suggestion
from tests.factories import GenreFactory, MovieFactory, SuggestionFactory

QUEUE = "admin:catalog_reviewqueue_changelist"
HTMX = {"HX-Request": "true"}


def waiting(title: str = "Ember", /, **scores: float) -> Movie:
    """A movie with a poster and a pending suggestion a genre: waiting("Ember", Drama=0.9, Horror=0.7)."""
    movie = MovieFactory(title=title, poster=True)
    for genre, score in (scores or {"Drama": 0.9}).items():
        SuggestionFactory(movie=movie, genre=GenreFactory(name=genre), score=score)
    return movie


def suggestion(movie: Movie, genre: str) -> Suggestion:
    return Suggestion.objects.get(movie=movie, genre__name=genre)


def shown(movie: Movie) -> list[int]:
    """What the movie's card shows: its pending suggestions."""
    return list(movie.suggestions.filter(state=Suggestion.State.PENDING).values_list("pk", flat=True))


def press(client: Client, movie: Movie, decide: str, *, htmx: bool = False, **fields: Any) -> Any:
    """Send a card's form as it would be sent with every genre ticked."""
    seen = fields.pop("shown", None) or shown(movie)
    data = {"decide": decide, "shown": seen, "keep": seen, **fields}
    address = reverse("admin:catalog_reviewqueue_decide", args=[movie.pk])
    return client.post(address, data, headers=HTMX if htmx else None)


def queue(client: Client, **query: Any) -> BeautifulSoup:
    response = client.get(reverse(QUEUE), query)
    assert response.status_code == 200
    return BeautifulSoup(response.content, "lxml")


def titles(page: BeautifulSoup) -> list[str]:
    """The titles of the cards, as they follow one another."""
    return [text_of(card.h2.a or card.h2) for card in page.select("article.card") if card.h2]


def only(page: BeautifulSoup | Tag, selector: str) -> Tag:
    """The one element that matches."""
    [found] = page.select(selector)
    return found


def text_of(tag: Tag | None) -> str:
    return " ".join(tag.get_text(" ").split()) if tag else ""


def told(response: Any) -> str:
    """The messages a redirect left for the next page."""
    return " ".join(str(message) for message in response.wsgi_request._messages)


def genres(movie: Movie) -> set[str]:
    return set(movie.genres.values_list("name", flat=True))
