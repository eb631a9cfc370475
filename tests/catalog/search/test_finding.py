"""Results of queries and their order are the same on every database, with and without trigram index."""

from __future__ import annotations

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog import search
from catalog.duplicates import merging
from catalog.models import Movie
from catalog.search import _indexing
from tests.factories import MovieFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("either_index")]


@pytest.fixture(params=["with trigrams", "without"])
def either_index(request: pytest.FixtureRequest, db: None) -> None:
    """The test runs twice: with the trigram index, if the database supports it, and without."""
    if request.param == "with trigrams":
        assert _indexing.has_trigrams() or connection.vendor == "postgresql"
        return
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in _indexing._REMOVAL[connection.vendor]:
            cursor.execute(statement)
    assert not _indexing.has_trigrams()


def found(text: str, **options: bool) -> list[str]:
    return shown(search.find(text, **options))


def shown(result: search.SearchResult) -> list[str]:
    return [str(movie) for movie in result.best_first()]


def film(title: str, year: int | None = None, **facts: object) -> Movie:
    return MovieFactory(title=title, year=year, **facts)


def test_exact_titles_come_first_then_beginnings_words_parts_and_original_titles() -> None:
    film("Challenge", 2011, original_title="Alien")
    film("The Inalienable", 2010)
    film("Ripley and the Alien Queen", 2009)
    film("Aliens", 2008)
    film("Alien Nation", 2007)
    film("Alien", 1979)
    assert found("alien") == [
        "Alien (1979)",
        "Alien Nation (2007)",
        "Aliens (2008)",
        "Ripley and the Alien Queen (2009)",
        "The Inalienable (2010)",
        "Challenge (2011)",
    ]


def test_ties_go_to_films_with_a_poster_then_to_the_newest() -> None:
    film("Heat", 1972, poster=True)
    film("Heat")
    film("Heat", 1995)
    film("Heat", 1986, poster=True)
    assert found("heat") == ["Heat (1986)", "Heat (1972)", "Heat (1995)", "Heat"]


@pytest.mark.parametrize(
    ("title", "queries"),
    [
        (
            "The Matrix",
            ["matrix", "THE MATRIX", "Matrix, The", "matrix the", "the matr", '"The Matrix"'],
        ),
        ("Star Wars: Episode IV - A New Hope", ["starwars", "star wars 4", "new hope", "episode four"]),
        ("King Kong", ["kingkong", "king-kong", "KING KONG!"]),
        ("Spider-Man", ["spiderman", "spider man", "spider-man"]),
        ("Seven (a.k.a. Se7en)", ["seven", "se7en", "7", "Seven (a.k.a. Se7en)"]),
        ("Amelie (Fabuleux destin d'Amélie Poulain, Le)", ["amélie", "le fabuleux destin", "amelie poulain"]),
        ("L'Avventura", ["avventura", "lavventura", "l’avventura", "Avventura, L'"]),
        ("Das Schloß", ["schloss", "das schloß"]),
        ("M*A*S*H", ["mash", "m*a*s*h", "M.A.S.H."]),
        ("WALL·E", ["walle", "wall-e", "wall e"]),
        ("E.T. the Extra-Terrestrial", ["et", "e.t.", "extra terrestrial"]),
        ("Ocean's Eleven", ["oceans 11", "ocean's eleven", "ocean eleven"]),
        ("The Good, the Bad and the Ugly", ["good bad ugly", "the good the bad & the ugly"]),
        ("2001: A Space Odyssey", ["2001", "2001 space odyssey", "space odyssey"]),
        ("Blade Runner 2049", ["blade runner 2049", "bladerunner 2049"]),
        ("Nine 1/2 Weeks", ["9½ weeks", "nine and a half weeks", "9 1/2 weeks"]),
        ("$", ["$"]),
        ("キサラギ", ["キサラギ"]),
    ],
)
def test_ways_to_write_a_title(title: str, queries: list[str]) -> None:
    film(title, 1999)
    film("Nothing Alike", 1999)
    for query in queries:
        result = search.find(query)
        assert (shown(result), result.corrected) == ([f"{title} (1999)"], ""), query


@pytest.mark.parametrize(
    ("query", "title"), [("m", "M"), ("it", "It"), ("9", "9"), ("up", "Up"), ("II", "II")]
)
def test_short_queries_find_whole_words(query: str, title: str) -> None:
    for other in ("Mitten", "Italian Summit", "1900", "Supper", "Emily"):
        film(other, 1950)
    film(title, 1931)
    film(f"{title} and Others", 1930)
    listed = found(query)
    assert listed[:2] == [f"{title} (1931)", f"{title} and Others (1930)"]
    # A beginning is enough from two letters on.
    assert listed[2:] == (["Italian Summit (1950)"] if query == "it" else [])


def test_two_single_letters_are_no_part_of_a_word() -> None:
    for title in ("E.T.", "Poetry", "Letters"):
        film(title, 1982)
    assert found("e t", verbatim=True) == ["E.T. (1982)"]
    assert found("o e", verbatim=True) == []


def test_franchises_are_found_after_titles_and_together_with_them() -> None:
    film("Goldfinger", 1964, franchise="James Bond")
    film("James Bond: A Documentary", 2000)
    assert found("james bond") == ["James Bond: A Documentary (2000)", "Goldfinger (1964)"]
    assert found("james bond goldfinger") == ["Goldfinger (1964)"]


def test_a_year_narrows() -> None:
    film("The Thing", 1982)
    film("The Thing", 2011)
    for query in ("The Thing (1982)", "thing 1982", "1982 the thing", "Thing, The (1982)"):
        assert found(query) == ["The Thing (1982)"]


def test_a_year_that_is_a_title_is_one() -> None:
    film("1984", 1956)
    film("Nineteen Eighty-Four", 1984)
    film("Splash", 1984)
    film("2010", 1984)
    film("Otherwise", 1970, original_title="1984")
    assert found("1984") == [
        "Nineteen Eighty-Four (1984)",
        "1984 (1956)",
        "Otherwise (1970)",
        "2010 (1984)",
        "Splash (1984)",
    ]
    assert found("2010 (1984)") == ["2010 (1984)"]
    assert found("splash 1985") == []


def test_an_id_in_any_spelling_leads_to_the_film() -> None:
    film("The Matrix", imdb_id="tt0133093", tmdb_id=603, movielens_id=2571, local_id="films/matrix.jpg")
    film("Other", imdb_id="tt1330931", tmdb_id=6031)
    for query in (
        *("tt0133093", "TT133093", "tt133093", "tt 0133093", "0133093", "imdb:0133093"),
        *("imdb.com/title/tt0133093", "https://m.imdb.com/de/title/tt0133093/"),
        "https://www.imdb.com/title/tt0133093/?ref_=nv_sr_srsg_0",
        *("tmdb:603", "TMDB 603", "tmdb/603", "603", "themoviedb.org/movie/603-the-matrix"),
        "https://www.themoviedb.org/movie/603?language=de-DE",
        "https%3A%2F%2Fwww.themoviedb.org%2Fmovie%2F603",
        *("movielens:2571", "ml 2571", "2571", "https://movielens.org/movies/2571"),
        *("films/matrix.jpg", "local:films/matrix.jpg"),
    ):
        assert found(query) == ["The Matrix"], query


def test_a_number_is_a_tmdb_id_sooner_than_one_of_movielens() -> None:
    film("On MovieLens", 2010, movielens_id=603)
    film("On TMDB", 1999, tmdb_id=603)
    assert found("603") == ["On TMDB (1999)", "On MovieLens (2010)"]


def test_an_id_that_stayed_with_a_merged_movie_leads_to_the_kept_one() -> None:
    kept = film("Kept", 1990, movielens_id=1)
    merged = film("Merged", 1990, imdb_id=None, tmdb_id=None, movielens_id=2, local_id="two")
    merging.merge_movies(kept, [merged])
    assert found("movielens:2") == found("2") == found("two") == ["Kept (1990)"]
    assert found("merged") == []


def test_typing_mistakes_are_corrected() -> None:
    film("The Matrix", 1999)
    film("Casablanca", 1942)
    film("Star Wars: Episode IV - A New Hope", 1977)
    film("Terminator 2: Judgment Day", 1991)
    film("Fallen", 1998)
    film("Before the Fall (NaPolA - Elite für den Befallnert)", 2004)
    for query, corrected in {
        "matrx": "matrix",
        "teh matrix": "the matrix",
        "matirx 1999": "matrix 1999",
        "casablnca": "casablanca",
        "starwras": "star wars",
        "star wrs": "star wars",
        "teminator judgement day": "terminator judgment day",
        "thematrx": "the matrix",
        "the matrix movie": "the matrix",
        "falln": "fallen",
    }.items():
        result = search.find(query)
        assert result.corrected == corrected
        assert shown(result) == found(corrected) != found(query, verbatim=True)


def test_a_correction_keeps_what_the_query_is_about() -> None:
    for title in ("The Flight Before Christmas", "My Father and Two Sons", "American Meat"):
        film(title)
    for query in ("nightmare before christmas", "american beuty"):
        result = search.find(query)
        assert (shown(result), result.corrected) == ([], "")


def test_what_resembles_nothing_finds_nothing() -> None:
    film("The Matrix", 1999)
    film("Casablanca", 1942)
    film("Tt", 1999)
    for query in (
        *("zzzz", "xyzzy qwerty", "matrix 1998", "casablanca matrix", "99999999999999999999"),
        *("tt9999999", "tmdb:5", "tmdb:99999999999", "imdb.com/title/tt7777777"),
    ):
        result = search.find(query)
        assert (shown(result), result.corrected) == ([], "")


def test_corrections_follow_the_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    # Titles are read again as soon as they have changed.
    monkeypatch.setattr(search._corrections, "SHARE_OF_TIME", 1e9)
    film("The Matrix", 1999)
    assert search.find("casablnca").corrected == ""
    film("Casablanca", 1942)
    Movie.objects.get(title="The Matrix").delete()
    assert search.find("casablnca").corrected == "casablanca"
    assert search.find("matrx").corrected == ""


def test_a_blank_query_is_no_filter() -> None:
    film("One")
    film("Two")
    assert len(found("")) == len(found(" \t\n ")) == 2


SIGNS = (
    r"""%%% ___ \\\ $$$ 100% a_b% " ' * ^ - ( ) : \ % _ '' "" "a a* NEAR( {text}:x AND -matrix + a:b:c %s"""
)
HOSTILE = (
    *SIGNS.split(),
    *(
        "%(x)s",
        "\0",
        "\ud800",
        "OR NOT",
        "a OR b",
        'text : "x"',
        "'; DROP TABLE catalog_movie; --",
        "http://[::1",
    ),
    *("x" * 10_000, "a b " * 2_500, "9" * 10_000, "é" * 10_000, "ﷺ" * 500, "((((" * 2_000, "1984 " * 60),
    *("tt" + "1" * 9_000, "tmdb:" + "1" * 50, "0000000", "٣٤٥", "\u202eabc", "🎬", "\ufffd"),
)


@pytest.mark.slow
def test_a_hostile_query_is_a_query_like_any_other() -> None:
    film("The Matrix", 1999)
    for query in HOSTILE:
        list(search.find(query).best_first())
        list(search.find(query, verbatim=True).best_first())


@pytest.mark.slow
@given(st.text(max_size=120))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_can_be_searched_for(text: str) -> None:
    assert search.find(text).best_first().count() >= 0


@pytest.mark.slow
@given(st.text(min_size=1, max_size=60).filter(lambda text: text.strip() and text.isprintable()))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_title_is_found_by_itself(title: str) -> None:
    movie = film(title)
    assert movie in search.find(title, verbatim=True).movies


def test_results_are_the_same_when_too_many_movies_match_to_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    film("Alien", 1979)
    film("Aliens", 1986)
    film("The Inalienable", 2010)
    film("Challenge", 2011, original_title="Alien")
    film("Alien Nation", 1979)
    film("1979", 1990)
    queries = ("alien", "alien 1979", "1979", "an", "alein", "nothing")
    few = {query: (found(query), search.find(query).best) for query in queries}
    monkeypatch.setattr("catalog.search._finding.MOST_READ", 0)
    assert {query: (found(query), search.find(query).best) for query in queries} == few
