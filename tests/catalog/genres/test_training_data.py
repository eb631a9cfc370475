"""The training data of genre models: posters, labels, groups, and the fingerprint."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from catalog.genres.training_data import labelled_films, split_groups
from catalog.models import Extractor, Movie, MovieGenre
from ml.genres.parts import PARTS
from tests.factories import EmbeddingFactory, ExtractorFactory, GenreFactory, MovieFactory, PosterFactory


@pytest.fixture
def extractor(db: None) -> Extractor:
    return ExtractorFactory(dims=3)


def labelled(extractor: Extractor, *genres: str, values: Any = (1, 2, 3), **movie: Any) -> None:
    made = MovieFactory(genres=genres, **movie)
    EmbeddingFactory(poster=PosterFactory(movie=made), extractor=extractor, values=values)


def test_features_and_labels_of_each_tagged_movie_are_in_one_row(extractor: Extractor) -> None:
    labelled(extractor, "Drama", values=(1, 0, 0))
    labelled(extractor, "Drama", "War", values=(0, 1, 0))
    labelled(extractor, "Comedy", values=(0, 0, 1))
    data = labelled_films(extractor)
    assert data.genres == ["Drama", "Comedy", "War"]
    assert data.features.tolist() == np.eye(3).tolist()
    assert data.labels.tolist() == [[1, 0, 0], [1, 0, 1], [0, 1, 0]]
    assert (data.features.dtype, data.labels.dtype, data.groups.dtype) == (np.float32, np.uint8, np.int64)


def test_every_origin_of_a_genre_is_trusted(extractor: Extractor) -> None:
    for origin in MovieGenre.Origin.values:
        movie = MovieFactory(genres=["Drama"], genres__origin=origin)
        EmbeddingFactory(poster=PosterFactory(movie=movie), extractor=extractor)
    assert len(labelled_films(extractor).features) == 3


def test_untagged_unshown_and_otherwise_embedded_posters_are_left_out(extractor: Extractor) -> None:
    labelled(extractor, "Drama")
    labelled(extractor)
    labelled(ExtractorFactory(spec="other", dims=3), "War")
    movie = MovieFactory(genres=["Horror"])
    EmbeddingFactory(poster=PosterFactory(movie=movie, is_primary=False), extractor=extractor)
    data = labelled_films(extractor)
    assert (len(data.features), data.genres) == (1, ["Drama"])


def test_films_without_a_poster_are_included_where_there_is_more_to_learn_from(extractor: Extractor) -> None:
    labelled(extractor, "Drama", values=(1, 2, 3), title="Ash", year=1999, overview="A plot.")
    MovieFactory(genres=["War"], title="Ember", year=None)
    MovieFactory()
    data = labelled_films(extractor, parts=PARTS)
    assert data.titles == ["Ash", "Ember"]
    assert (data.years.tolist(), data.overviews) == ([1999, 0], ["A plot.", ""])
    assert data.features.tolist() == [[1, 2, 3], [0, 0, 0]]
    assert data.has_poster.tolist() == [True, False]


def test_films_with_the_same_overview_are_one_group(extractor: Extractor) -> None:
    for text in ("One.", "Two.", "ONE.", "", ""):
        MovieFactory(genres=["War"], overview=text)
    first, second, third, *without = labelled_films(extractor, parts=PARTS).groups.tolist()
    assert first == third != second
    assert len({first, second, *without}) == 4


def test_the_fingerprint_is_of_texts_only_where_they_are_learned_from(extractor: Extractor) -> None:
    labelled(extractor, "Drama", title="Ash")
    before = [labelled_films(extractor, parts=parts).fingerprint for parts in (("poster",), PARTS)]
    Movie.objects.update(overview="Another.")
    after = [labelled_films(extractor, parts=parts).fingerprint for parts in (("poster",), PARTS)]
    assert before[0] == after[0] and before[1] != after[1]


def test_only_the_given_movies_are_included(extractor: Extractor) -> None:
    labelled(extractor, "Drama", values=(1, 0, 0))
    labelled(extractor, "War", values=(0, 1, 0))
    chosen = Movie.objects.get(genres__name="War")
    data = labelled_films(extractor, only=[chosen.pk])
    assert (data.features.tolist(), data.genres) == ([[0, 1, 0]], ["War"])


def test_an_empty_catalogue_gives_an_empty_set(extractor: Extractor) -> None:
    data = labelled_films(extractor)
    assert (data.features.shape, data.labels.shape, data.groups.shape) == ((0, 3), (0, 0), (0,))


def test_the_same_training_data_has_the_same_fingerprint(extractor: Extractor) -> None:
    labelled(extractor, "Drama", values=(1, 0, 0))
    labelled(extractor, "Drama", "War", values=(0, 1, 0))
    before = labelled_films(extractor).fingerprint
    # Movies without genres or embeddings change nothing.
    labelled(extractor)
    MovieFactory(genres=["Horror"])
    assert labelled_films(extractor).fingerprint == before


@pytest.mark.parametrize("change", ["genre", "vector", "franchise", "poster"])
def test_other_training_data_has_another_fingerprint(extractor: Extractor, change: str) -> None:
    labelled(extractor, "Drama", values=(1, 0, 0), franchise="One")
    labelled(extractor, "Drama", "War", values=(0, 1, 0), franchise="Two")
    before = labelled_films(extractor).fingerprint
    row = extractor.embeddings.select_related("poster__movie").order_by("pk").first()
    assert row is not None
    if change == "genre":
        MovieGenre.objects.create(movie=row.poster.movie, genre=GenreFactory(name="War"), origin="accepted")
    elif change == "vector":
        row.vector = np.array([1, 0, 0.5], dtype="<f2").tobytes()
        row.save()
    elif change == "franchise":
        row.poster.movie.franchise = "Two"
        row.poster.movie.save()
    else:
        labelled(extractor, "Drama")
    assert labelled_films(extractor).fingerprint != before


def test_posters_of_a_franchise_and_near_duplicates_are_one_group() -> None:
    hashes = np.array([0, 0xFFFF, 0xFFFF0000, 0xFFFF00000000, 1], dtype=np.uint64)
    first, other, same_franchise, without, duplicate = split_groups(
        ["Heat", "", "HEAT", "", ""], hashes, [""] * 5
    )
    assert first == same_franchise == duplicate
    assert len({first, other, without}) == 3
