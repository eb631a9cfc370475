"""Look-alikes: the posters nearest to a poster, by any extractor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from django.conf import settings
from django.db.models import Exists, OuterRef, prefetch_related_objects

from catalog.duplicates import groups as duplicates
from catalog.embeddings import extractors, vector_index
from catalog.embeddings.index_files import LoadedIndex, metric_of, open_index
from catalog.models import Embedding, Extractor, Movie, Poster, VectorIndex
from ml.imaging.images import DUPLICATE_BITS, hash_distance
from ml.search.diversity import diverse_order
from ml.search.hubness import cosines
from ml.search.neighbours import Metric

# "ball_tree" finds what the recipe's ball tree finds: the nearest by Euclidean distance.
Method = Literal["exact", "ball_tree"]
METHODS: tuple[Method, ...] = ("exact", "ball_tree")
# Neighbours are read in parts, each four times as large as the one before. The first is nearly always enough.
FIRST_PART = 12
MOST_IDS_PER_QUERY = 1000
# The fields of posters and their movies that lists of look-alikes show, and the hash.
SHOWN = (
    *("is_primary", "perceptual_hash", "file", "medium", "thumbnail", "width", "height"),
    *("movie__title", "movie__year"),
)
# With diversity, look-alikes are chosen among this many times as many candidates.
CANDIDATES_PER_LOOKALIKE = 4


@dataclass(frozen=True)
class LookAlike:
    """A neighbour: its movie, its poster, and its distance by `metric_name`.

    Lists are ordered by `corrected_distance`: the cosine distance after hub correction. Without hub
    correction it equals `distance`.
    """

    movie: Movie
    poster: Poster
    distance: float
    corrected_distance: float


class _Candidate(NamedTuple):
    """A poster, its (corrected) distance and its group of duplicates."""

    poster: Poster
    distance: float
    group: int | None


def extractors_in_use() -> list[Extractor]:
    """Extractors that have embeddings, the default extractor first."""
    used = list(Extractor.objects.filter(Exists(Embedding.objects.filter(extractor=OuterRef("pk")))))
    first = extractors.default_extractor()
    return sorted(used, key=lambda extractor: (extractor != first, extractor.pk))


def metric_name(extractor: Extractor, method: str = "exact") -> Metric:
    """The metric: Euclidean for raw pixels and the ball tree, else cosine."""
    return "euclidean" if method == "ball_tree" else metric_of(extractor.spec)


def lookalikes(
    movie: Movie, extractor: Extractor | None = None, k: int | None = None, method: str = "exact"
) -> list[LookAlike]:
    """The k movies whose posters are nearest to this movie's, nearest first.

    With the cosine metric hubs are corrected, and LOOKALIKES_DIVERSITY applies. Posters that show the same
    picture as the movie's or as a listed one are left out, by their hashes or groups of duplicates. The
    movie's poster need not be in the index, but the list is empty if it is not embedded. Raises IndexNotReady
    if there is no index yet, and ValueError for an unknown method.
    """
    if method not in METHODS:
        raise ValueError(f"There is no method {method!r}; choose one of {', '.join(METHODS)}.")
    extractor = extractor or extractors.default_extractor()
    poster = movie.primary_poster
    k = settings.LOOKALIKES if k is None else k
    if poster is None or extractor is None or k < 1:
        return []
    own = Embedding.objects.filter(poster=poster, extractor=extractor).only("vector").order_by().first()
    if own is None:
        return []
    query = own.as_array()[None, :]
    metric = metric_name(extractor, method)
    diversity = settings.LOOKALIKES_DIVERSITY if metric == "cosine" else 0.0
    wanted = CANDIDATES_PER_LOOKALIKE * k if diversity else k
    index = vector_index.serving(extractor) if metric == "cosine" else None
    if index is not None:
        found, loaded = _different_by_database(poster, extractor, query, index, wanted)
    else:
        loaded = open_index(extractor, metric)
        found = _different(poster, extractor, query, loaded, wanted)
    if diversity:
        found = _diverse(found, loaded, k, diversity)
    prefetch_related_objects([each.poster for each in found], "movie__genres")
    distances = [each.distance for each in found]
    if loaded.correction is not None:
        distances = (1 - cosines(query, _vectors(found, loaded))[0]).clip(0, 2).tolist()
    return [
        LookAlike(each.poster.movie, each.poster, distance, each.distance)
        for each, distance in zip(found, distances, strict=True)
    ]


def _different(
    poster: Poster, extractor: Extractor, query: np.ndarray, loaded: LoadedIndex, wanted: int
) -> list[_Candidate]:
    """The `wanted` nearest posters with other pictures than `poster` and each other, nearest first."""
    shown, found = [_Candidate(poster, 0.0, None)], list[_Candidate]()
    done, reach = 0, min(len(loaded.search), 4 * wanted + 16)
    while done < reach:
        distances, ids = loaded.search.query(query, reach)
        for candidate in _candidates(poster, extractor, ids[0, done:], distances[0, done:]):
            if any(_is_same_picture(candidate, other) for other in shown):
                continue
            shown.append(candidate)
            found.append(candidate)
            if len(found) == wanted:
                return found
        done, reach = reach, min(len(loaded.search), reach * 4)
    return found


def _different_by_database(
    poster: Poster, extractor: Extractor, query: np.ndarray, index: VectorIndex, wanted: int
) -> tuple[list[_Candidate], LoadedIndex]:
    """`_different` of candidates from PostgreSQL, more of them until there are enough."""
    number = 4 * wanted + 16
    while True:
        loaded = vector_index.candidates(index, query, number, poster.movie_id)
        found = _different(poster, extractor, query, loaded, wanted)
        if len(found) == wanted or len(loaded.search) < number:
            return found, loaded
        number *= 4


def _diverse(found: list[_Candidate], loaded: LoadedIndex, k: int, diversity: float) -> list[_Candidate]:
    """k of the candidates, chosen for relevance and diversity, nearest first."""
    assert loaded.correction is not None  # noqa: S101  diversity is only used with it
    vectors = _vectors(found, loaded)
    likeness = cosines(vectors, vectors, loaded.correction.centre)
    relevance = [1 - each.distance for each in found]
    # `found` is ordered by distance, so sorting the chosen numbers orders them too.
    return [found[number] for number in sorted(diverse_order(relevance, likeness, k, diversity))]


def _vectors(found: list[_Candidate], loaded: LoadedIndex) -> np.ndarray:
    return loaded.search.vectors_of([each.poster.pk for each in found])


def _candidates(
    poster: Poster, extractor: Extractor, ids: np.ndarray, distances: np.ndarray
) -> Iterator[_Candidate]:
    """Primary posters of other movies that are not known duplicates of this one, in the order of `ids`."""
    embedded = Embedding.objects.filter(poster=OuterRef("pk"), extractor=extractor)
    others = (
        Poster.objects.filter(Exists(embedded), is_primary=True, movie__merged_into__isnull=True)
        .exclude(movie=poster.movie_id)
        .select_related("movie")
        .only(*SHOWN)
        .order_by()
    )
    start, size = 0, FIRST_PART
    while start < len(ids):
        part = slice(start, start + size)
        start, size = part.stop, min(size * 4, MOST_IDS_PER_QUERY)
        by_id = others.in_bulk(ids[part].tolist())
        groups = duplicates.groups_of([poster.pk, *by_id])
        own = groups.get(poster.pk)
        for poster_id, distance in zip(ids[part].tolist(), distances[part].tolist(), strict=True):
            group = groups.get(poster_id)
            if poster_id in by_id and (own is None or group != own):
                yield _Candidate(by_id[poster_id], distance, group)


def _is_same_picture(one: _Candidate, other: _Candidate) -> bool:
    if one.group is not None and one.group == other.group:
        return True
    apart = hash_distance(one.poster.perceptual_hash, other.poster.perceptual_hash)
    return apart <= DUPLICATE_BITS
