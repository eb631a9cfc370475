"""Several posters of one movie: which are fetched, and which one is shown."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.models import Movie, Poster, Run
from catalog.posters import fetch
from catalog.posters.primary import choose, make_primary, preference, unlock
from catalog.runs import leases, lifecycle
from tests.catalog.posters.conftest import Serve, fetch_several
from tests.catalog.posters.films import film, known
from tests.factories import MovieFactory, PosterFactory, tiny_jpeg
from tests.replica.faults import FaultySite, not_found

pytestmark = pytest.mark.django_db

OTHERS = (("de", tiny_jpeg(31, (60, 90))), (None, tiny_jpeg(32, (60, 90))), ("fr", tiny_jpeg(33, (60, 90))))


@pytest.fixture
def site(serve: Serve) -> FaultySite:
    return serve([replace(film(1), others=OTHERS), film(2)], ["tmdb_api", "imdb_page"])


def test_alternatives_come_with_their_languages_and_the_first_stays_shown(movie: Movie) -> None:
    [poster] = fetch_several(movie, 1)
    assert (poster.language, poster.rank, poster.is_primary) == ("en", 0, True)
    assert movie.posters.count() == 1
    assert len(fetch_several(movie, 8)) == 4
    assert set(movie.posters.values_list("language", flat=True)) == {"en", "de", "fr", "zxx"}
    assert movie.primary_poster == poster


def test_a_wanted_language_is_shown_first(movie: Movie, settings: Any) -> None:
    settings.POSTER_LANGUAGES = ["de"]
    fetch_several(movie, 8)
    assert Poster.objects.get(movie=movie, is_primary=True).language == "de"


def test_another_source_fills_up_what_the_first_does_not_have(site: FaultySite) -> None:
    movie = known(site.movies[1])
    fetch_several(movie, 3)
    # The same picture at both sites is one poster.
    assert movie.posters.count() == 1
    assert len(site.paths("/title/")) == 1


def test_a_picture_that_is_gone_gives_way_to_the_next(site: FaultySite, movie: Movie) -> None:
    site.spoil(site.movies[0].image_name, not_found())
    [poster] = fetch_several(movie, 1)
    assert poster.language == "zxx"


def test_a_run_can_fetch_alternatives(movie: Movie) -> None:
    run = lifecycle.start("scrape", movies=Movie.objects.all(), params={fetch.POSTERS_PARAM: 8}, queue=False)
    leases.process_batch(run.pk, fetch.fetch_items)
    lifecycle.settle(run.pk)
    run.refresh_from_db()
    assert (run.state, run.done) == (Run.State.DONE, 1)
    assert run.items.get().note.endswith("and 3 more")
    assert movie.posters.count() == 4


def test_what_a_person_chose_stays_until_it_is_unlocked(movie: Movie) -> None:
    fetch_several(movie, 8)
    french = Poster.objects.get(movie=movie, language="fr")
    make_primary(french)
    fetch_several(movie, 8)
    assert Poster.objects.get(movie=movie, is_primary=True) == french
    unlock(movie)
    assert Poster.objects.get(movie=movie, is_primary=True).language == "en"


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({}, {"superseded": True, "width": 900}),
        ({"language": "de", "width": 100}, {"language": "en", "width": 900}),
        ({"language": "de"}, {"language": ""}),
        ({"language": "zxx"}, {"language": "fr", "width": 900}),
        ({"language": ""}, {"language": "fr", "width": 900}),
        ({"width": 400, "source": "imdb_page"}, {"width": 300, "source": "tmdb_api"}),
        ({"width": 500, "source": "tmdb_api"}, {"width": 2000, "source": "imdb_page"}),
        ({"rank": 0}, {"rank": 1}),
    ],
)
def test_the_rule_goes_by_language_then_resolution_then_source_then_rank(
    better: dict[str, Any], worse: dict[str, Any], settings: Any
) -> None:
    settings.POSTER_LANGUAGES = ["de", "en"]
    settings.POSTER_SOURCES = ["tmdb_api", "imdb_page"]
    movie = MovieFactory()
    plain = {"source": "tmdb_api", "language": "en"}
    first = PosterFactory(movie=movie, is_primary=False)
    second = PosterFactory(movie=movie, is_primary=False)
    for one, other in ((first, second), (second, first)):
        Poster.objects.filter(movie=movie).update(is_primary=False, width=500, superseded=False, rank=0)
        Poster.objects.filter(pk=one.pk).update(**plain | better)
        Poster.objects.filter(pk=other.pk).update(**plain | worse)
        choose(movie)
        assert Poster.objects.get(movie=movie, is_primary=True) == one


@given(st.permutations(range(6)))
def test_the_rule_does_not_depend_on_the_order_the_posters_came_in(order: list[int]) -> None:
    movie = Movie(pk=1)
    posters = [
        Poster(
            pk=number + 1,
            movie=movie,
            width=300 + number % 2,
            language=("de", "", "fr")[number % 3],
            fetched_at=datetime(2026, 1, 1 + number, tzinfo=UTC),
        )
        for number in range(6)
    ]
    assert max((posters[number] for number in order), key=preference) == max(posters, key=preference)
