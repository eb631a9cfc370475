"""Heat maps on the site: a page, an answer for the script, a picture; for whoever sees the suggestion."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.test import Client
from PIL import Image

from catalog.genres import review
from catalog.models import Suggestion
from catalog.posters import primary
from tests.catalog.genres.explained_posters import picture, suggestions_with_maps
from tests.catalog.pages import one, soup
from tests.factories import SuggestionFactory, UserFactory

pytestmark = pytest.mark.django_db


def address(suggestion: Suggestion, form: str = "/") -> str:
    return f"/heat-map/{suggestion.pk}{form}"


def heat_map(client: Client, suggestion: Suggestion) -> dict[str, Any]:
    response = client.get(address(suggestion, ".json"))
    assert response.status_code == 200
    return response.json()


def test_the_picture_is_an_overlay_that_never_goes_stale(client: Client) -> None:
    [horror] = suggestions_with_maps()
    overlay = heat_map(client, horror)["overlay"]
    response = client.get(overlay)
    assert response["Content-Type"] == "image/png" and "immutable" in response["Cache-Control"]
    with Image.open(io.BytesIO(response.content)) as drawn:
        assert drawn.convert("RGBA").getchannel("A").getextrema() != (255, 255)
    again = client.get(overlay, headers={"If-None-Match": response["ETag"]})
    assert again.status_code == 304 and not again.content
    plain = client.get(address(horror, ".png"))
    assert plain.content == response.content and "immutable" not in plain["Cache-Control"]


def test_the_script_is_told_words_and_the_poster_the_map_belongs_to(client: Client) -> None:
    [horror] = suggestions_with_maps()
    answer = heat_map(client, horror)
    assert answer["sentence"].startswith("Where the model sees Horror: ")
    assert answer["caption"].startswith("Horror: ")
    assert horror.poster is not None
    assert answer["poster"]["sha256"] == horror.poster.sha256
    assert client.get(answer["poster"]["url"]).status_code == 200
    assert (answer["poster"]["width"], answer["poster"]["height"]) == (200, 300)


def test_the_page_shows_the_map_over_its_poster_and_says_where_in_words(client: Client) -> None:
    [horror] = suggestions_with_maps(title="Ember")
    page = soup(client.get(address(horror)))
    poster, overlay = page.select(".portrait img")
    assert poster["alt"] == f"Poster of {horror.movie}"
    assert str(overlay["alt"]).startswith("Where the model sees Horror: ")
    assert client.get(str(overlay["src"])).status_code == 200
    assert one(page, ".facts a")["href"] == horror.movie.get_absolute_url()


def test_a_map_of_an_earlier_poster_says_so(client: Client) -> None:
    [horror] = suggestions_with_maps()
    newer = primary.store_poster(horror.movie, picture(9), source="upload")
    assert soup(client.get(address(horror))).select(".earlier-poster")
    assert heat_map(client, horror)["poster"]["sha256"] != newer.sha256


def test_without_a_map_every_form_says_why(client: Client) -> None:
    [horror] = suggestions_with_maps()
    assert horror.poster is not None
    default_storage.delete(str(horror.poster.file.name))
    assert "fetch it again" in soup(client.get(address(horror))).get_text()
    response = client.get(address(horror, ".json"))
    assert (response.status_code, list(response.json())) == (404, ["problem"])
    response = client.get(address(horror, ".png"))
    assert response.status_code == 404 and b"fetch it again" in response.content


@pytest.mark.parametrize("form", ["/", ".json", ".png"])
@pytest.mark.parametrize("state", ["rejected", "superseded"])
def test_what_visitors_are_not_shown_is_for_reviewers(
    client: Client, reviewer_client: Client, form: str, state: str
) -> None:
    suggestion = SuggestionFactory(state=state)
    assert client.get(address(suggestion, form)).status_code == 404
    shown = reviewer_client.get(address(suggestion, form))
    assert shown.status_code == (200 if form == "/" else 404) and b"error-page" not in shown.content


@pytest.mark.parametrize("pk", ["999", "0", "99999999999999999999999"])
@pytest.mark.parametrize("form", ["/", ".json", ".png"])
def test_a_suggestion_that_is_not_there_is_a_404(client: Client, pk: str, form: str) -> None:
    assert client.get(f"/heat-map/{pk}{form}").status_code == 404


def test_it_is_only_read(client: Client) -> None:
    suggestion = SuggestionFactory()
    assert [client.post(address(suggestion, form)).status_code for form in ("/", ".json", ".png")] == [
        405
    ] * 3


def test_a_films_page_has_an_eye_for_each_suggestion_and_accepted_genre(client: Client) -> None:
    horror, drama = suggestions_with_maps(genres=["Horror", "Drama"])
    review.accept([drama], UserFactory(reviewer=True))
    page = soup(client.get(horror.movie.get_absolute_url()))
    assert one(page, ".suggested [data-heat]")["href"] == address(horror)
    eye = one(page, ".chips [data-heat]")
    assert eye["href"] == address(drama) and "Drama" in str(eye["aria-label"])
    assert horror.poster is not None
    assert one(page, "[data-heat-scope] [data-heat-frame]")["data-heat-frame"] == horror.poster.sha256
    assert page.select("script[src*='heat_maps.js']")


def test_a_film_without_suggestions_has_none_of_it(client: Client) -> None:
    [rejected] = suggestions_with_maps()
    review.reject([rejected], UserFactory(reviewer=True))
    page = soup(client.get(rejected.movie.get_absolute_url()))
    assert page.select("[data-heat], script[src*='heat_maps.js']") == []


def test_reviewers_have_an_eye_beside_every_suggestion(reviewer_client: Client) -> None:
    horror, drama = suggestions_with_maps(genres=["Horror", "Drama"])
    queue = soup(reviewer_client.get("/admin/catalog/reviewqueue/grid/"))
    assert [eye["href"] for eye in queue.select("article .genre [data-heat]")] == [
        address(horror),
        address(drama),
    ]
    assert queue.select("article[data-heat-scope] [data-heat-frame]")
    edit = soup(reviewer_client.get(f"/admin/catalog/reviewqueue/{horror.movie_id}/change/"))
    assert len(edit.select("[data-heat-scope] .edit-genre [data-heat]")) == 2
    assert len(edit.select("[data-heat-scope] [data-heat-frame]")) == 1


def test_the_suggestions_page_leads_to_the_map(admin_client: Client) -> None:
    [horror] = suggestions_with_maps()
    for page in ("", f"{horror.pk}/change/"):
        listed = soup(admin_client.get(f"/admin/catalog/suggestion/{page}"))
        assert address(horror) in [link["href"] for link in listed.select("a")]
