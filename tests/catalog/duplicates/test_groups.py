"""Posters that show the same picture: in open and merged groups, not in those kept apart."""

import pytest

from catalog.duplicates import groups
from catalog.models import DuplicateGroup, DuplicateMember, Poster
from tests.factories import PosterFactory

pytestmark = pytest.mark.django_db


def group(*posters: Poster, state: str = DuplicateGroup.State.OPEN) -> DuplicateGroup:
    made = DuplicateGroup.objects.create(state=state)
    for poster in posters:
        DuplicateMember.objects.create(
            group=made,
            movie=poster.movie,
            poster=poster,
            poster_sha256=poster.sha256,
            reason=DuplicateMember.Reason.SAME_BYTES,
            is_open=state == DuplicateGroup.State.OPEN,
        )
    return made


def test_open_and_merged_groups_count():
    posters = PosterFactory.create_batch(7)
    first = group(*posters[:2])
    merged = group(*posters[2:4], state=DuplicateGroup.State.MERGED)
    group(*posters[4:6], state=DuplicateGroup.State.APART)
    found = groups.groups_of([poster.pk for poster in posters])
    assert found == {
        posters[0].pk: first.pk,
        posters[1].pk: first.pk,
        posters[2].pk: merged.pk,
        posters[3].pk: merged.pk,
    }


def test_only_the_given_posters_are_returned():
    one, other = PosterFactory.create_batch(2)
    made = group(one, other)
    assert groups.groups_of([one.pk]) == {one.pk: made.pk}
    assert groups.groups_of([]) == {}


def test_an_open_group_counts_before_a_merged_one():
    one, other, third = PosterFactory.create_batch(3)
    proposed = group(one, third)
    group(one, other, state=DuplicateGroup.State.MERGED)
    found = groups.groups_of([one.pk, other.pk, third.pk])
    assert found[one.pk] == found[third.pk] == proposed.pk
