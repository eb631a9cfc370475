"""Look-alikes: the nearest posters of other movies, each picture once, by any extractor and method."""

from __future__ import annotations

import re
from itertools import product
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog.embeddings import extractors, index_files
from catalog.models import DuplicateGroup, DuplicateMember, Embedding, Extractor, Movie, Poster
from catalog.posters.primary import make_primary
from catalog.similarity import search
from catalog.similarity.search import LookAlike, metric_name
from ml.search.hubness import hub_correction
from tests.factories import EmbeddingFactory, ExtractorFactory, MovieFactory, PosterFactory

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

DIMS = 8


@pytest.fixture
def extractor() -> Extractor:
    return ExtractorFactory(spec="histograms", fingerprint=extractors.fingerprint("histograms"), dims=DIMS)


def lookalikes(*args: Any, **kwargs: Any) -> list[LookAlike]:
    """Of an index that is up to date."""
    index_files.build_stale()
    return search.lookalikes(*args, **kwargs)


def catalogue(extractor: Extractor, count: int, seed: int = 0) -> list[Movie]:
    random = np.random.default_rng(seed)
    return [embedded(extractor, random.normal(size=extractor.dims)) for _ in range(count)]


def embedded(extractor: Extractor, values: Any, **poster: Any) -> Movie:
    made = PosterFactory(**poster)
    EmbeddingFactory(poster=made, extractor=extractor, values=values)
    return made.movie


def titles(found: list[LookAlike]) -> list[str]:
    return [each.movie.title for each in found]


def by_hand(movie: Movie, extractor: Extractor, k: int, metric: str) -> list[tuple[int, float, float]]:
    """Movie, distance and corrected distance: slow, plain and in double precision."""
    rows = Embedding.objects.filter(extractor=extractor).select_related("poster").order_by("poster_id")
    vectors = {row.poster.movie_id: row.as_array().astype(float) for row in rows}
    query = vectors[movie.pk]
    if metric == "euclidean":
        far = order = {pk: float(np.linalg.norm(vector - query)) for pk, vector in vectors.items()}
    else:
        correction = hub_correction(np.array(list(vectors.values()), dtype=np.float32))
        centre, penalties = correction.centre, dict(zip(vectors, correction.penalties, strict=True))
        far = {pk: 1 - cosine(vector, query) for pk, vector in vectors.items()}
        order = {
            pk: 1 - cosine(vector - centre, query - centre) + penalties[pk] for pk, vector in vectors.items()
        }
    nearest = sorted((pk for pk in vectors if pk != movie.pk), key=lambda pk: order[pk])
    return [(pk, far[pk], order[pk]) for pk in nearest[:k]]


def cosine(one: Any, other: Any) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


@pytest.mark.parametrize(
    ("spec", "method", "metric"),
    [
        ("histograms", "exact", "cosine"),
        ("histograms", "ball_tree", "euclidean"),
        ("pixels", "exact", "euclidean"),
        ("pixels", "ball_tree", "euclidean"),
    ],
)
def test_look_alikes_are_those_of_a_slow_search(spec: str, method: Any, metric: Any) -> None:
    extractor = ExtractorFactory(spec=spec, dims=DIMS)
    assert metric_name(extractor, method) == metric
    for movie, k in product(catalogue(extractor, 30)[:4], (1, 5, 40)):
        found = lookalikes(movie, extractor, k, method)
        expected = by_hand(movie, extractor, k, metric)
        assert [each.movie.pk for each in found] == [pk for pk, _, _ in expected]
        assert [each.distance for each in found] == pytest.approx([far for _, far, _ in expected], abs=1e-6)
        ordered_by = [corrected for _, _, corrected in expected]
        assert [each.corrected_distance for each in found] == pytest.approx(ordered_by, abs=1e-5)


def test_by_default_five_by_the_default_extractor(extractor: Extractor) -> None:
    movie = catalogue(extractor, 9)[0]
    assert titles(lookalikes(movie)) == titles(lookalikes(movie, extractor, 5))
    assert len(lookalikes(movie)) == 5


def test_other_posters_of_the_same_movie_are_left_out(extractor: Extractor) -> None:
    movie = embedded(extractor, [1.0] * DIMS)
    embedded(extractor, [1.0] * DIMS, movie=movie, is_primary=False)
    other = embedded(extractor, [1.0] * (DIMS - 1) + [0.0])
    assert titles(lookalikes(movie)) == [other.title]


def test_near_duplicates_of_the_query_and_of_each_other_are_left_out(extractor: Extractor) -> None:
    movie = embedded(extractor, [1.0] * DIMS, perceptual_hash="ffff0000ffff0000")
    embedded(extractor, [1.0] * DIMS, perceptual_hash="ffff0000ffff003f")  # 6 bits away
    different = embedded(extractor, [1.0] * 7 + [0.9], perceptual_hash="ffff0000ffff007f")  # 7 bits away
    embedded(extractor, [1.0] * 7 + [0.8], perceptual_hash="ffff0000ffff01ff")  # 2 from the one above
    assert titles(lookalikes(movie)) == [different.title]


def grouped(*movies: Movie, state: str) -> None:
    group = DuplicateGroup.objects.create(state=state)
    for movie in movies:
        DuplicateMember.objects.create(
            group=group,
            movie=movie,
            poster=movie.primary_poster,
            reason=DuplicateMember.Reason.MIRRORED,
            is_open=state == DuplicateGroup.State.OPEN,
        )


@pytest.mark.parametrize("state", DuplicateGroup.State)
def test_of_a_group_of_duplicates_one_is_listed_unless_they_are_kept_apart(
    extractor: Extractor, state: str
) -> None:
    movie, same, first, second, other = (embedded(extractor, [1] * 7 + [n]) for n in (1, 0.99, 0.9, 0.8, 0.7))
    grouped(movie, same, state=state)
    grouped(first, second, state=state)
    if state == DuplicateGroup.State.APART:
        assert titles(lookalikes(movie)) == [each.title for each in (same, first, second, other)]
    else:
        assert titles(lookalikes(movie)) == [first.title, other.title]
        assert titles(lookalikes(same)) == [first.title, other.title]


def test_diversity_lists_one_of_several_similar_posters(extractor: Extractor, settings: Any) -> None:
    movie = embedded(extractor, [1, 0, 0] + [0] * 5)
    near = [embedded(extractor, [1, 0.5, 0.01 * n] + [0] * 5) for n in range(3)]
    other = embedded(extractor, [1, 0, 0.7] + [0] * 5)
    nearest = {each.title for each in near}
    assert set(titles(lookalikes(movie, k=2))) < nearest
    settings.LOOKALIKES_DIVERSITY = 0.5
    first, second = titles(lookalikes(movie, k=2))
    assert first in nearest and second == other.title
    assert len(lookalikes(movie, extractor, 2, "ball_tree")) == 2
    assert other.title not in titles(lookalikes(movie, extractor, 2, "ball_tree"))


def test_the_list_is_filled_when_many_are_left_out(extractor: Extractor) -> None:
    movie = embedded(extractor, [1.0] + [0.0] * 7, perceptual_hash="0" * 16)
    for number in range(60):
        embedded(extractor, [1.0, number * 1e-3] + [0.0] * 6, perceptual_hash="0" * 16)
    others = [embedded(extractor, [1.0, 1.0, n] + [0.0] * 5) for n in range(7)]
    for k in (7, 30):
        assert sorted(titles(lookalikes(movie, extractor, k))) == sorted(other.title for other in others)
    assert set(titles(lookalikes(movie, extractor, 3))) < {other.title for other in others}


@pytest.mark.parametrize("part", [1, 3])
def test_neighbours_are_read_in_parts(
    extractor: Extractor, part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    movies = catalogue(extractor, 12)
    whole = lookalikes(movies[0], extractor, k=5)
    monkeypatch.setattr(search, "FIRST_PART", part)
    assert lookalikes(movies[0], extractor, k=5) == whole


def test_posters_beyond_the_first_part_are_not_read(extractor: Extractor) -> None:
    movies = catalogue(extractor, 30)
    lookalikes(movies[0], extractor, k=5)
    with CaptureQueriesContext(connection) as captured:
        search.lookalikes(Movie.objects.get(pk=movies[0].pk), extractor, k=5)
    [read] = [each["sql"] for each in captured if "perceptual_hash" in each["sql"] and " IN (" in each["sql"]]
    ids = read.rpartition(" IN (")[2].partition(")")[0]
    assert len(ids.split(",")) == search.FIRST_PART


def test_extractors_do_not_mix(extractor: Extractor) -> None:
    other = ExtractorFactory(spec="pixels", dims=3)
    movies = catalogue(extractor, 3)
    for number, movie in enumerate(movies):
        EmbeddingFactory(poster=movie.primary_poster, extractor=other, values=[number**2, 0, 0])
    assert [each.distance for each in lookalikes(movies[0], other)] == [1, 4]
    assert search.extractors_in_use() == [extractor, other]


@pytest.mark.parametrize("method", search.METHODS)
def test_a_movie_that_cannot_be_compared_yet_has_none(extractor: Extractor, method: Any) -> None:
    assert lookalikes(MovieFactory(), extractor, method=method) == []
    assert lookalikes(MovieFactory(poster=True), extractor, method=method) == []
    assert lookalikes(MovieFactory(poster=True)) == []
    assert search.extractors_in_use() == []
    compared = catalogue(extractor, 2)[0]
    assert lookalikes(MovieFactory(poster=True), extractor, method=method) == []
    assert lookalikes(compared, extractor, 0, method) == lookalikes(compared, extractor, -1, method) == []


def test_an_unknown_method_is_refused(extractor: Extractor) -> None:
    with pytest.raises(ValueError, match="exact, ball_tree"):
        lookalikes(MovieFactory(), extractor, method="guess")


def test_a_poster_newer_than_the_index_finds_its_look_alikes_and_is_found(extractor: Extractor) -> None:
    movies = catalogue(extractor, 6)
    index_files.build(extractor)
    newer = embedded(extractor, [1.0] * DIMS)
    found = titles(search.lookalikes(newer, extractor, 3))
    assert len(found) == 3 and set(found) <= {movie.title for movie in movies}
    assert newer.title in titles(search.lookalikes(movies[0], extractor, 10))


def test_what_was_deleted_merged_or_replaced_since_the_index_was_built_is_not_listed(
    extractor: Extractor,
) -> None:
    movie, deleted, merged, replaced, kept = catalogue(extractor, 5)
    index_files.build(extractor)
    Poster.objects.get(movie=deleted).delete()
    Movie.objects.filter(pk=merged.pk).update(merged_into=movie)
    make_primary(PosterFactory(movie=replaced, is_primary=False))
    assert titles(search.lookalikes(movie, extractor)) == [kept.title]


@pytest.mark.parametrize(("method", "diversity"), [("exact", 0.0), ("exact", 0.3), ("ball_tree", 0.3)])
def test_displayed_distances_are_in_the_order_of_the_list(
    extractor: Extractor, settings: Any, client: Any, method: str, diversity: float
) -> None:
    settings.LOOKALIKES_DIVERSITY, settings.LOOKALIKES = diversity, 8
    movie = catalogue(extractor, 20, seed=7)[0]
    index_files.build(extractor)
    for url in (movie.get_absolute_url(), f"/compare/{movie.pk}/"):
        html = client.get(url, {"method": method}).content.decode()
        shown = [float(text) for text in re.findall(r'class="distance">.*?</span>([-0-9.]+)<', html)]
        assert len(shown) == 8 and shown == sorted(shown)
    answer = client.get(f"/api/movies/{movie.pk}/lookalikes?k=8&method={method}").json()
    corrected = [each["corrected_distance"] for each in answer["lookalikes"]]
    assert len(corrected) == 8 and corrected == sorted(corrected)
