"""Search on pages, in the API and in admin: best match first, corrections shown, genre counts that follow."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from tests.catalog.pages import films, one, soup, texts
from tests.factories import MovieFactory, PosterFactory, SuggestionFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def shelf() -> None:
    MovieFactory(title="Alien", year=1979, genres=["Horror", "Sci-Fi"], poster=True)
    MovieFactory(title="Aliens", year=1986, genres=["Action"], poster=True)
    MovieFactory(title="Monsters vs. Aliens", year=2009, poster=True)
    MovieFactory(title="Casablanca", year=1942, genres=["Drama"], poster=True)


BEST = ["Alien", "Aliens", "Monsters vs. Aliens"]


def test_the_best_match_comes_first_and_other_orders_can_be_chosen(shelf: None, client: Client) -> None:
    page = soup(client.get("/", {"q": "alien"}))
    assert films(page) == BEST
    assert str(one(page, ".order [aria-current]")["href"]).endswith("order=best")
    assert films(soup(client.get("/", {"q": "alien", "order": "year"}))) == BEST[::-1]
    assert films(soup(client.get("/", {"q": "alien", "order": "new"}))) == BEST[::-1]
    assert "order=best" not in client.get("/").text
    assert films(soup(client.get("/", {"order": "best"})))[0] == "Casablanca"


def test_genre_counts_follow_the_search(shelf: None, client: Client) -> None:
    page = soup(client.get("/", {"q": "alien"}))
    assert texts(page, ".chips.scrolling .chip") == ["All", "Untagged 1", "Action 1", "Horror 1", "Sci-Fi 1"]
    empty = soup(client.get("/", {"q": "alien", "genre": "drama"}))
    assert films(empty) == [] and texts(empty, ".chips.scrolling [aria-current]") == ["Drama 0"]


def test_a_correction_is_said_and_can_be_declined(shelf: None, client: Client) -> None:
    page = soup(client.get("/", {"q": "casablnca"}))
    assert films(page) == ["Casablanca"]
    notice = one(page, ".corrected")
    assert texts(notice, "strong") == ["casablanca"]
    assert one(page, "#site-search")["value"] == "casablnca"
    declined = soup(client.get(f"/{one(notice, 'a')['href']}"))
    assert films(declined) == [] and not declined.select(".corrected")
    assert not soup(client.get("/", {"q": "casablanca"})).select(".corrected")


def test_the_compare_page_corrects_too(shelf: None, client: Client) -> None:
    assert "Casablanca" in client.get(reverse("catalog:compare_pick"), {"q": "Casablanca"}).text
    found = client.get(reverse("catalog:compare_pick"), {"q": "casablnca"}).context
    assert [movie.title for movie in found["found"]] == ["Casablanca"] and found["corrected"] == "casablanca"


def test_the_api(shelf: None, client: Client) -> None:
    data = client.get("/api/movies", {"q": "alien"}).json()
    assert [movie["title"] for movie in data["movies"]] == BEST
    assert (data["count"], data["corrected"]) == (3, "")
    data = client.get("/api/movies", {"q": "casablnca"}).json()
    assert [movie["title"] for movie in data["movies"]] == ["Casablanca"]
    assert data["corrected"] == "casablanca"
    assert client.get("/api/movies", {"q": "casablnca", "exact": "true"}).json()["count"] == 0
    data = client.get("/api/movies", {"q": "alien", "order": "title"}).json()
    assert [movie["title"] for movie in data["movies"]] == BEST
    assert client.get("/api/movies", {"order": "best"}).json()["movies"][0]["title"] == "Casablanca"


def test_the_list_of_movies_in_admin(shelf: None, admin_client: Client) -> None:
    address = reverse("admin:catalog_movie_changelist")
    listed = admin_client.get(address, {"q": "alien"})
    assert [movie.title for movie in listed.context["cl"].result_list] == BEST
    by_title = admin_client.get(address, {"q": "alien", "o": "-2"})
    assert [movie.title for movie in by_title.context["cl"].result_list] == BEST[::-1]
    corrected = admin_client.get(address, {"q": "casablnca"})
    assert [movie.title for movie in corrected.context["cl"].result_list] == ["Casablanca"]
    assert "casablanca" in " ".join(texts(soup(corrected), ".messagelist"))
    assert not texts(soup(admin_client.get(address, {"q": "alien"})), ".messagelist")
    in_genre = admin_client.get(address, {"q": "alien", "genre": "horror"})
    assert [movie.title for movie in in_genre.context["cl"].result_list] == ["Alien"]


@pytest.mark.parametrize("query", ["thing", "Thing, The (1982)", "tt0084787", "thnig"])
def test_other_lists_in_admin_are_searched_by_movie(admin_client: Client, query: str) -> None:
    film = MovieFactory(title="The Thing", year=1982, imdb_id="tt0084787", poster=True)
    PosterFactory(movie=MovieFactory(title="Other"))
    suggestion = SuggestionFactory(movie=film)
    for name, expected in (("poster", film.primary_poster), ("suggestion", suggestion)):
        listed = admin_client.get(reverse(f"admin:catalog_{name}_changelist"), {"q": query})
        assert list(listed.context["cl"].result_list) == [expected]


def test_other_columns_are_searched_as_well(admin_client: Client) -> None:
    poster = PosterFactory(movie=MovieFactory(title="The Thing"))
    listed = admin_client.get(reverse("admin:catalog_poster_changelist"), {"q": poster.sha256[:12]})
    assert list(listed.context["cl"].result_list) == [poster]
