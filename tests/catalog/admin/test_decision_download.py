"""The list of decisions as CSV and JSON, with the filters of the list."""

import csv
import io
import json

import pytest
from django.urls import reverse

from catalog.genres import review
from tests.catalog.admin.cards import pending, suggestion
from tests.catalog.pages import soup
from tests.conftest import signed_in
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
LIST = "admin:catalog_reviewdecision_changelist"


@pytest.fixture
def client():
    return signed_in(UserFactory(is_staff=True, permissions=["catalog.view_reviewdecision"]))


def downloaded(client, file_format, **query):
    response = client.get(reverse(f"admin:catalog_reviewdecision_{file_format}"), query)
    assert response.status_code == 200 and response.streaming
    assert f'filename="decisions.{file_format}"' in response["Content-Disposition"]
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return json.loads(text) if file_format == "json" else list(csv.DictReader(io.StringIO(text)))


def test_the_links_lead_to_what_the_list_shows(client):
    movie = pending("=1+1", Drama=0.9, Horror=0.7)
    review.accept([suggestion(movie, "Drama")], UserFactory(username="ann"))
    review.reject([suggestion(movie, "Horror")], UserFactory(username="bea"))
    page = soup(client.get(reverse(LIST), {"verdict": "rejected"}))
    links = [str(link["href"]) for link in page.select("a[download]")]
    assert [link.partition("?")[2] for link in links] == ["verdict=rejected"] * 2
    [row] = downloaded(client, "csv", verdict="rejected")
    assert (row["genre"], row["reviewer"], row["title"]) == ("Horror", "bea", "'=1+1")
    [record] = downloaded(client, "json", verdict="rejected")
    assert (record["genre"], record["title"], record["year"]) == ("Horror", "=1+1", movie.year)
    assert [row["genre"] for row in downloaded(client, "csv")] == ["Horror", "Drama"]


def test_search_finds_the_reviewer(client):
    review.accept([suggestion(pending("Ember"), "Drama")], UserFactory(username="ann"))
    review.accept([suggestion(pending("Salt"), "Drama")], UserFactory(username="bea"))
    assert [row["title"] for row in downloaded(client, "json", q="bea")] == ["Salt"]


def test_an_unknown_filter_leads_back_to_the_list(client):
    response = client.get(reverse("admin:catalog_reviewdecision_json"), {"nonsense__x": "1"})
    assert response.status_code == 302 and response["Location"] == reverse(LIST)
