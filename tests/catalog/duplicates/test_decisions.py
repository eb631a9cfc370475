"""Decisions about duplicates: merge, keep apart, wrong poster; made once and recorded."""

from __future__ import annotations

import pytest

from catalog.duplicates import decisions, groups, search
from catalog.duplicates.decisions import AlreadyDecided
from catalog.duplicates.merging import CannotMerge
from catalog.models import DuplicateDecision, DuplicateGroup, Movie, Poster
from catalog.models.append_only import AppendOnlyError
from catalog.posters.rejections import was_removed
from tests.catalog.posters.pictures import extractor, showing
from tests.factories import UserFactory
from tests.ml.imaging.drawings import drawing, encoded

pytestmark = pytest.mark.django_db

NO_IDS = {"imdb_id": None, "tmdb_id": None}


@pytest.fixture
def person():
    return UserFactory()


def found(*posters: Poster) -> DuplicateGroup:
    search.find(list(posters), extractor())
    return DuplicateGroup.objects.get(state=DuplicateGroup.State.OPEN)


def copies(number: int, **facts) -> list[Poster]:
    return [showing(drawing(0).resize((200 - each, 300)), **NO_IDS, **facts) for each in range(number)]


def test_a_merge_leaves_one_movie_and_a_record(person):
    one, other = copies(2, title="Ember")
    group = found(one, other)
    decision = decisions.merge(group, one.movie, person)
    assert list(Movie.objects.all()) == [one.movie]
    assert group.state == DuplicateGroup.State.MERGED and not groups.open_groups().exists()
    assert decision.decided_by == person and decision.movie == one.movie
    assert decision.details["merged"][0]["movie"] == other.movie_id
    assert groups.groups_of([one.pk, other.pk]) == {one.pk: group.pk, other.pk: group.pk}


def test_some_are_merged_and_the_rest_stays_open(person):
    posters = copies(3)
    group = found(*posters)
    kept = posters[0].movie
    decisions.merge(group, kept, person, only=[kept.pk, posters[2].movie_id])
    assert set(Movie.objects.all()) == {kept, posters[1].movie}
    assert groups.open_groups().get() == group
    assert set(group.members.values_list("movie", flat=True)) == {kept.pk, posters[1].movie_id}
    decisions.keep_apart(group, person)
    assert search.find(list(Poster.objects.filter(is_primary=True)), extractor()) == {}


def test_a_movie_of_another_group_cannot_be_kept(person):
    group = found(*copies(2))
    with pytest.raises(CannotMerge, match="choose one of them"):
        decisions.merge(group, showing(5).movie, person)
    assert Movie.objects.count() == 3


def test_a_refused_merge_leaves_the_group_open(person):
    group = found(showing(0), showing(0))
    with pytest.raises(CannotMerge, match="different films"):
        decisions.merge(group, group.members.all()[0].movie, person)
    assert groups.undecided_groups().get() == group and not DuplicateDecision.objects.exists()


def test_movies_kept_apart_are_not_proposed_again(person):
    one, other = copies(2)
    group = found(one, other)
    decision = decisions.keep_apart(group, person)
    assert [each["movie"] for each in decision.details["apart"]] == [one.movie_id, other.movie_id]
    assert search.find([one, other], extractor()) == {}
    assert groups.groups_of([one.pk, other.pk]) == {}


@pytest.mark.parametrize("again", ["merge", "keep_apart"])
def test_only_one_person_decides(person, again):
    one, other = copies(2)
    group = found(one, other)
    decisions.keep_apart(group, person)
    with pytest.raises(AlreadyDecided, match="in the meantime"):
        if again == "merge":
            decisions.merge(group, one.movie, person)
        else:
            decisions.keep_apart(group, person)
    assert DuplicateDecision.objects.count() == 1 and Movie.objects.count() == 2


def test_a_wrong_poster_is_removed_for_good(person):
    one, other = copies(2)
    group = found(one, other)
    decision = decisions.wrong_poster(group.members.get(poster=other), person)
    assert not other.movie.posters.exists() and one.movie.primary_poster == one
    assert not DuplicateGroup.objects.exists()
    assert (decision.movie, decision.poster_sha256) == (other.movie, other.sha256)
    smaller = encoded(drawing(0).resize((120, 180)))
    assert was_removed(other.movie, smaller)
    assert not was_removed(other.movie, encoded(drawing(4)))
    assert not was_removed(one.movie, smaller)


def test_a_group_stays_open_without_a_wrong_poster(person):
    posters = copies(3)
    group = found(*posters)
    decisions.wrong_poster(group.members.get(poster=posters[2]), person)
    assert groups.open_groups().get().members.count() == 2


def test_a_picture_that_is_no_poster_is_removed_from_all(person):
    posters = copies(3)
    made = decisions.wrong_for_all(found(*posters), person)
    assert len(made) == 3 and not Poster.objects.exists() and Movie.objects.count() == 3
    assert not DuplicateGroup.objects.exists()


def test_decisions_are_never_changed(person):
    group = found(*copies(2))
    decision = decisions.keep_apart(group, person)
    decision.verdict = "merged"
    for change in (decision.save, decision.delete, DuplicateDecision.objects.all().delete):
        with pytest.raises(AppendOnlyError):
            change()
    with pytest.raises(AppendOnlyError):
        DuplicateDecision.objects.update(verdict="merged")


def test_the_record_outlives_the_movie(person):
    one, other = copies(2, title="Ember")
    decisions.merge(found(one, other), one.movie, person)
    one.movie.delete()
    assert not Movie.everything.exists()
    assert DuplicateDecision.objects.get().details["title"].startswith("Ember")
