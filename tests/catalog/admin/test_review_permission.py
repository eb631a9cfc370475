"""Who may review: `catalog.review_suggestion` opens the queue, and nothing less does."""

import pytest
from django.test import Client
from django.urls import reverse

from catalog.models import ReviewDecision
from tests.catalog.admin.cards import QUEUE, pending, press, shown
from tests.conftest import signed_in
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff_client() -> Client:
    """Staff who may do nearly everything but review."""
    return signed_in(UserFactory(is_staff=True, permissions=["catalog.change_movie", "catalog.start_run"]))


def addresses(movie):
    return {
        "get": [reverse(QUEUE), reverse("admin:catalog_reviewqueue_change", args=[movie.pk])],
        "post": [
            reverse("admin:catalog_reviewqueue_decide", args=[movie.pk]),
            reverse("admin:catalog_reviewqueue_bulk"),
            reverse("admin:catalog_reviewqueue_change", args=[movie.pk]),
        ],
    }


def test_a_reviewer_sees_the_queue_and_the_edit_page(reviewer_client):
    movie = pending()
    assert [reviewer_client.get(address).status_code for address in addresses(movie)["get"]] == [200, 200]


def test_staff_without_the_permission_is_refused_everywhere(staff_client):
    movie = pending()
    pages = addresses(movie)
    assert {staff_client.get(address).status_code for address in pages["get"]} == {403}
    form = {
        "decide": "accept",
        "shown": shown(movie),
        "keep": shown(movie),
        "bulk": "accept",
        "movie": movie.pk,
    }
    assert {staff_client.post(address, form).status_code for address in pages["post"]} == {403}
    assert not ReviewDecision.objects.exists()


def test_staff_without_the_permission_does_not_see_the_queue_in_the_index(staff_client, reviewer_client):
    assert reverse(QUEUE) not in staff_client.get(reverse("admin:index")).text
    assert reverse(QUEUE) in reviewer_client.get(reverse("admin:index")).text


def test_a_visitor_is_sent_to_the_sign_in_page(client):
    movie = pending()
    for address in addresses(movie)["get"]:
        assert client.get(address).url.startswith(reverse("admin:login"))
    response = press(client, movie, "accept")
    assert response.url.startswith(reverse("admin:login"))
    assert not ReviewDecision.objects.exists()


def test_a_link_cannot_decide(reviewer_client):
    movie = pending()
    for name, args in (("decide", [movie.pk]), ("bulk", [])):
        assert reviewer_client.get(reverse(f"admin:catalog_reviewqueue_{name}", args=args)).status_code == 405


def test_a_form_from_elsewhere_is_refused():
    client = Client(enforce_csrf_checks=True)
    client.force_login(UserFactory(reviewer=True))
    assert press(client, pending(), "accept").status_code == 403
    assert not ReviewDecision.objects.exists()
