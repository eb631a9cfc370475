"""Finding duplicates: by file, hash, mirror image and vectors; movies kept apart are not proposed again."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from django.db import connection
from PIL import ImageOps

from catalog.duplicates import groups, search
from catalog.models import DuplicateGroup, DuplicateMember, Poster, Run, RunItem
from catalog.posters.primary import store_poster
from catalog.runs import lifecycle, local_worker
from tests.catalog.posters.pictures import extractor, showing
from tests.factories import PosterFactory, RunFactory
from tests.ml.imaging.drawings import drawing, encoded

pytestmark = pytest.mark.django_db


def find(posters: Iterable[Poster] | None = None) -> dict[int, int] | None:
    return search.find(list(Poster.objects.all() if posters is None else posters), extractor())


def reasons() -> dict[frozenset[int | None], list[str]]:
    """Of each group its posters, and why the later ones are in it."""
    return {
        frozenset(member.poster_id for member in group.members.all()): [
            member.reason for member in group.members.all()[1:]
        ]
        for group in DuplicateGroup.objects.prefetch_related("members")
    }


def keep_apart() -> None:
    DuplicateGroup.objects.update(state=DuplicateGroup.State.APART)
    DuplicateMember.objects.update(is_open=False)


def cropped(seed: int):
    return drawing(seed).crop((20, 30, 180, 270))


def test_copies_are_found_and_others_left_alone():
    showing(9, 9000)
    same, again = showing(0), showing(0)
    whole, small = showing(1), showing(drawing(1).resize((100, 150)))
    upright, mirror = showing(2), showing(ImageOps.mirror(drawing(2)))
    full, part = showing(3, 3000), showing(cropped(3), 3001)
    found = find()
    assert reasons() == {
        frozenset({same.pk, again.pk}): ["bytes"],
        frozenset({whole.pk, small.pk}): ["hash"],
        frozenset({upright.pk, mirror.pk}): ["mirrored"],
        frozenset({full.pk, part.pk}): ["cropped"],
    }
    assert found is not None and len(found) == 8 and set(found.values()) == {1}


def test_near_vectors_of_different_pictures_are_no_duplicates():
    for seed in range(3):
        showing(seed, 5000 + seed)
    assert find() == {}
    assert not DuplicateGroup.objects.exists()


def test_the_same_posters_again_change_nothing():
    showing(0), showing(0), showing(1)
    find()
    before = list(DuplicateMember.objects.order_by("pk").values())
    assert find() == dict.fromkeys(groups.groups_of([row["poster_id"] for row in before]), 1)
    assert list(DuplicateMember.objects.order_by("pk").values()) == before and len(before) == 2


def test_a_later_copy_joins_the_open_group():
    first, second = showing(0), showing(drawing(0).resize((100, 150)))
    find()
    group = DuplicateGroup.objects.get()
    third = showing(0)
    assert find([third]) == {first.pk: 2, second.pk: 2, third.pk: 2}
    assert DuplicateGroup.objects.get() == group
    assert set(group.members.values_list("poster_id", flat=True)) == {first.pk, second.pk, third.pk}


def test_movies_kept_apart_are_not_proposed_again():
    one, other = showing(0), showing(0)
    find()
    keep_apart()
    assert find() == {}
    # A third copy is news, but never brings the two back together.
    third = showing(0)
    found = find([third])
    assert found is not None and third.pk in found and len(found) == 2
    assert not {one.pk, other.pk} <= found.keys()


def test_movies_kept_apart_are_proposed_again_with_another_poster():
    one, other = showing(0), showing(0)
    find()
    keep_apart()
    changed = store_poster(other.movie, encoded(drawing(0), quality=60), source="upload")
    assert find([changed]) == {one.pk: 1, changed.pk: 1}


def test_a_group_ends_when_its_movies_show_other_posters():
    showing(0, imdb_id=None, tmdb_id=None)
    other = showing(0)
    find()
    assert groups.open_groups().count() == 1
    store_poster(other.movie, encoded(drawing(5)), source="upload")
    assert groups.open_groups().count() == 0
    search.delete_outdated()
    assert not DuplicateGroup.objects.exists()


def test_a_missing_picture_only_loses_its_own_pairs(caplog):
    part, _ = showing(cropped(3), 3001), showing(3, 3000)
    part.thumbnail.delete(save=False)
    showing(0), showing(0)
    found = find()
    assert found is not None and len(found) == 2
    assert "cannot be compared" in caplog.text


def test_a_run_compares_every_embedded_poster_once():
    showing(0, 1), showing(0, 2), showing(1)
    assert groups.is_due()
    run = local_worker.process_run(lifecycle.start("duplicates", queue=False))
    assert (run.state, run.done, run.total) == (Run.State.DONE, 2, 2)
    assert set(run.items.values_list("note", flat=True)) == {"the same picture as another movie"}
    assert not groups.is_due()
    assert lifecycle.start("duplicates", queue=False).message.startswith("Nothing to do")
    assert lifecycle.outstanding()["duplicates"] == 0


def test_a_cancelled_search_proposes_nothing():
    one, other = showing(0), showing(0)
    assert search.find([one, other], extractor(), is_wanted=lambda: False) is None
    assert not DuplicateGroup.objects.exists()
    assert not Poster.objects.filter(compared_with__isnull=False).exists()


def test_without_embeddings_a_run_cannot_start():
    showing(0)
    with pytest.raises(lifecycle.RunError, match="embed posters first"):
        lifecycle.start("duplicates")
    assert not groups.is_due()


@pytest.mark.parametrize("kind", ["embed", "duplicates"])
def test_a_search_waits_for_live_runs(kind):
    showing(0, 1)
    RunFactory(kind=kind, state=Run.State.RUNNING)
    assert not groups.is_due()


def test_a_search_that_failed_is_not_repeated_at_once():
    showing(0, 1)
    RunFactory(kind="duplicates", state=Run.State.FAILED)
    assert not groups.is_due()


def test_a_search_by_a_deleted_extractor_fails():
    poster = showing(0, 1)
    run = lifecycle.start("duplicates", queue=False)
    run.params["extractor"] = 0
    run.save()
    run = local_worker.process_run(run)
    assert run.state == Run.State.FAILED
    assert "deleted" in RunItem.objects.get(poster=poster).error


def test_films_with_different_ids_are_not_proposed():
    one, other = showing(0), showing(0)
    find()
    # The pair is stored, but there is nothing to decide.
    group = groups.undecided_groups().get()
    assert not groups.open_groups().exists()
    assert list(groups.same_picture(one.movie)) == [other.movie]
    assert groups.groups_of([one.pk, other.pk]) == {one.pk: group.pk, other.pk: group.pk}


@pytest.mark.parametrize(
    ("ids", "is_proposed"),
    [
        ({"imdb_id": None, "tmdb_id": None}, True),
        ({"imdb_id": None}, False),
        ({"tmdb_id": None}, False),
    ],
)
def test_a_film_without_ids_is_proposed(ids, is_proposed):
    showing(0), showing(0, **ids)
    find()
    assert groups.open_groups().exists() == is_proposed


def test_films_with_ids_of_different_sites_are_proposed():
    showing(0, imdb_id=None), showing(0, tmdb_id=None)
    find()
    assert groups.open_groups().count() == 1


def test_films_kept_apart_show_the_same_picture():
    one, other, _ = showing(0), showing(0), showing(1)
    find()
    keep_apart()
    assert list(groups.same_picture(other.movie)) == [one.movie]
    store_poster(one.movie, encoded(drawing(5)), source="upload")
    assert not groups.same_picture(other.movie).exists()


def test_the_query_for_the_same_picture_uses_an_index():
    query = groups.same_picture(PosterFactory(is_primary=True).movie)
    # On PostgreSQL the plan depends on how many rows there are.
    assert connection.vendor != "sqlite" or "SCAN catalog_movie" not in query.explain()
