"""The page with the history of a movie's genres: what it lists, and reverting on it."""

import pytest
from django.urls import reverse

from catalog.genres import review
from catalog.models import ReviewDecision
from tests.catalog.admin.cards import genres, pending, suggestion
from tests.catalog.pages import levels_of, soup, texts
from tests.factories import MovieFactory, UserFactory

pytestmark = pytest.mark.django_db


def address(movie):
    return reverse("admin:catalog_reviewqueue_history", args=[movie.pk])


def test_each_decision_can_be_reverted(reviewer_client):
    movie = pending("Ember", Drama=0.9, Horror=0.7)
    for name in ("Drama", "Horror"):
        review.accept([suggestion(movie, name)], UserFactory(username=f"ann-{name}"))
    page = soup(reviewer_client.get(address(movie)))
    assert texts(page, "tbody th") == ["Horror", "Drama"]
    assert texts(page, "td[data-label=By]") == ["ann-Horror", "ann-Drama"]
    button = page.select("button[name=revert]")[0]
    response = reviewer_client.post(address(movie), {"revert": button["value"]})
    assert response.status_code == 302 and levels_of(response) == ["success"]
    assert genres(movie) == {"Drama"} and suggestion(movie, "Horror").state == "pending"
    undone = ReviewDecision.objects.get(verdict="undone")
    assert (undone.reviewer, undone.genre.name) == (reviewer_client.user, "Horror")
    page = soup(reviewer_client.get(address(movie)))
    assert texts(page, "tbody th") == ["Horror", "Horror", "Drama"]
    assert len(page.select("button[name=revert]")) == 1


def test_decisions_of_one_click_have_one_button(reviewer_client):
    movie = pending("Ember", Drama=0.9, Horror=0.7)
    review.decide_movie(movie, reviewer_client.user, accept=movie.suggestions.values_list("pk", flat=True))
    page = soup(reviewer_client.get(address(movie)))
    assert texts(page, "button[name=revert]") == ["Revert", "Revert all 2", "Revert"]
    reviewer_client.post(address(movie), {"revert": page.select("button[name=revert]")[1]["value"]})
    assert genres(movie) == set()


def test_reverting_twice_and_what_has_changed_since_are_reported(reviewer_client):
    movie = pending("Ember", Drama=0.9)
    review.accept([suggestion(movie, "Drama")], reviewer_client.user)
    decision = ReviewDecision.objects.get()
    movie.movie_genres.update(origin="imported")
    response = reviewer_client.post(address(movie), {"revert": decision.pk})
    assert levels_of(response) == ["warning"] and genres(movie) == {"Drama"}
    movie.movie_genres.update(origin="accepted")
    reviewer_client.post(address(movie), {"revert": decision.pk})
    assert levels_of(reviewer_client.post(address(movie), {"revert": decision.pk}))[-1] == "warning"
    assert ReviewDecision.objects.count() == 2


@pytest.mark.parametrize("form", [{}, {"revert": "x"}, {"revert": "1,,2,-3"}, {"revert": "9" * 40}])
def test_a_strange_form_reverts_nothing(reviewer_client, form):
    assert reviewer_client.post(address(pending()), form).status_code == 302
    assert not ReviewDecision.objects.exists()


def test_movie_and_edit_page_link_to_it(admin_client, reviewer_client):
    movie = MovieFactory(genres=["War"])
    for name in ("movie", "reviewqueue"):
        page = reverse(f"admin:catalog_{name}_change", args=[movie.pk])
        assert address(movie) in admin_client.get(page).text
    assert reviewer_client.get(address(movie)).status_code == 200
    assert reviewer_client.get(reverse("admin:catalog_reviewqueue_history", args=[999])).status_code == 404
