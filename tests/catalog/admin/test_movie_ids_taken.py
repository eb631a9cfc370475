"""An external id that another movie has, merged away or not: the form names that movie and does not break."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.sites import site
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.forms import modelform_factory, modelformset_factory
from django.test import Client
from django.urls import reverse

from catalog.duplicates.merging import merge_movies
from catalog.models import Movie, Poster
from catalog.models.movie import EXTERNAL_IDS
from tests.catalog.admin.movie_forms import save_movie
from tests.factories import MovieFactory, tiny_jpeg

pytestmark = pytest.mark.django_db

IDS: dict[str, Any] = {"imdb_id": "tt0113277", "tmdb_id": 949, "movielens_id": 6, "local_id": "heat"}


@pytest.fixture
def merged() -> Movie:
    """A movie that kept all its ids when it was merged into "Kept"."""
    merged = MovieFactory(title="Merged away", **IDS)
    kept = MovieFactory(title="Kept", imdb_id=None, tmdb_id=None)
    merge_movies(kept, [merged])
    # What merging hands over, so that each id is tried.
    Movie.everything.filter(pk=kept.pk).update(**dict.fromkeys(IDS))
    Movie.everything.filter(pk=merged.pk).update(**IDS)
    return Movie.everything.get(pk=merged.pk)


def errors_of(response: Any) -> dict[str, list[str]]:
    assert response.status_code == 200
    return dict(response.context["adminform"].form.errors)


@pytest.mark.parametrize("name", EXTERNAL_IDS)
@pytest.mark.parametrize("adding", [True, False])
def test_the_form_names_the_merged_movie_and_links_to_the_kept_one(
    admin_client: Client, merged: Movie, name: str, adding: bool
) -> None:
    movie = None if adding else MovieFactory()
    before = Movie.everything.count()
    response = save_movie(admin_client, movie, title="Mine", **{name: IDS[name]})
    [why] = errors_of(response)[name]
    assert merged.merged_into is not None
    address = reverse("admin:catalog_movie_change", args=[merged.merged_into.pk])
    assert "Merged away" in why and f'<a href="{address}">Kept' in why
    assert f'<a href="{address}">Kept' in response.content.decode()
    assert Movie.everything.count() == before


def test_a_title_is_escaped(admin_client: Client) -> None:
    MovieFactory(title="<b>Bold</b>", imdb_id="tt0113277")
    response = save_movie(admin_client, None, title="Mine", imdb_id="tt0113277")
    assert "&lt;b&gt;Bold" in response.content.decode() and "<b>Bold" not in response.content.decode()


def test_a_movie_that_is_shown_is_linked_too(admin_client: Client) -> None:
    other = MovieFactory(imdb_id="tt0113277")
    response = save_movie(admin_client, MovieFactory(), imdb_id="tt0113277")
    [why] = errors_of(response)["imdb_id"]
    assert reverse("admin:catalog_movie_change", args=[other.pk]) in why


def test_the_kept_movie_is_told_that_imports_find_it_already(admin_client: Client, merged: Movie) -> None:
    response = save_movie(admin_client, merged.merged_into, local_id="heat")
    [why] = errors_of(response)["local_id"]
    assert "Merged away" in why and "<a" not in why


def test_a_movie_keeps_its_own_ids(admin_client: Client) -> None:
    movie = MovieFactory(movielens_id=6, local_id="heat")
    assert save_movie(admin_client, movie, movielens_id=6, local_id="heat", title="New").status_code == 302


@pytest.mark.parametrize("name", EXTERNAL_IDS)
def test_any_other_form_refuses_it_too(merged: Movie, name: str) -> None:
    """Such as those of inlines and `list_editable`, which are made by Django for each field."""
    other = MovieFactory()
    form = modelform_factory(Movie, fields=["title", name])({"title": "Mine", name: IDS[name]})
    assert "Kept" in form.errors[name][0]
    formset = modelformset_factory(Movie, fields=[name], extra=0)(
        {"form-TOTAL_FORMS": 1, "form-INITIAL_FORMS": 1, "form-0-id": other.pk, f"form-0-{name}": IDS[name]},
        queryset=Movie.objects.filter(pk=other.pk),
    )
    assert "Kept" in str(formset.errors)


def test_both_kinds_of_conflict_are_told_at_once(merged: Movie) -> None:
    MovieFactory(tmdb_id=11)
    with pytest.raises(ValidationError) as caught:
        Movie(title="Mine", tmdb_id=11, local_id="heat").full_clean()
    assert set(caught.value.message_dict) == {"tmdb_id", "local_id"}


@pytest.mark.parametrize("adding", [True, False])
@pytest.mark.parametrize("hidden", [True, False])
def test_an_id_that_is_taken_after_it_was_looked_up_is_an_error_of_the_form(
    admin_client: Client, merged: Movie, monkeypatch: pytest.MonkeyPatch, adding: bool, hidden: bool
) -> None:
    movie = None if adding else MovieFactory(title="Before")
    if not hidden:
        Movie.everything.filter(pk=merged.pk).update(merged_into=None)
    looked_up = Movie.other_with
    model_admin = site._registry[Movie]
    save_model = model_admin.save_model

    def too_early(*_: Any) -> None:
        return None

    def saved(*arguments: Any, **more: Any) -> None:
        monkeypatch.setattr(Movie, "other_with", looked_up)
        monkeypatch.setattr(Movie, "_perform_unique_checks", unique_checks)
        save_model(*arguments, **more)

    unique_checks = Movie._perform_unique_checks  # type: ignore[attr-defined]
    monkeypatch.setattr(Movie, "other_with", too_early)
    monkeypatch.setattr(Movie, "_perform_unique_checks", lambda *_: {})
    monkeypatch.setattr(model_admin, "save_model", saved)
    picture = SimpleUploadedFile("poster.jpg", tiny_jpeg(1))
    response = save_movie(admin_client, movie, title="Mine", local_id="heat", poster_upload=picture)
    assert set(errors_of(response)) == {"local_id"}
    assert not Movie.everything.filter(title="Mine").exists() and not Poster.objects.exists()
