"""The list of movies in admin can be downloaded as CSV, with its search, filters and order."""

import csv
import io

import pytest
from bs4 import BeautifulSoup
from django.urls import reverse

from tests.conftest import signed_in
from tests.factories import MovieFactory, UserFactory

pytestmark = pytest.mark.django_db
LIST, DOWNLOAD = "admin:catalog_movie_changelist", "admin:catalog_movie_titles"


def downloaded(client, **query):
    response = client.get(reverse(DOWNLOAD), query)
    assert response.status_code == 200 and response.streaming
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert 'filename="titles.csv"' in response["Content-Disposition"]
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return [row["title"] for row in csv.DictReader(io.StringIO(text))]


def test_the_link_leads_to_what_the_list_shows(admin_client):
    MovieFactory(title="Ember", genres=["Drama"])
    MovieFactory(title="Ash", genres=["Drama"])
    MovieFactory(title="Frost")
    page = BeautifulSoup(admin_client.get(reverse(LIST), {"genre": "drama"}).content, "lxml")
    [link] = page.select("a[download]")
    assert link.text == "Download 2 movies as CSV"
    assert link["href"] == f"{reverse(DOWNLOAD)}?genre=drama"
    assert downloaded(admin_client, genre="drama") == ["Ash", "Ember"]


def test_all_pages_of_the_list_are_in_it(admin_client):
    MovieFactory.create_batch(60)
    assert len(downloaded(admin_client)) == 60


def test_search_and_formulas(admin_client):
    MovieFactory(title="=cmd|' /C calc'!A0")
    MovieFactory(title="Other")
    assert downloaded(admin_client, q="calc") == ["'=cmd|' /C calc'!A0"]


def test_a_filter_that_does_not_exist_leads_back_to_the_list(admin_client):
    response = admin_client.get(reverse(DOWNLOAD), {"nonsense__x": "1"})
    assert response.status_code == 302 and response["Location"] == reverse(LIST)


def test_it_needs_the_permission_to_view_movies(client):
    staff = UserFactory(is_staff=True)
    assert signed_in(staff).get(reverse(DOWNLOAD)).status_code == 403
    assert client.get(reverse(DOWNLOAD)).status_code == 302
    viewer = UserFactory(is_staff=True, permissions=["catalog.view_movie"])
    assert downloaded(signed_in(viewer)) == []
    assert signed_in(viewer).post(reverse(DOWNLOAD)).status_code == 405
