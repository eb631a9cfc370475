"""Movies with pending suggestions, and the forms of their cards."""

from __future__ import annotations

from typing import Any

from bs4 import BeautifulSoup
from django.test import Client
from django.urls import reverse

from catalog.models import Movie, Suggestion
from tests.catalog.pages import soup, text_of
from tests.factories import GenreFactory, MovieFactory, SuggestionFactory

QUEUE = "admin:catalog_reviewqueue_changelist"
GRID = "admin:catalog_reviewqueue_grid"
HTMX = {"HX-Request": "true"}


def pending(title: str = "Ember", /, **scores: float) -> Movie:
    """A movie with a poster and pending suggestions: pending("Ember", Drama=0.9, Horror=0.7)."""
    movie = MovieFactory(title=title, poster=True)
    for genre, score in (scores or {"Drama": 0.9}).items():
        SuggestionFactory(movie=movie, genre=GenreFactory(name=genre), score=score)
    return movie


def suggestion(movie: Movie, genre: str) -> Suggestion:
    return Suggestion.objects.get(movie=movie, genre__name=genre)


def shown(movie: Movie) -> list[int]:
    """The suggestions that the movie's card shows."""
    return list(movie.suggestions.filter(state=Suggestion.State.PENDING).values_list("pk", flat=True))


def press(client: Client, movie: Movie, decide: str, *, htmx: bool = False, **fields: Any) -> Any:
    """Send a card's form with every genre ticked."""
    seen = fields.pop("shown", None) or shown(movie)
    data = {"decide": decide, "shown": seen, "keep": seen, **fields}
    address = reverse("admin:catalog_reviewqueue_decide", args=[movie.pk])
    return client.post(address, data, headers=HTMX if htmx else None)


def queue(client: Client, **query: Any) -> BeautifulSoup:
    return soup(client.get(reverse(GRID), query))


def titles(page: BeautifulSoup) -> list[str]:
    """The titles of the cards, in order."""
    return [text_of(card.h2.a or card.h2) for card in page.select("article.card") if card.h2]


def genres(movie: Movie) -> set[str]:
    return set(movie.genres.values_list("name", flat=True))
