"""Find the movies that match a query, ranked by how well their titles match."""

from __future__ import annotations

import json
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
MOST_YEARS = 2  # that are tried as the year of the movie
SHORT = 2  # letters: queries of this length match only whole words and beginnings
# Up to so many movies are read with their relevance once, because a page uses a result several times.
MOST_READ = 20_000
FEW = 20

# How a spelling matches, best first. Original titles are ranked after titles, and franchises after those.
EXACT, SAME, PREFIX, ID, LESS_LIKELY_ID, BEGINNING, ENDING, PHRASE, WORDS, BEGINNINGS, PART = range(11)
LEVELS = 11
YEAR = len(SearchTitle.Kind) * LEVELS  # only the year matches

_YEAR_AT_END = re.compile(r"(.*\S)\s*[(\[]\s*([0-9]{4})\s*[)\]]$")
_YEAR = re.compile(r"(?<!\w)([0-9]{4})(?!\w)")


@dataclass(frozen=True)
class SearchResult:
    """The movies that match a query.

    where: their condition. relevance: how well each matches; lower is better. best: the lowest relevance,
    None without matches. corrected: the query that replaced a mistyped one, otherwise "".
    """

    where: Q
    relevance: Combinable
    best: int | None = None
    corrected: str = ""

    @property
    def movies(self) -> MovieQuerySet:
        return cast(MovieQuerySet, Movie.objects.filter(self.where))

    def best_first(self, among: QuerySet[Movie] | None = None) -> QuerySet[Movie]:
        """The movies, or those in `among`, by relevance, then those with posters, then newer ones first."""
        movies = self.movies if among is None else among.filter(self.where)
        posters = Poster.objects.filter(movie=OuterRef("pk"))
        return movies.order_by(
            self.relevance, Exists(posters).desc(), F("year").desc(nulls_last=True), "title", "pk"
        )


def find(text: str, *, verbatim: bool = False) -> SearchResult:
    """Movies by title, original title, franchise, year or id; all movies for a blank query.

    If nothing matches, or only parts of words do, the result is that of the most similar query that matches
    a title, unless `verbatim`. Any text is a valid query.
    """
    text = "".join(each if each.isprintable() else " " for each in text[: 4 * LONGEST_QUERY])
    text = " ".join(text.split())[:LONGEST_QUERY].strip()
    if not text:
        return SearchResult(Q(), Value(EXACT))
    if (condition := named_id(text)) is not None:
        return SearchResult(Q(pk__in=_with_id(condition | Q(local_id=text))), Value(ID))
    interpretations = list(_interpretations(text))
    for interpretation in interpretations:
        found = _titled(*interpretation)
        if found.best is not None:
            break
    if not verbatim and (found.best is None or found.best % LEVELS == PART):
        return _corrected(interpretations, only_titles=found.best is not None) or found
    return found


def _corrected(interpretations: list[tuple[str, int | None]], *, only_titles: bool) -> SearchResult | None:
    """The result of a corrected query. only_titles: it must match a whole title."""
    for title, year in sorted(interpretations, key=lambda each: each[1] is None):
        if corrected := _corrections.correct(title, most_edits=1 if only_titles else None):
            found = _titled(corrected, year)
            if found.best is not None and (found.best <= SAME or not only_titles):
                return replace(found, corrected=f"{corrected} {year}" if year else corrected)
    return None


def _interpretations(text: str) -> Iterator[tuple[str, int | None]]:
    """Titles and years that the query may consist of, most likely first."""
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
    """The movies with this id, or those that they were merged into."""
    rows = Movie.everything.filter(condition).values_list("pk", "merged_into")
    return [into or pk for pk, into in rows]


def _titled(title: str, year: int | None) -> SearchResult:
    """Movies with a matching spelling, and with the year if there is one."""
    text = fold(article_first(title))
    bare = without_articles(text)
    forms = list(dict.fromkeys([text, bare, canonical(bare)]))
    rows = SearchTitle.objects.filter(_candidates(forms))
    rank = Min(_level(forms) + LEVELS * F("kind"))
    if year is not None:
        rows = rows.filter(movie__year=year)
    ranks = dict(rows.order_by().values_list("movie").annotate(rank=rank)[: MOST_READ + 1])
    if len(ranks) <= MOST_READ:
        where, relevance = _among(list(ranks)), _relevance(ranks)
        best = min((each for each in ranks.values() if each is not None), default=None)
    else:
        of_movie = SearchTitle.objects.filter(movie=OuterRef("pk")).values("movie").annotate(rank=rank)
        where = Q(pk__in=rows.values("movie"))
        relevance = Coalesce(Subquery(of_movie.values("rank")), Value(YEAR))
        best = rows.aggregate(rank=rank)["rank"]
    if year is not None:
        return SearchResult(where & Q(year=year), relevance, best)
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
    return SearchResult(where, relevance, best)


def _among(movies: list[int]) -> Q:
    """The movies with these ids. Many are one parameter: Django needs a millisecond for each 200."""
    if len(movies) < FEW:
        return Q(pk__in=movies)
    if connection.vendor == "sqlite":
        return Q(pk__in=RawSQL("SELECT value FROM json_each(%s)", [json.dumps(movies)]))
    return Q(pk__in=RawSQL("SELECT unnest(%s::bigint[])", [movies]))


def _relevance(ranks: dict[int, int | None]) -> Combinable:
    """The rank of each movie by its id, and that of a year for others."""
    movies: dict[int, list[int]] = {}
    for movie, rank in ranks.items():
        if rank is not None:
            movies.setdefault(rank, []).append(movie)
    return Case(
        *(When(_among(found), then=Value(rank)) for rank, found in movies.items()), default=Value(YEAR)
    )


def _level(forms: list[str]) -> RawSQL:
    """How well a row matches, or NULL. In SQL, because compiling so many conditions is slow.

    Folded text contains no wildcards.
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
    """Rows that match at some level: they have all words of a form, or its letters."""
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
    # Trigrams have three characters, and too many words begin with the same letter.
    return f" {word}" if len(word) > 1 else f" {word} "


def _any(conditions: Iterable[Q]) -> Q:
    return reduce(or_, conditions)
