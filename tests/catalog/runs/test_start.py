"""Starting a run: which items each kind and scope has, and the message of a run without any."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from catalog.embeddings import extractors
from catalog.models import GenreModel, Movie, Run, RunItem
from catalog.runs import lifecycle
from tests.factories import (
    EmbeddingFactory,
    ExtractorFactory,
    GenreModelFactory,
    MovieFactory,
    PosterFactory,
    RunFactory,
    RunItemFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


def movies_of(run: Run) -> set[int | None]:
    return {item.movie_id for item in run.items.all()}


def embedded(movie: Movie, **kwargs: Any) -> Movie:
    EmbeddingFactory(poster=PosterFactory(movie=movie), **kwargs)
    return movie


def test_a_scrape_has_movies_without_poster_that_a_source_may_know() -> None:
    wanted = [MovieFactory(imdb_id=None), MovieFactory(tmdb_id=None)]
    MovieFactory(poster=True)
    MovieFactory(imdb_id=None, tmdb_id=None, local_id="mine")
    run = lifecycle.start("scrape")
    assert movies_of(run) == {movie.pk for movie in wanted}
    assert (run.total, run.state, run.done, run.failed) == (2, Run.State.QUEUED, 0, 0)


def test_a_scrape_of_chosen_movies_has_them_all() -> None:
    chosen = [MovieFactory(poster=True), MovieFactory(imdb_id=None, tmdb_id=None, local_id="mine")]
    MovieFactory()
    run = lifecycle.start("scrape", movies=Movie.objects.filter(pk__in=[movie.pk for movie in chosen]))
    assert movies_of(run) == {movie.pk for movie in chosen}


def test_a_second_scrape_of_everything_leaves_out_the_open_items_of_the_first() -> None:
    open_, failed = MovieFactory(), MovieFactory()
    first = RunFactory()
    RunItemFactory(run=first, movie=open_)
    RunItemFactory(run=first, movie=failed, state=RunItem.State.FAILED)
    assert movies_of(lifecycle.start("scrape")) == {failed.pk}


def test_an_embedding_run_has_primary_posters_that_lack_a_vector(settings: Any) -> None:
    settings.EXTRACTORS = ["postersite", "pixels"]
    lacking, partly, complete = MovieFactory(), MovieFactory(), MovieFactory()
    posters = {movie: PosterFactory(movie=movie) for movie in (lacking, partly, complete)}
    PosterFactory(movie=complete, is_primary=False)
    rows = [
        ExtractorFactory(spec=spec, fingerprint=extractors.fingerprint(spec))
        for spec in ("pixels", "postersite")
    ]
    EmbeddingFactory(poster=posters[partly], extractor=rows[0])
    for extractor in rows:
        EmbeddingFactory(poster=posters[complete], extractor=extractor)
    run = lifecycle.start("embed")
    assert {item.poster_id for item in run.items.all()} == {posters[lacking].pk, posters[partly].pk}
    assert run.params["extractors"] == ["postersite", "pixels"]


def test_an_embedding_run_can_be_limited_to_movies_and_extractors() -> None:
    chosen, _other = PosterFactory(), PosterFactory()
    run = lifecycle.start(
        "embed", movies=Movie.objects.filter(pk=chosen.movie_id), params={"extractors": ["pixels:16x24"]}
    )
    assert [item.poster_id for item in run.items.all()] == [chosen.pk]
    assert run.params["extractors"] == ["pixels:16x24"]


def test_a_suggestion_run_has_untagged_movies_with_a_vector_for_the_active_model() -> None:
    extractor = ExtractorFactory()
    model = GenreModelFactory(extractor=extractor, state=GenreModel.State.ACTIVE)
    wanted = embedded(MovieFactory(), extractor=extractor)
    embedded(MovieFactory(genres=["Drama"]), extractor=extractor)
    embedded(MovieFactory(), extractor=ExtractorFactory(spec="histograms"))
    MovieFactory(poster=True)
    run = lifecycle.start("label")
    assert movies_of(run) == {wanted.pk}
    assert run.params["model"] == model.pk


def test_a_suggestion_run_says_when_the_vectors_for_the_model_are_missing() -> None:
    GenreModelFactory(version=7, extractor=ExtractorFactory(spec="pixels"), state=GenreModel.State.ACTIVE)
    assert lifecycle.start("label").message == "Nothing to do: no untagged movie has a poster."
    embedded(MovieFactory(), extractor=ExtractorFactory(spec="histograms"))
    message = lifecycle.start("label").message
    assert "genre model 7 needs vectors of pixels" in message
    assert "1 movies" not in message and message.endswith("Embed posters first.")


def test_a_training_run_has_one_item_without_a_subject() -> None:
    run = lifecycle.start("train", params={"recipe": "compact"})
    item = run.items.get()
    assert (item.movie_id, item.poster_id, run.total, run.params["recipe"]) == (None, None, 1, "compact")


@pytest.mark.parametrize("kind", ["scrape", "embed", "label"])
def test_a_run_with_nothing_to_do_ends_at_once_and_says_so(kind: str) -> None:
    GenreModelFactory(state=GenreModel.State.ACTIVE)
    run = lifecycle.start(kind)
    run.refresh_from_db()
    assert run.state == Run.State.DONE
    assert run.message.startswith("Nothing to do: ")
    assert (run.total, run.percent, run.is_live) == (0, 100, False)
    assert run.finished_at is not None


def test_the_user_who_started_a_run_is_stored() -> None:
    user = UserFactory()
    assert lifecycle.start("scrape", asked_by=user).asked_by == user


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (lambda: lifecycle.start("polish"), "no run of kind 'polish'"),
        (lambda: lifecycle.start("import"), "no run of kind 'import'"),
        (lambda: lifecycle.start("scrape", followed_by=["embed", "polish"]), "no run of kind 'polish'"),
        (lambda: lifecycle.start("scrape", followed_by=["embed"] * 7), "at most 6"),
        (lambda: lifecycle.start("label"), "No genre model is active"),
        (lambda: lifecycle.start("embed", params={"extractors": ["retina"]}), "no extractor 'retina'"),
        (lambda: lifecycle.start("embed", params={"extractors": ["pixels", "mobilenet_v2"]}), "mobilenet_v2"),
    ],
)
def test_runs_that_cannot_be_started(start: Callable[[], Run], message: str) -> None:
    MovieFactory(poster=True)
    with pytest.raises(lifecycle.RunError, match=message):
        start()
    assert not Run.objects.exists()


def test_an_extractor_without_weights_is_left_out(settings: Any) -> None:
    settings.EXTRACTORS = ["mobilenet_v2", "pixels"]
    PosterFactory()
    run = lifecycle.start("embed")
    assert run.params["extractors"] == ["pixels"]
    assert run.total == 1
    assert "mobilenet_v2" in run.message
    assert "fetch_weights" in run.message


def test_without_weights_for_any_extractor_no_run_starts(settings: Any) -> None:
    settings.EXTRACTORS = ["mobilenet_v2"]
    PosterFactory()
    with pytest.raises(lifecycle.RunError, match="fetch_weights"):
        lifecycle.start("embed")


def test_a_started_run_is_queued_only_after_its_transaction(django_capture_on_commit_callbacks: Any) -> None:
    MovieFactory()
    with django_capture_on_commit_callbacks() as waiting:
        lifecycle.start("scrape")
    assert len(waiting) == 1
    with django_capture_on_commit_callbacks() as none:
        lifecycle.start("train", queue=False)
    assert none == []
