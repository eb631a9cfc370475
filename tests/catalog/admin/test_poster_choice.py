"""Posters in admin: what is known of one, and choosing which one a movie shows."""

from datetime import UTC, datetime

import pytest
from django.urls import reverse

from catalog.models import Poster, Run
from tests.catalog.admin.movie_forms import save_movie
from tests.catalog.pages import levels_of, one, soup
from tests.conftest import signed_in
from tests.factories import EmbeddingFactory, MovieFactory, PosterFactory, UserFactory

pytestmark = pytest.mark.django_db
LIST = "admin:catalog_poster_changelist"


def choose(client, *posters):
    data = {"action": "choose", "_selected_action": [poster.pk for poster in posters]}
    return client.post(reverse(LIST), data)


def test_the_chosen_poster_is_shown_and_locked(admin_client):
    movie = MovieFactory()
    old, new = PosterFactory(movie=movie), PosterFactory(movie=movie)
    assert levels_of(choose(admin_client, new)) == ["success", "info"]
    old.refresh_from_db(), new.refresh_from_db()
    assert (new.is_primary, new.locked, old.is_primary) == (True, True, False)


def test_two_posters_of_one_movie_are_refused(admin_client):
    movie = MovieFactory()
    old, new = PosterFactory(movie=movie), PosterFactory(movie=movie)
    assert levels_of(choose(admin_client, old, new)) == ["error"]
    assert not Poster.objects.filter(locked=True).exists()


def test_choosing_needs_the_permission_to_change_posters():
    poster = PosterFactory()
    looker = signed_in(UserFactory(is_staff=True, permissions=["catalog.view_poster"]))
    choose(looker, poster)
    assert not Poster.objects.filter(locked=True).exists()


def test_the_page_says_where_it_came_from_and_what_embedded_it(admin_client):
    poster = PosterFactory()
    EmbeddingFactory(poster=poster)
    page = admin_client.get(reverse("admin:catalog_poster_change", args=[poster.pk])).text
    assert poster.page_url in page and poster.attribution in page
    assert poster.sha256 in page
    assert ">pixels<" in page


def test_an_address_that_is_no_web_address_is_not_a_link(admin_client):
    poster = PosterFactory(page_url="javascript:alert(1)")
    page = admin_client.get(reverse("admin:catalog_poster_change", args=[poster.pk])).text
    assert 'href="javascript:' not in page


def test_nobody_adds_a_poster_without_its_picture_being_checked(admin_client):
    assert admin_client.get(reverse("admin:catalog_poster_add")).status_code == 403


def test_when_the_shown_poster_is_deleted_the_newest_other_one_is_shown(admin_client):
    movie = MovieFactory()
    shown, older, newest = (PosterFactory(movie=movie) for _ in range(3))
    address = reverse("admin:catalog_poster_delete", args=[shown.pk])
    assert admin_client.post(address, {"post": "yes"}).status_code == 302
    older.refresh_from_db(), newest.refresh_from_db()
    assert (newest.is_primary, newest.locked, older.is_primary) == (True, False, False)
    assert {item.poster for item in Run.objects.get(kind="embed").items.all()} == {newest}


def test_deleting_several_posters_leaves_each_movie_one_that_is_shown(admin_client):
    movies = [MovieFactory(), MovieFactory()]
    gone = [PosterFactory(movie=movie) for movie in movies] + [PosterFactory(movie=movies[0])]
    kept = [PosterFactory(movie=movie) for movie in movies]
    alone = PosterFactory()
    data = {"action": "delete_selected", "_selected_action": [poster.pk for poster in (*gone, alone)]}
    admin_client.post(reverse(LIST), {**data, "post": "yes"})
    assert set(Poster.objects.filter(is_primary=True)) == set(Poster.objects.all()) == set(kept)
    assert {item.poster for item in Run.objects.get(kind="embed").items.all()} == set(kept)


def test_deleting_another_poster_changes_nothing_about_the_shown_one(admin_client):
    movie = MovieFactory()
    shown, other = PosterFactory(movie=movie, locked=True), PosterFactory(movie=movie)
    admin_client.post(reverse("admin:catalog_poster_delete", args=[other.pk]), {"post": "yes"})
    shown.refresh_from_db()
    assert (shown.is_primary, shown.locked) == (True, True)


def test_a_movies_page_offers_its_posters_and_the_chosen_one_stays(admin_client):
    movie = MovieFactory()
    old, new = PosterFactory(movie=movie, language="de"), PosterFactory(movie=movie, language="zxx")
    page = admin_client.get(reverse("admin:catalog_movie_change", args=[movie.pk])).text
    assert "without words" in page
    save_movie(admin_client, movie, shown_poster=new.pk)
    old.refresh_from_db(), new.refresh_from_db()
    assert (new.is_primary, new.locked, old.is_primary) == (True, True, False)
    run = Run.objects.get()
    assert (run.kind, run.followed_by, [item.poster for item in run.items.all()]) == (
        "embed",
        ["label"],
        [new],
    )
    save_movie(admin_client, movie, shown_poster=new.pk, title="Renamed")
    assert Run.objects.count() == 1
    new.refresh_from_db()
    assert new.locked


def test_a_choice_is_given_back_to_the_rule(admin_client):
    movie = MovieFactory()
    chosen = PosterFactory(movie=movie, is_primary=True, locked=True, width=40)
    wider = PosterFactory(movie=movie, is_primary=False, width=400)
    save_movie(admin_client, movie, shown_poster="")
    chosen.refresh_from_db(), wider.refresh_from_db()
    assert (chosen.locked, chosen.is_primary, wider.is_primary) == (False, False, True)


def test_a_poster_of_another_movie_cannot_be_chosen(admin_client):
    movie, other = MovieFactory(), PosterFactory()
    answer = save_movie(admin_client, movie, shown_poster=other.pk)
    assert "not one of the available choices" in answer.text
    assert not Poster.objects.filter(locked=True).exists()


def test_a_poster_removed_at_its_source(admin_client):
    when = datetime(2026, 2, 3, tzinfo=UTC)
    gone = PosterFactory(gone_at=when)
    page = admin_client.get(reverse("admin:catalog_poster_change", args=[gone.pk])).text
    assert "removed 2026-02-03" in page


def test_alternatives_are_shown_with_their_pictures(admin_client):
    movie = MovieFactory()
    posters = [PosterFactory(movie=movie) for _ in range(3)]
    page = soup(admin_client.get(reverse("admin:catalog_movie_change", args=[movie.pk])))
    choices = page.select(".poster-choices img")
    assert {image["width"] for image in choices} == {"200"}
    assert {link["href"] for link in page.select("a[data-zoom]")} == {poster.file.url for poster in posters}
    assert len(page.select(".poster-choices input[type=radio]")) == 4


def test_alternatives_are_found_from_the_page_of_a_movie(admin_client, settings):
    settings.POSTER_SOURCES = ["tmdb_page"]
    movie, other = MovieFactory(), MovieFactory()
    page = soup(admin_client.get(reverse("admin:catalog_movie_change", args=[movie.pk])))
    response = admin_client.post(one(page, ".object-tools form")["action"])
    assert response.url == reverse("admin:catalog_movie_change", args=[movie.pk])
    run = Run.objects.get()
    assert (run.kind, run.params["posters"], run.items.get().movie) == ("scrape", 8, movie)
    assert other.pk != movie.pk
    editor = signed_in(UserFactory(is_staff=True, permissions=["catalog.change_movie"]))
    page = soup(editor.get(reverse("admin:catalog_movie_change", args=[movie.pk])))
    assert not page.select(".object-tools form")
