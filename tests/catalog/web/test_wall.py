"""The poster wall shows films, their genres and what is missing, page by page."""

from __future__ import annotations

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from catalog.counts import movie_count, public_counts
from catalog.embeddings import embedding, extractors
from catalog.models import Movie
from catalog.web import movie_filters
from catalog.web.movie_filters import ORDERS, in_genre
from tests.catalog.pages import films, one, soup, texts
from tests.factories import MovieFactory, PosterFactory, RunFactory

pytestmark = pytest.mark.django_db


def test_newest_films_come_first_with_year_and_genres(client: Client) -> None:
    MovieFactory(title="First", year=1999, genres=["Drama"], poster=True)
    MovieFactory(title="Second", year=2003, genres=["Comedy", "Horror"], poster=True)
    page = soup(client.get("/"))
    assert films(page) == ["Second", "First"]
    assert texts(page, ".wall .meta") == ["2003 Comedy Horror", "1999 Drama"]


def test_a_film_without_genres_is_marked_untagged(client: Client) -> None:
    MovieFactory(title="New arrival", year=None)
    assert texts(soup(client.get("/")), ".wall .meta") == ["untagged"]


def test_posters_reserve_their_space_before_they_load(client: Client) -> None:
    poster = PosterFactory(movie=MovieFactory(title="Seen"))
    picture = one(soup(client.get("/")), ".wall img")
    assert (picture["width"], picture["height"]) == ("40", "60")
    assert picture["src"] == poster.thumbnail.url
    assert client.get(poster.thumbnail.url).status_code == 200


def test_pictures_below_the_fold_load_lazily(client: Client) -> None:
    for _ in range(12):
        MovieFactory(poster=True)
    lazy = [picture.get("loading") == "lazy" for picture in soup(client.get("/")).select(".wall img")]
    assert not lazy[0] and lazy[-1]


def test_a_film_without_poster_has_a_tile_of_its_own(client: Client) -> None:
    MovieFactory(title="Émigré")
    tile = one(soup(client.get("/")), ".wall .leader")
    assert texts(tile, "span") == ["É"] and "No poster yet" in tile.get_text()


def test_the_primary_poster_is_shown_even_when_another_is_newer(client: Client) -> None:
    film = MovieFactory()
    chosen = PosterFactory(movie=film)
    PosterFactory(movie=film)
    assert one(soup(client.get("/")), ".wall img")["src"] == chosen.thumbnail.url


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("title", ["Alpha", "Beta", "Gamma"]),
        ("year", ["Beta", "Gamma", "Alpha"]),
        ("new", ["Gamma", "Beta", "Alpha"]),
    ],
)
def test_order(client: Client, order: str, expected: list[str]) -> None:
    MovieFactory(title="Alpha", year=None)
    MovieFactory(title="Beta", year=2020)
    MovieFactory(title="Gamma", year=1930)
    page = soup(client.get("/", {"order": order}))
    assert films(page) == expected
    assert str(one(page, ".order [aria-current]")["href"]).endswith(f"order={order}")


def test_an_unknown_order_or_page_falls_back_instead_of_failing(client: Client) -> None:
    MovieFactory(title="Only")
    for query in ({"order": "-pk; drop"}, {"page": "x"}, {"page": "9999"}, {"page": "-1"}):
        assert films(soup(client.get("/", query))) == ["Only"]


def test_pages_keep_search_filter_and_order(client: Client, settings: Settings) -> None:
    settings.POSTERS_PER_PAGE = 2
    for number in range(5):
        MovieFactory(title=f"Night {number}", genres=["Horror"])
    MovieFactory(title="Night of comedy", genres=["Comedy"])
    page = soup(client.get("/", {"q": "night", "genre": "horror", "order": "title", "page": "2"}))
    assert films(page) == ["Night 2", "Night 3"]
    next_page = one(page, "a[rel=next]")["href"]
    assert films(soup(client.get(f"/{next_page}"))) == ["Night 4"]
    previous = one(page, "a[rel=prev]")["href"]
    assert films(soup(client.get(f"/{previous}"))) == ["Night 0", "Night 1"]


def test_genre_filter_and_its_counts(client: Client) -> None:
    MovieFactory(title="Both", genres=["Drama", "Comedy"])
    MovieFactory(title="Drama only", genres=["Drama"])
    MovieFactory(title="Neither")
    page = soup(client.get("/", {"genre": "drama"}))
    assert films(page) == ["Drama only", "Both"]
    assert texts(page, "h1") == ["Drama"]
    assert texts(page, ".chips .chip") == ["All", "Untagged 1", "Comedy 1", "Drama 2"]
    assert films(soup(client.get("/", {"genre": "untagged"}))) == ["Neither"]


def test_choosing_a_genre_keeps_the_search_and_forgets_the_page(client: Client) -> None:
    MovieFactory(title="Night", genres=["Horror"])
    chips = soup(client.get("/", {"q": "night", "page": "3"})).select(".chip")
    horror = next(chip for chip in chips if "Horror" in chip.get_text())
    assert horror["href"] == "?q=night&genre=horror"


def test_an_empty_catalogue_says_what_to_do(client: Client) -> None:
    page = soup(client.get("/"))
    assert "import_titles" in one(page, ".empty").get_text()
    assert page.select(".filters") == []


def test_a_search_without_results_offers_the_way_back(client: Client) -> None:
    MovieFactory(title="Something")
    empty = one(soup(client.get("/", {"q": "<script>alert(1)</script>"})), ".empty")
    assert "<script>alert(1)</script>" in empty.get_text() and empty.select("script") == []
    assert one(empty, "a.button")["href"] == "/"


def test_an_unknown_genre_shows_nothing_rather_than_everything(client: Client) -> None:
    MovieFactory(title="Something", genres=["Drama"])
    page = soup(client.get("/", {"genre": "no-such"}))
    assert films(page) == [] and "No film has this genre" in one(page, ".empty").get_text()


def test_a_genre_that_postgresql_would_choke_on_is_not_looked_for(client: Client) -> None:
    assert in_genre(Movie.objects.all(), "dra\0ma").query.is_empty()
    assert "No film has this genre" in soup(client.get("/", {"genre": "dra\0ma"})).get_text()


def test_the_wall_fills_by_itself_only_while_posters_are_on_their_way(client: Client) -> None:
    MovieFactory()
    assert "hx-get" not in one(soup(client.get("/")), "#wall").attrs
    RunFactory(kind="scrape", state="running", total=1)
    assert one(soup(client.get("/")), "#wall")["hx-trigger"] == "every 4s"
    PosterFactory(movie=Movie.objects.get())
    assert "hx-get" not in one(soup(client.get("/")), "#wall").attrs


def test_with_the_bundled_convnet_there_is_no_note(client: Client) -> None:
    embedding.embed([PosterFactory()], extractors.load("postersite"))
    assert soup(client.get("/")).select(".note") == []


def test_staff_are_told_how_to_get_missing_weights(
    client: Client, admin_client: Client, settings: Settings
) -> None:
    embedding.embed([PosterFactory()], extractors.load("histograms"))
    # No note where no ConvNet is configured.
    settings.EXTRACTORS = ["histograms", "pixels"]
    assert soup(client.get("/")).select(".note") == []
    settings.EXTRACTORS = ["mobilenet_v2", "pixels"]
    assert "fetch_weights" in one(soup(admin_client.get("/")), ".note").get_text()
    assert "fetch_weights" not in one(soup(client.get("/")), ".note").get_text()


def test_until_posters_are_embedded_staff_get_a_link_to_start(client: Client, admin_client: Client) -> None:
    embedding.embed([PosterFactory()], extractors.load("histograms"))
    note = one(soup(admin_client.get("/")), ".note")
    assert note["data-no-convnet"] == "embedding"
    assert one(note, "a")["href"] == "/runs/"
    assert one(soup(client.get("/")), ".note").select("a") == []


def test_a_frequent_genre_lists_the_same_films_in_every_order(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        MovieFactory(title=f"Drama {number}", year=1990 + number, genres=["Drama"])
        MovieFactory(title=f"Comedy {number}", year=None, genres=["Comedy"])
    merged = MovieFactory(title="Drama merged", genres=["Drama"])
    Movie.everything.filter(pk=merged.pk).update(merged_into=MovieFactory(title="Other"))

    def listed() -> dict[str, list[str]]:
        pages = ((order, soup(client.get("/", {"genre": "drama", "order": order}))) for order in ORDERS)
        return {order: films(page) for order, page in pages}

    monkeypatch.setattr(movie_filters, "_is_frequent", lambda _: False)
    sorted_lists = listed()
    monkeypatch.setattr(movie_filters, "_is_frequent", lambda _: True)
    assert listed() == sorted_lists
    assert sorted_lists["title"] == [f"Drama {number}" for number in range(4)]


def test_counts_leave_out_merged_movies() -> None:
    MovieFactory(genres=["Drama"]), MovieFactory(genres=[])
    merged = MovieFactory(genres=[])
    Movie.everything.filter(pk=merged.pk).update(merged_into=MovieFactory(genres=["War", "Drama"]))
    assert public_counts() == {"movies": 3, "posters": 0, "untagged": 1}
    assert movie_count() == Movie.objects.count()
