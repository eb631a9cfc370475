"""Several reviewers at the same time, on one SQLite file: each movie is decided once, and none is lost."""

from __future__ import annotations

import pytest

from tests.faults.sites import Site

pytestmark = pytest.mark.process

MOVIES = 200
PREPARE = """
from datetime import timedelta
from django.contrib.auth import get_user_model
from catalog.genres import assignment, review
from catalog.models import Genre, GenreModel, Extractor, Movie, ReviewReservation, Suggestion
def prepare():
    for name in ("ana", "ben", "cai"):
        get_user_model().objects.create_user(name)
    extractor = Extractor.objects.create(spec="pixels", fingerprint="pixels:test", dims=8)
    model = GenreModel.objects.create(
        version=9, extractor=extractor, genres=["Drama"], thresholds=[0.5], weights_file="none.npz"
    )
    drama, _ = Genre.objects.get_or_create(slug="drama", defaults={"name": "Drama"})
    movies = Movie.objects.bulk_create(Movie(title=f"Film {n}") for n in range(int(argv[0])))
    Suggestion.objects.bulk_create(
        Suggestion(movie=movie, genre=drama, model=model, score=0.9, threshold=0.5) for movie in movies
    )
def work(name, meeting):
    reviewer = get_user_model().objects.get(username=name)
    shown = []
    meet(meeting)
    while Suggestion.objects.filter(state="pending").exists():
        open_now = assignment.assign(reviewer, review.review_queue(), 4)
        if not open_now:
            time.sleep(0.02)
            continue
        [movie] = review.cards(open_now[:1])
        shown.append(movie.pk)
        decided = review.accept(movie.pending_suggestions, reviewer)
        assert decided == 1
        assignment.release(reviewer, [movie.pk])
    here = pathlib.Path(os.environ["POSTERSITE_VAR"])
    (here / f"shown-{name}").write_text(" ".join(map(str, shown)))
assert in_processes(prepare) == [0]
"""
TWO = 'assert in_processes(lambda: work("ana", 2), lambda: work("ben", 2)) == [0, 0]'
# Cai's browser dies with a third of the movies open, of which nothing is ever decided by cai.
DEAD = """
def die():
    cai = get_user_model().objects.get(username="cai")
    assert len(assignment.assign(cai, review.review_queue(), int(argv[0]) // 3)) == int(argv[0]) // 3
    os._exit(0)
assignment.RESERVED_FOR = timedelta(seconds=2)
assert in_processes(die) == [0]
"""


def shown(site: Site, name: str) -> list[int]:
    return [int(pk) for pk in (site.var / f"shown-{name}").read_text().split()]


def everything_is_decided_once(site: Site) -> bool:
    ana, ben = shown(site, "ana"), shown(site, "ben")
    decided = site.rows("SELECT movie_id, count(*) FROM catalog_reviewdecision GROUP BY movie_id")
    everyone = sorted(ana + ben)
    return (
        len(everyone) == len(set(everyone)) == MOVIES
        and sorted(decided) == [(movie, 1) for movie in everyone]
        and site.value("SELECT count(*) FROM catalog_moviegenre") == MOVIES
        and site.value("SELECT count(*) FROM catalog_suggestion WHERE state = 'pending'") == 0
    )


def test_two_reviewers_decide_each_movie_once(site: Site) -> None:
    site.run_python(PREPARE + TWO, MOVIES)
    assert everything_is_decided_once(site)
    assert min(len(shown(site, "ana")), len(shown(site, "ben"))) > 0
    assert site.value("SELECT count(*) FROM catalog_reviewreservation") == 0


def test_movies_of_a_browser_that_died_are_shown_to_others(site: Site) -> None:
    site.run_python(PREPARE + DEAD + TWO, MOVIES)
    assert everything_is_decided_once(site)
