"""A movie or poster is merged or deleted while a run processes it: only its own item ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from catalog.duplicates import groups, search
from catalog.duplicates.merging import merge_movies
from catalog.embeddings import embedding
from catalog.genres import decision_batches, training
from catalog.genres import suggestions as labelling
from catalog.genres.review import Selection
from catalog.integrity import checking, consistency
from catalog.models import DuplicateMember, Embedding, Movie, Poster, Run, RunItem, Suggestion
from catalog.posters import fetch, primary, refresh
from catalog.posters.fetch import NoPoster, SourceResult
from catalog.runs import leases, lifecycle
from catalog.titles import undo as undoing
from catalog.titles.formats.records import TitleRecord
from catalog.titles.importing import import_titles
from tests.catalog.genres.genre_heads import saved_model, vector_for
from tests.catalog.genres.test_training import labelled
from tests.catalog.posters.pictures import showing
from tests.factories import (
    EmbeddingFactory,
    MovieFactory,
    PosterFactory,
    SuggestionFactory,
    UserFactory,
    tiny_jpeg,
)

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

Act = Callable[[Movie], object]


def merged_into_another(movie: Movie) -> None:
    kept = MovieFactory(title="Kept", imdb_id=None, tmdb_id=None)
    merge_movies(kept, [movie])


def deleted(movie: Movie) -> None:
    Movie.objects.get(pk=movie.pk).delete()


BOTH = pytest.mark.parametrize("act", [merged_into_another, deleted])


def first_batch(run: Run, do: Callable[[Sequence[RunItem]], object]) -> None:
    leases.process_batch(run.pk, do)
    lifecycle.settle(run.pk)
    run.refresh_from_db()


def assert_only_that_one_is_left_out(run: Run, movie: Movie, act: Act) -> None:
    """Of a run over three movies."""
    assert (run.state, run.total, run.done, run.failed) == (Run.State.DONE, 2, 2, 0)
    others = run.items.exclude(state="cancelled")
    assert set(others.values_list("state", "attempts", "error")) == {("done", 1, "")}
    if act is merged_into_another:
        [item] = run.items.filter(state="cancelled")
        merged = Movie.everything.get(pk=movie.pk)
        assert item.movie == merged
        assert str(merged.merged_into) in item.note and item.error == ""
    else:
        assert run.items.count() == 2


@BOTH
@pytest.mark.parametrize("source_has_it", [True, False])
def test_fetching_continues_with_the_others(
    monkeypatch: pytest.MonkeyPatch, settings: Any, act: Act, source_has_it: bool
) -> None:
    settings.POSTER_SOURCES = ["tmdb_page"]
    movies = MovieFactory.create_batch(3)

    def fetch_from_source(movie: Movie, *_: Any, **__: Any) -> SourceResult:
        if movie == movies[0]:
            act(movie)
            if not source_has_it:
                raise NoPoster("none")
        return SourceResult((primary.store_poster(movie, tiny_jpeg(movie.pk), source="tmdb_page"),), False)

    monkeypatch.setattr(fetch, "fetch_from_source", fetch_from_source)
    run = lifecycle.start("scrape", queue=False)
    first_batch(run, fetch.fetch_items)
    assert_only_that_one_is_left_out(run, movies[0], act)


@BOTH
def test_a_refresh_continues_with_the_others(
    monkeypatch: pytest.MonkeyPatch, settings: Any, act: Act
) -> None:
    settings.POSTER_SOURCES = ["tmdb_page"]
    movies = [PosterFactory(movie=MovieFactory()).movie for _ in range(3)]

    def fetch_from_source(movie: Movie, *_: Any, **__: Any) -> SourceResult:
        if movie == movies[1]:
            act(movie)
        primary.choose(movie)
        return SourceResult(tuple(movie.posters.all()), True)

    monkeypatch.setattr(refresh, "fetch_from_source", fetch_from_source)
    run = lifecycle.start("refresh", movies=Movie.objects.filter(pk__in=[m.pk for m in movies]), queue=False)
    first_batch(run, refresh.refresh_items)
    assert_only_that_one_is_left_out(run, movies[1], act)


def test_a_poster_that_is_deleted_during_its_refresh_costs_only_its_own_item_an_attempt(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.POSTER_SOURCES = ["tmdb_page"]
    movies = [PosterFactory(movie=MovieFactory()).movie for _ in range(3)]

    def fetch_from_source(movie: Movie, *_: Any, **__: Any) -> SourceResult:
        [poster] = movie.posters.all()
        if movie == movies[0]:
            Poster.objects.get(pk=poster.pk).delete()
        poster.refresh_from_db()
        return SourceResult((poster,), True)

    monkeypatch.setattr(refresh, "fetch_from_source", fetch_from_source)
    run = lifecycle.start("refresh", movies=Movie.objects.all(), queue=False)
    first_batch(run, refresh.refresh_items)
    assert list(run.items.order_by("pk").values_list("state", "attempts")) == [
        ("pending", 1),
        ("done", 1),
        ("done", 1),
    ]


@pytest.mark.parametrize("released", [False, True])
def test_the_waiting_item_of_a_merged_movie_is_dropped_with_a_note(released: bool) -> None:
    movie = MovieFactory()
    run = lifecycle.start("scrape", queue=False)
    merged_into_another(movie)
    if released:  # by a worker that had leased it before the merge
        run.items.update(state="pending", note="")
    first_batch(run, lambda items: pytest.fail("nothing to process"))
    item = run.items.get()
    assert (item.state, run.state) == ("cancelled", Run.State.DONE)
    assert "Kept" in item.note


@BOTH
def test_suggesting_continues_with_the_others(monkeypatch: pytest.MonkeyPatch, act: Act) -> None:
    model = saved_model()
    movies = [PosterFactory(movie=MovieFactory()).movie for _ in range(3)]
    for movie in movies:
        EmbeddingFactory(
            poster=movie.primary_poster, extractor=model.extractor, values=vector_for(0.9, 0.1, 0.1)
        )
    genre_rows = labelling.genre_rows

    def meanwhile(names: Any) -> Any:
        monkeypatch.setattr(labelling, "genre_rows", genre_rows)
        act(movies[1])
        return genre_rows(names)

    run = lifecycle.start("label", queue=False)
    monkeypatch.setattr(labelling, "genre_rows", meanwhile)
    first_batch(run, labelling.label_items)
    assert_only_that_one_is_left_out(run, movies[1], act)
    assert set(Suggestion.objects.values_list("movie", flat=True)) == {movies[0].pk, movies[2].pk}


@pytest.mark.parametrize("act", ["deleted", "merged"])
def test_embedding_keeps_the_vectors_of_the_others(monkeypatch: pytest.MonkeyPatch, act: str) -> None:
    made = [primary.store_poster(MovieFactory(), tiny_jpeg(n), source="upload") for n in range(3)]
    run = lifecycle.start("embed", params={"extractors": ["pixels"]}, queue=False)
    pack = embedding.pack

    def meanwhile(vector: Any) -> bytes:
        monkeypatch.setattr(embedding, "pack", pack)
        if act == "deleted":
            Poster.objects.get(pk=made[1].pk).delete()
        else:
            # The kept movie has the same picture, so the other row of it goes.
            kept = MovieFactory(imdb_id=None, tmdb_id=None)
            primary.store_poster(kept, tiny_jpeg(1), source="upload")
            merge_movies(kept, [made[1].movie])
        return pack(vector)

    monkeypatch.setattr(embedding, "pack", meanwhile)
    first_batch(run, embedding.embed_items)
    assert (run.state, run.total, run.done, run.failed) == (Run.State.DONE, 2, 2, 0)
    assert set(Embedding.objects.values_list("poster", flat=True)) == {made[0].pk, made[2].pk}


@BOTH
def test_the_search_for_duplicates_proposes_movies_that_exist_at_its_end(
    monkeypatch: pytest.MonkeyPatch, act: Act
) -> None:
    one, other, third = showing(0, 0), showing(0, 1), showing(0, 2)
    grouped = search.groups

    def meanwhile(*arguments: Any) -> Any:
        monkeypatch.setattr(search, "groups", grouped)
        act(one.movie)
        return grouped(*arguments)

    run = lifecycle.start("duplicates", queue=False)
    monkeypatch.setattr(search, "groups", meanwhile)
    first_batch(run, groups.find_items)
    assert (run.state, run.failed) == (Run.State.DONE, 0)
    shown = set(DuplicateMember.objects.values_list("movie__title", "movie__merged_into"))
    assert {(other.movie.title, None), (third.movie.title, None)} <= shown
    assert all(merged is None for _, merged in shown)
    assert ("Kept", None) in shown or act is deleted


def test_training_continues(monkeypatch: pytest.MonkeyPatch) -> None:
    labelled(60)
    apart = training._train_in_subprocess

    def meanwhile(*arguments: Any) -> None:
        merged_into_another(Movie.objects.order_by("pk")[7])
        deleted(Movie.objects.order_by("pk")[8])
        apart(*arguments)

    monkeypatch.setattr(training, "_train_in_subprocess", meanwhile)
    run = lifecycle.start(
        "train", params={"config": {"resamples": 20}}, movies=Movie.objects.all(), queue=False
    )
    first_batch(run, training.train_item)
    assert (run.state, run.done) == (Run.State.DONE, 1)


@BOTH
def test_an_undo_continues_with_the_others(monkeypatch: pytest.MonkeyPatch, act: Act) -> None:
    rows = [TitleRecord(f"Film {n}", local_id=f"film-{n}") for n in range(3)]
    imported = import_titles(rows, "test")[0]
    movies = list(Movie.objects.order_by("pk"))
    monkeypatch.setattr(undoing, "CHANGES_PER_TRANSACTION", 1)
    again = undoing._undo

    def meanwhile(*arguments: Any, **more: Any) -> None:
        monkeypatch.setattr(undoing, "_undo", again)
        again(*arguments, **more)
        act(movies[1])

    monkeypatch.setattr(undoing, "_undo", meanwhile)
    run = undoing.start(imported, queue=False)
    first_batch(run, undoing.undo_item)
    assert (run.state, run.failed, run.items.get().attempts) == (Run.State.DONE, 0, 1)
    left = Movie.everything.filter(local_id__startswith="film-")
    assert not left.exists() or act is merged_into_another


def test_a_check_does_not_report_a_poster_that_was_deleted_during_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = [primary.store_poster(MovieFactory(), tiny_jpeg(n), source="upload") for n in range(2)]
    opened = consistency._opened

    def meanwhile(*arguments: Any) -> Any:
        monkeypatch.setattr(consistency, "_opened", opened)
        for name in (made[0].file, made[0].medium, made[0].thumbnail):
            name.storage.delete(str(name.name))
        Poster.objects.get(pk=made[0].pk).delete()
        return opened(*arguments)

    monkeypatch.setattr(consistency, "_opened", meanwhile)
    run = lifecycle.start("check", queue=False)
    first_batch(run, checking.check_item)
    assert (run.state, run.done) == (Run.State.DONE, 1)
    assert run.params["findings"] == []


@BOTH
def test_accepting_and_undoing_suggestions_continues_with_the_others(
    monkeypatch: pytest.MonkeyPatch, act: Act
) -> None:
    suggestions = [SuggestionFactory() for _ in range(4)]
    decide, undo = decision_batches.review._decide, decision_batches.undo

    def decided_meanwhile(*arguments: Any) -> Any:
        monkeypatch.setattr(decision_batches.review, "_decide", decide)
        act(suggestions[0].movie)
        return decide(*arguments)

    def undone_meanwhile(*arguments: Any) -> Any:
        monkeypatch.setattr(decision_batches, "undo", undo)
        merged_into_another(suggestions[1].movie)  # what people decided about cannot be deleted
        return undo(*arguments)

    monkeypatch.setattr(decision_batches.review, "_decide", decided_meanwhile)
    batch = decision_batches.start(Selection(), UserFactory(), queue=False)
    run = Run.objects.get()
    first_batch(run, decision_batches.decide_item)
    assert (run.state, run.failed, run.items.get().attempts) == (Run.State.DONE, 0, 1)
    assert batch.decisions.count() == 3

    monkeypatch.setattr(decision_batches, "undo", undone_meanwhile)
    again = decision_batches.start_undo(batch, UserFactory(), queue=False)
    first_batch(again, decision_batches.undo_item)
    assert (again.state, again.failed, again.items.get().attempts) == (Run.State.DONE, 0, 1)
    assert decision_batches.not_undone(batch).count() == 1
