"""A changed title, year or overview raises the movie's text version, and its suggestions are made again."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from catalog.duplicates import merging
from catalog.genres import suggestions
from catalog.models import Movie, Run
from catalog.runs import local_worker
from catalog.titles import undo
from catalog.titles.formats.records import TitleRecord
from catalog.titles.importing import import_titles
from tests.catalog.admin.movie_forms import save_movie
from tests.catalog.genres.genre_heads import evidence_model, film
from tests.factories import MovieFactory, SuggestionFactory, UserFactory

pytestmark = pytest.mark.django_db

HEAT = {"title": "Heat", "year": 1995, "overview": "A robbery.", "imdb_id": "tt0113277", "tmdb_id": None}


def version(movie: Movie) -> int:
    return Movie.objects.values_list("text_version", flat=True).get(pk=movie.pk)


def row(**changed: Any) -> TitleRecord:
    return TitleRecord(**{"title": "Heat", "year": 1995, "imdb_id": "tt0113277", **changed})


@pytest.mark.parametrize("changed", [{"title": "Heat!"}, {"year": 1996}, {"overview": "Two men."}])
def test_an_import_raises_it_once_for_each_change(changed: dict[str, Any]) -> None:
    movie, other = MovieFactory(**HEAT), MovieFactory()
    for expected in (1, 1):
        import_titles([row(**changed), TitleRecord("Other", imdb_id=other.imdb_id, franchise="X")], "test")
        assert (version(movie), version(other)) == (expected, 1)


def test_an_import_of_other_facts_does_not_raise_it() -> None:
    movie = MovieFactory(**HEAT)
    import_titles([row(franchise="Mann", genres=("Crime",))], "test")
    assert version(movie) == 0


def test_an_undo_raises_it_again() -> None:
    movie = MovieFactory(**HEAT)
    run, _ = import_titles([row(overview="Two men.")], "test")
    local_worker.process_run(undo.start(run, queue=False))
    assert (version(movie), Movie.objects.get(pk=movie.pk).overview) == (2, "A robbery.")


def test_a_form_raises_it(client: Client) -> None:
    client.force_login(UserFactory(admin=True))
    movie = MovieFactory(title="Heat")
    for title, expected in (("Het", 1), ("Het", 1), ("Heat", 2)):
        save_movie(client, movie, title=title)
        assert version(movie) == expected


def test_saving_an_outdated_instance_does_not_lower_it() -> None:
    movie = MovieFactory(**HEAT)
    outdated = Movie.objects.get(pk=movie.pk)
    movie.title = "Heat!"
    movie.save(update_fields=["title"])
    outdated.title, outdated.franchise = "Heat!", "Mann"
    outdated.save()
    assert version(movie) == 1


def test_a_merge_that_fills_facts_or_moves_suggestions_raises_it() -> None:
    kept = MovieFactory(**HEAT | {"overview": ""})
    merging.merge_movies(kept, [MovieFactory(title="Heat", overview="A robbery.", imdb_id=None)])
    assert version(kept) == 1
    merging.merge_movies(kept, [MovieFactory(title="Heat", imdb_id=None, tmdb_id=None)])
    assert version(kept) == 1
    other = SuggestionFactory(movie=MovieFactory(title="Heat", imdb_id=None, tmdb_id=None)).movie
    merging.merge_movies(kept, [other])
    assert version(kept) > 1
    assert kept.suggestions.get().text_version != version(kept)


def test_an_import_and_its_undo_are_followed_by_one_run_each_over_the_films_they_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(undo, "CHANGES_PER_TRANSACTION", 1)
    model, _ = evidence_model()
    changed, same, tagged, other = (film(model, imdb_id=f"tt{n}", genres=["War"]) for n in (1, 2, 3, 5))
    suggestions.suggest([changed, same, other], model, suggestions.load(model))
    rows = [TitleRecord("New", imdb_id=f"tt{n}") for n in (1, 3, 5)]
    rows += [TitleRecord(same.title, imdb_id="tt2", franchise="A series"), TitleRecord("Born", imdb_id="tt4")]
    run, _ = import_titles(rows, "test", asked_by=UserFactory())
    label = Run.objects.exclude(pk=run.pk).get()
    assert (label.kind, label.total, label.asked_by) == ("label", 2, run.asked_by)
    local_worker.process_run(label)
    assert {item.movie for item in label.items.all()} == {changed, other}
    local_worker.process_run(undo.start(run, queue=False))
    again = Run.objects.filter(kind="label").exclude(pk=label.pk).get()
    assert {item.movie for item in again.items.all()} == {changed, other}
    assert tagged.suggestions.count() == 0


def test_a_form_starts_a_run_for_its_movie(client: Client) -> None:
    model, _ = evidence_model()
    movie = film(model)
    client.force_login(UserFactory(admin=True))
    save_movie(client, movie, title=movie.title)
    assert not Run.objects.exists()
    response = save_movie(client, movie, title="Another")
    run = Run.objects.get()
    assert (run.kind, run.total, run.items.get().movie) == ("label", 1, movie)
    assert str(run) in str([*response.wsgi_request._messages])
