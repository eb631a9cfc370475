"""Find the movies that a query means, ranked by how well a title matches it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_
from typing import cast

from django.db import connection
from django.db.models import (
    Case,
    Exists,
    F,
    IntegerField,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.expressions import Combinable, RawSQL
from django.db.models.functions import Coalesce, Least

from catalog.models import Movie, Poster, SearchTitle
from catalog.models.movie import MovieQuerySet

from . import _corrections
from ._folding import article_first, canonical, fold, required_words, squeeze, without_articles
from ._identifiers import named_id, possible_ids
from ._indexing import TRIGRAMS, has_trigrams

LONGEST_QUERY = 300
FIRST_YEAR, LAST_YEAR = 1870, 2100
MOST_YEARS = 2  # of a query are tried
SHORT = 2  # letters: of so short a query, parts of words would be too many

# How well a spelling matches, best first. Original titles follow after all titles, franchises after those.
EXACT, SAME, PREFIX, ID, LESS_LIKELY_ID, BEGINNING, ENDING, PHRASE, WORDS, BEGINNINGS, PART = range(11)
LEVELS = 11
YEAR = len(SearchTitle.Kind) * LEVELS  # nothing matches but the year

_YEAR_AT_END = re.compile(r"(.*\S)\s*[(\[]\s*([0-9]{4})\s*[)\]]$")
_YEAR = re.compile(r"(?<!\w)([0-9]{4})(?!\w)")


@dataclass(frozen=True)
class Found:
    """What a search found. where: the movies. relevance: how well each matches, the lower the better.
    best: the relevance of the best one, None when nothing was found. corrected: the query that was searched
    for instead of a mistyped one, else ""."""

    where: Q
    relevance: Combinable
    best: int | None = None
    corrected: str = ""

    @property
    def movies(self) -> MovieQuerySet:
        return cast(MovieQuerySet, Movie.objects.filter(self.where))

    def best_first(self, among: QuerySet[Movie] | None = None) -> QuerySet[Movie]:
        """The movies found, of those in `among`. Ties: with a poster first, then the newest film."""
        movies = self.movies if among is None else among.filter(self.where)
        posters = Poster.objects.filter(movie=OuterRef("pk"))
        return movies.order_by(
            self.relevance, Exists(posters).desc(), F("year").desc(nulls_last=True), "title", "pk"
        )


def find(text: str, *, verbatim: bool = False) -> Found:
    """Movies by title, original title, franchise, year or id; all of them for a blank query.

    When nothing is found, or only parts of words, the movies of the most similar query that finds a title;
    not when `verbatim`. Any text is a valid query.
    """
    text = "".join(each if each.isprintable() else " " for each in text[: 4 * LONGEST_QUERY])
    text = " ".join(text.split())[:LONGEST_QUERY].strip()
    if not text:
        return Found(Q(), Value(EXACT))
    if (condition := named_id(text)) is not None:
        return Found(Q(pk__in=_with_id(condition | Q(local_id=text))), Value(ID))
    readings = list(_readings(text))
    for reading in readings:
        found = _titled(*reading)
        if found.best is not None:
            break
    if not verbatim and (found.best is None or found.best % LEVELS == PART):
        return _corrected(readings, only_titles=found.best is not None) or found
    return found


def _corrected(readings: list[tuple[str, int | None]], *, only_titles: bool) -> Found | None:
    """only_titles: nothing but a title as a whole is better than what was found."""
    for title, year in sorted(readings, key=lambda reading: reading[1] is None):
        if corrected := _corrections.correct(title, most_edits=1 if only_titles else None):
            found = _titled(corrected, year)
            if found.best is not None and (found.best <= SAME or not only_titles):
                return replace(found, corrected=f"{corrected} {year}" if year else corrected)
    return None


def _readings(text: str) -> Iterator[tuple[str, int | None]]:
    """What the query may mean, as title and year; the likeliest first."""
    if (found := _YEAR_AT_END.fullmatch(text)) and _is_year(found[2]):
        yield found[1], int(found[2])
    yield text, None
    for found in [*_YEAR.finditer(text)][: -MOST_YEARS - 1 : -1]:
        title = f"{text[: found.start()]} {text[found.end() :]}"
        if _is_year(found[1]) and fold(title):
            yield title, int(found[1])


def _is_year(digits: str) -> bool:
    return FIRST_YEAR <= int(digits) <= LAST_YEAR


def _with_id(condition: Q) -> list[int]:
    """The movies with this id; one that was merged away stands for the movie it was merged into."""
    rows = Movie.everything.filter(condition).values_list("pk", "merged_into")
    return [into or pk for pk, into in rows]


def _titled(title: str, year: int | None) -> Found:
    """Movies with a spelling that matches, of that year if one is given."""
    text = fold(article_first(title))
    bare = without_articles(text)
    forms = list(dict.fromkeys([text, bare, canonical(bare)]))
    rows = SearchTitle.objects.filter(_candidates(forms))
    rank = Min(_level(forms) + LEVELS * F("kind"))
    of_movie = SearchTitle.objects.filter(movie=OuterRef("pk")).values("movie").annotate(rank=rank)
    relevance: Combinable = Coalesce(Subquery(of_movie.values("rank")), Value(YEAR))
    where = Q(pk__in=rows.values("movie"))
    if year is not None:
        best = rows.filter(movie__year=year).aggregate(rank=rank)["rank"]
        return Found(where & Q(year=year), relevance, best)
    best = rows.aggregate(rank=rank)["rank"]
    # A number may be an id or a year as well as a title.
    for id_level, condition in zip((ID, LESS_LIKELY_ID), possible_ids(title.strip()), strict=False):
        if with_id := _with_id(condition):
            where |= Q(pk__in=with_id)
            relevance = Case(When(pk__in=with_id, then=Least(relevance, Value(id_level))), default=relevance)
            best = id_level if best is None else min(best, id_level)
    if text.isascii() and text.isdecimal() and len(text) == 4 and _is_year(text):
        where |= Q(year=int(text))
        if best is None and Movie.objects.filter(year=int(text)).exists():
            best = YEAR
    return Found(where, relevance, best)


def _level(forms: list[str]) -> RawSQL:
    """How well a row matches, NULL if not at all. As SQL: compiling so many conditions takes long.

    Folded text has no wildcards of LIKE.
    """
    squeezed = [squeeze(form) for form in forms]
    cases = [
        (EXACT, "text = %s", [[f" {forms[0]} "]]),
        (SAME, "squeezed = %s", [[form] for form in squeezed]),
        (PREFIX, "text LIKE %s", [[f" {form} %"] for form in forms]),
        (BEGINNING, "squeezed LIKE %s", [[f"{form}%"] for form in squeezed if len(form) > 1]),
        (ENDING, "text LIKE %s", [[f"% {form} "] for form in forms]),
        (PHRASE, "text LIKE %s", [[f"% {form} %"] for form in forms]),
    ]
    longer = [form for form in forms if len(form) > SHORT]
    whole = [[f"% {word} %" for word in required_words(form)] for form in longer]
    beginnings = [[f"%{_beginning(word)}%" for word in required_words(form)] for form in longer]
    cases += [
        (WORDS, "text LIKE %s", whole),
        (BEGINNINGS, "text LIKE %s", beginnings),
        (PART, "squeezed LIKE %s", [[f"%{form}%"] for form in squeezed if len(form) > SHORT]),
    ]
    whens, parameters = [], []
    for level, condition, alternatives in cases:
        if alternatives:
            conjunctions = [" AND ".join([condition] * len(patterns)) for patterns in alternatives]
            whens.append(f"WHEN {' OR '.join(conjunctions)} THEN {level}")
            parameters += [pattern for patterns in alternatives for pattern in patterns]
    return RawSQL(f"CASE {' '.join(whens)} END", parameters, output_field=IntegerField())  # noqa: S611


def _candidates(forms: list[str]) -> Q:
    """Rows that reach some level: with all words of a form, or with its letters somewhere."""
    alternatives: list[list[tuple[str, str]]] = []
    for form in forms:
        if len(form) > SHORT:
            alternatives.append([("text__contains", _beginning(word)) for word in required_words(form)])
        else:
            alternatives.append([("text__contains", f" {form} ")])
        letters = squeeze(form)
        if len(letters) > SHORT:
            alternatives.append([("squeezed__contains", letters)])
        elif len(letters) == SHORT:
            alternatives.append([("text__startswith", f" {letters}")])
    if connection.vendor == "sqlite" and has_trigrams():
        match = " OR ".join(f"({' AND '.join(_fts5(*term) for term in terms)})" for terms in alternatives)
        query = f"SELECT rowid FROM {TRIGRAMS} WHERE {TRIGRAMS} MATCH %s"  # noqa: S608
        return Q(pk__in=RawSQL(query, [match]))  # noqa: S611
    return _any(Q(*terms) for terms in alternatives)


def _fts5(lookup: str, part: str) -> str:
    column, _, where = lookup.partition("__")
    quoted = part.replace('"', '""')
    return f'{column} : {"^" if where == "startswith" else ""}"{quoted}"'


def _beginning(word: str) -> str:
    # A trigram has three characters, and words that begin with a single letter would be too many.
    return f" {word}" if len(word) > 1 else f" {word} "


def _any(conditions: Iterable[Q]) -> Q:
    return reduce(or_, conditions)
