"""Find posters that show the same picture, and update the open groups of duplicates."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence

import numpy as np
from django.db import transaction
from django.db.models import Count, F, Q

from catalog.models import DuplicateGroup, DuplicateMember, Embedding, Extractor, Poster
from ml.imaging.images import ImageRejected, load_pixels
from ml.imaging.registration import WIDTH, Grey, shrunk
from ml.search.near_duplicates import (
    RECIPROCAL,
    Comparison,
    Pair,
    candidate_pairs,
    groups,
    nearest,
    reciprocal,
)

log = logging.getLogger(__name__)

IDS_PER_QUERY = 1000
VECTORS_AT_ONCE = 4000
PAIRS_BETWEEN_CHECKS = 200


def find(
    posters: Sequence[Poster], extractor: Extractor, is_wanted: Callable[[], bool] = lambda: True
) -> dict[int, int] | None:
    """Compare `posters` with every primary poster and put those that show the same picture into open groups.

    Candidate pairs have similar perceptual hashes, plain or mirrored, or are among each other's nearest
    neighbours by the extractor's vectors. If the hashes differ by more than 6 bits, the pictures themselves
    are compared. Movies that a person kept apart are not proposed again while both show the same posters. A
    repeated call changes nothing. Memory: 16 bytes per primary poster, and blocks.

    Returns the number of others that show the same picture, by poster id; None if `is_wanted` returned False.
    """
    ids, hashes = _primary_posters()
    new = np.flatnonzero(np.isin(ids, [poster.pk for poster in posters]))
    row_of = dict(zip(ids.tolist(), range(len(ids)), strict=True))
    proposed = set(candidate_pairs(hashes, new)) | set(_by_vectors(ids[new], extractor, row_of))
    known = _PosterCache(ids)
    known.load({row for pair in proposed for row in pair})
    compare = Comparison(hashes, known.content, known.pixels, known.apart)
    pairs: list[Pair] = []
    for number, (one, other) in enumerate(sorted(proposed)):
        if number % PAIRS_BETWEEN_CHECKS == 0 and not is_wanted():
            return None
        if known.both(one, other) and (pair := compare(one, other)):
            pairs.append(pair)
    made = _propose(pairs, compare, known, row_of)
    Poster.objects.filter(pk__in=[poster.pk for poster in posters]).update(compared_with=extractor)
    return {poster: len(rows) - 1 for rows in made for poster in ids[rows].tolist()}


def delete_outdated() -> None:
    """Delete members of open groups whose movie shows another poster now, or was merged after a source named
    it, and groups of fewer than two."""
    changed = Q(poster__isnull=True) | Q(poster__is_primary=False) | ~Q(poster__movie=F("movie"))
    from_source = Q(reason=DuplicateMember.Reason.SOURCE)
    outdated = (changed & ~from_source) | (from_source & Q(movie__merged_into__isnull=False))
    DuplicateMember.objects.filter(outdated, is_open=True).delete()
    open_groups = DuplicateGroup.objects.filter(state=DuplicateGroup.State.OPEN)
    small = open_groups.annotate(size=Count("members")).filter(size__lt=2).values_list("pk", flat=True)
    DuplicateGroup.objects.filter(pk__in=list(small)).delete()


def _primary_posters() -> tuple[np.ndarray, np.ndarray]:
    """Ids (n,) int64, ascending, and perceptual hashes (n,) uint64 of all primary posters."""
    rows = Poster.objects.filter(is_primary=True).order_by("pk").values_list("pk", "perceptual_hash")
    pairs = np.fromiter(
        ((pk, int(text, 16)) for pk, text in rows.iterator(chunk_size=2000)),
        dtype=[("id", np.int64), ("hash", np.uint64)],
    )
    return pairs["id"].copy(), pairs["hash"].copy()


def _by_vectors(ids: np.ndarray, extractor: Extractor, row_of: dict[int, int]) -> Iterator[tuple[int, int]]:
    """Pairs of rows, one of them in `ids`, that are among each other's nearest neighbours."""
    if extractor.spec.startswith("pixels"):
        return  # less reliable than the hash
    near: dict[int, list[int]] = {}
    wanted = ids
    for _ in range(2):  # the posters, then their neighbours, because both must be near each other
        own, queries = _vectors(wanted, extractor)
        if not len(own):
            break
        # One more, because each poster finds itself.
        found, _ = nearest(queries, _blocks(extractor), k=RECIPROCAL + 1)
        near |= {
            pk: [each for each in row if each not in (pk, -1)][:RECIPROCAL]
            for pk, row in zip(own.tolist(), found.tolist(), strict=True)
        }
        wanted = np.setdiff1d(np.unique(found), [*near, -1])
    for one, other in reciprocal(ids, near):
        if one in row_of and other in row_of:
            yield min(row_of[one], row_of[other]), max(row_of[one], row_of[other])


def _vectors(ids: np.ndarray, extractor: Extractor) -> tuple[np.ndarray, np.ndarray]:
    found: dict[int, bytes] = {}
    for start in range(0, len(ids), IDS_PER_QUERY):
        part = ids[start : start + IDS_PER_QUERY].tolist()
        made = Embedding.objects.filter(extractor=extractor, poster__in=part)
        found |= {pk: bytes(vector) for pk, vector in made.values_list("poster_id", "vector")}
    return np.array(list(found), dtype=np.int64), _matrix(list(found.values()), extractor.dims)


def _blocks(extractor: Extractor) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    rows = (
        Embedding.objects.filter(extractor=extractor, poster__is_primary=True)
        .order_by("poster_id")
        .values_list("poster_id", "vector")
    )
    ids: list[int] = []
    vectors: list[bytes] = []
    for pk, vector in rows.iterator(chunk_size=VECTORS_AT_ONCE):
        ids.append(pk)
        vectors.append(bytes(vector))
        if len(ids) == VECTORS_AT_ONCE:
            yield np.array(ids), _matrix(vectors, extractor.dims)
            ids, vectors = [], []
    if ids:
        yield np.array(ids), _matrix(vectors, extractor.dims)


def _matrix(vectors: Sequence[bytes], dims: int) -> np.ndarray:
    joined = b"".join(vectors)
    return np.frombuffer(joined, dtype="<f2").astype(np.float32).reshape(len(vectors), dims)


class _PosterCache:
    """The posters that were read so far, and the groups in which people kept them apart, both by row."""

    def __init__(self, ids: np.ndarray) -> None:
        self._ids = ids
        self.posters: dict[int, Poster] = {}
        self._apart: dict[int, frozenset[int]] = {}

    def load(self, rows: Collection[int]) -> None:
        fresh = sorted(set(rows) - self.posters.keys())
        for start in range(0, len(fresh), IDS_PER_QUERY):
            part = fresh[start : start + IDS_PER_QUERY]
            by_id = Poster.objects.in_bulk(self._ids[part].tolist())
            here = {row: by_id[pk] for row in part if (pk := int(self._ids[row])) in by_id}
            self.posters |= here
            self._apart |= _apart_groups(here)

    def reload(self) -> None:
        """Read primary posters and decisions again; they may have changed while pictures were compared.

        Posters stay locked until the transaction ends.
        """
        pks = sorted(poster.pk for poster in self.posters.values())
        current: dict[int, Poster] = {}
        for start in range(0, len(pks), IDS_PER_QUERY):
            rows = Poster.objects.select_for_update(no_key=True).filter(is_primary=True).order_by("pk")
            current |= rows.in_bulk(pks[start : start + IDS_PER_QUERY])
        self.posters = {
            row: current[poster.pk] for row, poster in self.posters.items() if poster.pk in current
        }
        self._apart = _apart_groups(self.posters)

    def both(self, one: int, other: int) -> bool:
        """Whether both posters still exist."""
        return one in self.posters and other in self.posters

    def content(self, row: int) -> str:
        return self.posters[row].sha256

    def apart(self, row: int) -> frozenset[int]:
        return self._apart.get(row, frozenset())

    def pixels(self, row: int) -> Grey | None:
        poster = self.posters.get(row)
        if poster is None:
            return None
        try:
            with poster.thumbnail.open("rb") as file:
                data = file.read()
            height = max(1, round(2 * WIDTH * poster.height / poster.width))
            return shrunk(load_pixels(data, (height, 2 * WIDTH)))
        except (OSError, ImageRejected, ValueError) as error:
            log.warning("%s (no. %s) cannot be compared with others: %s", poster, poster.pk, error)
            return None


def _apart_groups(posters: dict[int, Poster]) -> dict[int, frozenset[int]]:
    """The groups in which each poster was kept apart from others, if its movie showed it then."""
    groups_of: dict[tuple[int, str], set[int]] = defaultdict(set)
    movies = [poster.movie_id for poster in posters.values()]
    apart = DuplicateMember.objects.filter(group__state=DuplicateGroup.State.APART)
    for start in range(0, len(movies), IDS_PER_QUERY):
        rows = apart.filter(movie__in=movies[start : start + IDS_PER_QUERY])
        for movie, sha256, group in rows.values_list("movie_id", "poster_sha256", "group_id"):
            groups_of[movie, sha256].add(group)
    return {row: frozenset(groups_of[each.movie_id, each.sha256]) for row, each in posters.items()}


def _propose(
    pairs: list[Pair], compare: Comparison, known: _PosterCache, row_of: dict[int, int]
) -> list[list[int]]:
    """Update the open groups that the pairs affect. Returns the groups, as rows."""
    # First without a lock: comparisons of pictures take time, and their results are cached.
    groups(_with_open_groups(pairs, compare, known, row_of)[1], compare)
    with transaction.atomic():
        delete_outdated()
        known.reload()
        pairs = [pair for pair in pairs if known.both(pair.one, pair.other)]
        held, every = _with_open_groups(pairs, compare, known, row_of, lock=True)
        made = groups(every, compare)
        _write(made, held, compare, known)
    return made


def _with_open_groups(
    pairs: list[Pair], compare: Comparison, known: _PosterCache, row_of: dict[int, int], *, lock: bool = False
) -> tuple[list[int], list[Pair]]:
    """The open groups that the pairs affect, and the pairs together with those within these groups."""
    touched = {row for pair in pairs for row in (pair.one, pair.other)}
    posters = [known.posters[row].pk for row in touched]
    members = DuplicateMember.objects.filter(is_open=True)
    held = set[int]()
    for start in range(0, len(posters), IDS_PER_QUERY):
        part = members.filter(poster__in=posters[start : start + IDS_PER_QUERY])
        held.update(part.values_list("group_id", flat=True))
    if lock:
        list(DuplicateGroup.objects.select_for_update().filter(pk__in=held).order_by("pk").values_list("pk"))
    # Groups that were decided while we waited for the lock are not open any more.
    of_group: dict[int, list[int]] = defaultdict(list)
    for group, poster in members.filter(group__in=held).values_list("group_id", "poster_id"):
        if poster in row_of:
            of_group[group].append(row_of[poster])
    known.load({row for rows in of_group.values() for row in rows})
    within = [
        pair
        for first, *others in of_group.values()
        for row in others
        if known.both(first, row) and (pair := compare(first, row))
    ]
    return sorted(of_group), [*pairs, *within]


def _write(made: list[list[int]], held: list[int], compare: Comparison, known: _PosterCache) -> None:
    before = dict(DuplicateMember.objects.filter(group__in=held).values_list("poster_id", "group_id"))
    wanted: dict[int, list[DuplicateMember]] = {}
    for members in made:
        posters = [known.posters[row] for row in members]
        mine = {before[poster.pk] for poster in posters if poster.pk in before} - wanted.keys()
        group = min(mine) if mine else DuplicateGroup.objects.create().pk
        wanted[group] = [_member(group, members[0], row, compare, known) for row in members]
    now = {member.poster_id: group for group, members in wanted.items() for member in members}
    if now == before:
        return
    DuplicateMember.objects.filter(group__in=held).delete()
    DuplicateGroup.objects.filter(pk__in=set(held) - wanted.keys()).delete()
    DuplicateMember.objects.bulk_create([member for members in wanted.values() for member in members])


def _member(group: int, first: int, row: int, compare: Comparison, known: _PosterCache) -> DuplicateMember:
    poster = known.posters[row]
    pair = None if row == first else compare(first, row)
    return DuplicateMember(
        group_id=group,
        movie_id=poster.movie_id,
        poster=poster,
        poster_sha256=poster.sha256,
        reason=pair.reason if pair else DuplicateMember.Reason.FIRST,
        bits=pair.bits if pair else None,
        likeness=pair.likeness if pair else None,
    )
