"""What only the site writes can be looked at in admin, and not touched."""

import pytest
from django.urls import reverse

from catalog.embeddings import extractors
from tests.catalog.admin.cards import pending, press
from tests.conftest import signed_in
from tests.factories import EmbeddingFactory, ExtractorFactory, GenreModelFactory, RunFactory, UserFactory

pytestmark = pytest.mark.django_db
READ_ONLY = ["extractor", "genremodel", "reviewdecision", "run", "suggestion"]


@pytest.fixture
def rows(admin_client):
    """One row of each, by model name."""
    movie = pending("Ember")
    press(admin_client, movie, "accept")
    suggestion = movie.suggestions.get()
    return {
        "extractor": EmbeddingFactory().extractor,
        "genremodel": suggestion.model,
        "reviewdecision": movie.decisions.get(),
        "run": RunFactory(),
        "suggestion": suggestion,
    }


@pytest.mark.parametrize("name", READ_ONLY)
def test_even_an_administrator_only_looks(admin_client, rows, name):
    row = rows[name]
    assert admin_client.get(reverse(f"admin:catalog_{name}_changelist")).status_code == 200
    change = reverse(f"admin:catalog_{name}_change", args=[row.pk])
    assert admin_client.get(change).status_code == 200
    assert admin_client.post(change, {}).status_code == 403
    assert admin_client.post(reverse(f"admin:catalog_{name}_add"), {}).status_code == 403
    delete = reverse(f"admin:catalog_{name}_delete", args=[row.pk])
    assert admin_client.post(delete, {"post": "yes"}).status_code == 403
    assert type(row).objects.filter(pk=row.pk).exists()


@pytest.mark.parametrize("name", READ_ONLY)
def test_looking_needs_the_view_permission(rows, name):
    address = reverse(f"admin:catalog_{name}_changelist")
    assert signed_in(UserFactory(is_staff=True)).get(address).status_code == 403
    viewer = UserFactory(is_staff=True, permissions=[f"catalog.view_{name}"])
    assert signed_in(viewer).get(address).status_code == 200


def test_decisions_show_what_was_seen(admin_client, rows):
    page = admin_client.get(reverse("admin:catalog_reviewdecision_changelist")).text
    assert "score .90" in page and ".60" in page and admin_client.user.username in page


def test_an_extractor_says_how_many_posters_it_embedded(admin_client, rows):
    EmbeddingFactory(extractor=rows["extractor"])
    page = admin_client.get(reverse("admin:catalog_extractor_change", args=[rows["extractor"].pk])).text
    assert ">2<" in page


def test_the_genre_list_links_to_its_movies_and_its_queue(admin_client, rows):
    genre = rows["suggestion"].genre
    page = admin_client.get(reverse("admin:catalog_genre_changelist")).text
    assert f"{reverse('admin:catalog_movie_changelist')}?genre={genre.slug}" in page
    assert f"{reverse('admin:catalog_reviewqueue_changelist')}?genre={genre.pk}" in page


def test_an_extractor_says_what_it_is_used_for(admin_client, settings):
    settings.EXTRACTORS = ["postersite", "pixels"]
    ours = ExtractorFactory(spec="postersite", fingerprint=extractors.fingerprint("postersite"))
    beside = ExtractorFactory(spec="pixels", fingerprint=extractors.fingerprint("pixels"))
    earlier = ExtractorFactory(spec="histograms")
    for extractor in (ours, beside, earlier):
        EmbeddingFactory(extractor=extractor)
    GenreModelFactory(version=4, extractor=ours, state="active")
    pages = {
        each: admin_client.get(reverse("admin:catalog_extractor_change", args=[each.pk])).text
        for each in (ours, beside, earlier)
    }
    assert "look-alikes and genre model 4" in pages[ours]
    assert ">comparison<" in pages[beside]
    assert "forget_extractor" in pages[earlier]
