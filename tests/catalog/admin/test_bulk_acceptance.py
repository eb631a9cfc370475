"""Accepting by picture: all suggestions that match a filter, without excluded movies, in a run."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from catalog.admin import bulk_acceptance
from catalog.models import DecisionBatch, Genre, ReviewDecision, ReviewFlag, Run, Suggestion
from catalog.runs import local_worker
from tests.catalog.admin.cards import HTMX, genres, pending, queue, suggestion, titles
from tests.catalog.pages import messages_of, one, soup, text_of, texts
from tests.factories import GenreFactory

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
SURE = "admin:catalog_reviewqueue_sure"
ACCEPT = "admin:catalog_reviewqueue_accept"


def sure(movie, *names):
    movie.suggestions.filter(genre__name__in=names).update(sure=True)
    return movie


def wall(client, name="Drama", **query):
    """The page of posters. name: the genre, or None for all."""
    if name:
        query["genre"] = GenreFactory(name=name).pk
    return soup(client.get(reverse(ACCEPT), query))


def shown(page):
    """The titles of the posters, and whether each is excluded."""
    return {text_of(tile.a): bool(tile.select("input[checked]")) for tile in page.select(".accept-tile")}


def press(client, page, action, *excluded, **options):
    """Submit the form of the page with these movies excluded, and no others of this page."""
    seen = [each["value"] for each in page.select("input[name=shown]")]
    data = {"action": action, "shown": seen, "excluded": [movie.pk for movie in excluded]}
    response = client.post(one(page, "#acceptance")["action"], data, **options)
    for run in Run.objects.filter(state="queued"):
        local_worker.process_run(run)
    return response


@pytest.fixture
def two_per_page(monkeypatch):
    monkeypatch.setattr(bulk_acceptance, "PAGE_SIZE", 2)


def test_all_pages_are_accepted_but_what_was_excluded(keeper_client, two_per_page):
    movies = [pending(f"Film {n}", Drama=0.5 + n / 10, Crime=0.9) for n in range(5)]
    pending("Below", Drama=0.4)
    page = wall(keeper_client, min_score=0.5)
    # The least confident first.
    assert shown(page) == {"Film 0": False, "Film 1": False}
    second = soup(keeper_client.get(press(keeper_client, page, "page-2", movies[1]).url))
    assert shown(second) == {"Film 2": False, "Film 3": False}
    assert "4 suggestions, 1 movie excluded" in text_of(one(second, "#acceptance-text"))
    first = soup(keeper_client.get(press(keeper_client, second, "page-1", movies[3]).url))
    assert shown(first) == {"Film 0": False, "Film 1": True}
    assert text_of(one(first, "#acceptance-buttons .accept")) == "Accept 3 suggestions"
    response = press(keeper_client, first, "accept", movies[1])
    batch = DecisionBatch.objects.get()
    assert response.url == batch.get_absolute_url()
    assert (batch.reviewer, batch.suggestions) == (keeper_client.user, 3)
    assert [genres(movie) for movie in movies] == [{"Drama"}, set(), {"Drama"}, set(), {"Drama"}]
    assert suggestion(movies[1], "Drama").state == Suggestion.State.PENDING
    # The next time, nothing is excluded.
    assert shown(wall(keeper_client, min_score=0.5)) == {"Film 1": False, "Film 3": False}


def test_exclusions_are_kept_by_genre_and_can_be_taken_back(keeper_client):
    ember, salt = pending("Ember", Drama=0.9, Crime=0.9), pending("Salt", Drama=0.7)
    press(keeper_client, wall(keeper_client), "save", ember, salt)
    assert shown(wall(keeper_client, min_score=0.8)) == {"Ember": True}
    assert shown(wall(keeper_client, "Crime")) == {"Ember": False}
    press(keeper_client, wall(keeper_client), "save", salt)
    assert shown(wall(keeper_client)) == {"Salt": True, "Ember": False}
    press(keeper_client, wall(keeper_client), "include-all", salt)
    assert shown(wall(keeper_client)) == {"Salt": False, "Ember": False}


def test_a_click_updates_the_counts_without_a_new_page(keeper_client):
    ember = pending("Ember")
    pending("Salt")
    response = press(keeper_client, wall(keeper_client), "save", ember, headers=HTMX)
    page = soup(response)
    assert "1 suggestion, 1 movie excluded" in text_of(one(page, "#acceptance-text"))
    assert not page.select(".accept-tile")
    assert shown(wall(keeper_client))["Ember"]


def test_what_came_after_the_page_is_left_alone(keeper_client):
    ember = pending("Ember")
    page = wall(keeper_client)
    late = pending("Salt")
    press(keeper_client, page, "accept")
    assert (genres(ember), genres(late)) == ({"Drama"}, set())


def test_somebody_faster_is_no_error(keeper_client):
    ember = pending("Ember")
    page = wall(keeper_client)
    ember.suggestions.update(state=Suggestion.State.SUPERSEDED)
    assert messages_of(press(keeper_client, page, "accept"))
    assert genres(ember) == set() and not DecisionBatch.objects.exists()


def test_nothing_is_decided_within_the_request(keeper_client):
    ember = pending("Ember")
    page = wall(keeper_client)
    keeper_client.post(one(page, "#acceptance")["action"], {"action": "accept"})
    assert genres(ember) == set() and Run.objects.get().state == "queued"


@pytest.mark.parametrize(
    "query", [{}, {"q": "Ember"}, {"genre": "x"}, {"genre": 10**9}, {"min_score": "nan"}]
)
def test_without_a_filter_genres_are_offered(keeper_client, query):
    sure(pending("Ember", Drama=0.9, Crime=0.8), "Drama")
    pending("Salt", Drama=0.7)
    page = wall(keeper_client, None, **query)
    rows = {text_of(row.th): [text_of(cell) for cell in row.select("td")] for row in page.select("tbody tr")}
    assert [cell.split()[0] for cell in rows["Drama"]] == ["1", "2"]
    assert not page.select("#acceptance")
    address = reverse(ACCEPT) + "?" + "&".join(f"{name}={value}" for name, value in query.items())
    keeper_client.post(address, {"action": "accept"})
    assert not DecisionBatch.objects.exists()


def test_flagged_movies_are_not_counted(keeper_client):
    pending("Film", Drama=0.9)
    flagged = pending("Flagged", Drama=0.8, Crime=0.7)
    ReviewFlag.objects.create(movie=flagged, reviewer=keeper_client.user)
    page = wall(keeper_client, None)
    assert [text_of(row.th) for row in page.select("tbody tr")] == ["Drama"]
    assert texts(page, "tbody td")[1].startswith("1")
    assert "Drama (1)" in texts(page, "#id_genre option")
    assert "Review 1 suggestion" in texts(soup(keeper_client.get(reverse("admin:index"))), ".status-call a")
    for name in ("grid", "focus"):
        queue_page = soup(keeper_client.get(reverse(f"admin:catalog_reviewqueue_{name}")))
        assert texts(queue_page, "#id_genre option") == ["Any genre", "Drama (1)"]
        assert text_of(one(queue_page, "header .count")) == "( 1 suggestions to review)"


def test_the_number_of_queries_does_not_depend_on_the_number_of_movies(keeper_client):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            wall(keeper_client)
        return len(captured)

    for _ in range(2):
        pending()
    queries()
    few = queries()
    for _ in range(10):
        pending()
    assert queries() == few


def test_the_number_of_excluded_movies_is_limited(keeper_client, monkeypatch):
    monkeypatch.setattr(bulk_acceptance, "MAX_EXCLUDED", 1)
    ember, salt = pending("Ember"), pending("Salt")
    response = press(keeper_client, wall(keeper_client), "accept", ember, salt)
    assert messages_of(response) and not DecisionBatch.objects.exists()


def test_the_page_says_how_many_will_be_wrong(keeper_client):
    ember = pending("Ember", Drama=0.7)
    model = ember.suggestions.get().model
    assert "not measured" in text_of(one(wall(keeper_client), "#acceptance-text"))
    model.calibration = {"ece_after": {"value": 0.01}}
    model.save()
    assert "About 0 of 1 will be wrong, by the model's scores" in text_of(
        one(wall(keeper_client), "#acceptance-text")
    )


# The former address


def test_the_queue_leads_to_all_that_are_sure(keeper_client):
    sure(pending("Ember", Drama=0.9, Crime=0.7), "Drama", "Crime")
    link = one(queue(keeper_client, order="title"), "#queue-waiting a")
    assert text_of(one(link, "strong")) == "2"
    page = soup(keeper_client.get(link["href"], follow=True))
    assert texts(page, ".accept-tile .quiet") == ["Drama, score .90; Crime, score .70"]


def test_the_former_page_of_sure_suggestions_keeps_the_filter(keeper_client):
    ember = sure(pending("Ember", Drama=0.9, Crime=0.8), "Drama", "Crime")
    salt = sure(pending("Salt"), "Drama")
    back = f"q=ember&genre={suggestion(ember, 'Crime').genre_id}&order=title"
    page = soup(keeper_client.get(reverse(SURE), {"back": back}, follow=True))
    press(keeper_client, page, "accept")
    assert (genres(ember), genres(salt)) == ({"Crime"}, set())


def test_a_form_of_the_former_page_accepts_what_it_showed(keeper_client):
    ember = sure(pending("Ember", Drama=0.9, Crime=0.7), "Drama")
    last = suggestion(ember, "Crime").pk
    sure(pending("Salt"), "Drama")
    keeper_client.post(reverse(SURE), {"last": last})
    assert DecisionBatch.objects.get().suggestions == 1


@pytest.mark.parametrize("last", ["", "x", "-1", "9" * 40])
def test_a_form_of_nobodys_making_accepts_nothing(keeper_client, last):
    ember = sure(pending("Ember"), "Drama")
    keeper_client.post(reverse(SURE), {"last": last})
    assert not DecisionBatch.objects.exists() and not Run.objects.exists()
    assert genres(ember) == set()


# Marks and filter of the queue


def test_cards_mark_what_is_sure(keeper_client):
    sure(pending("Ember", Drama=0.9, Crime=0.7), "Drama")
    marked = queue(keeper_client).select(".genre:has(.sure)")
    assert [text_of(one(genre, ".genre-name span")) for genre in marked] == ["Drama"]


def test_without_a_sure_one_nothing_is_offered(keeper_client):
    pending("Ember")
    assert not queue(keeper_client).select("#queue-waiting a")
    page = soup(keeper_client.get(reverse(SURE), follow=True))
    assert not page.select("#acceptance") and not ReviewDecision.objects.exists()


def test_the_queue_can_be_narrowed_to_sure_ones(keeper_client):
    sure(pending("Ember", Drama=0.9, Crime=0.7), "Drama")
    pending("Salt", Drama=0.99)
    page = queue(keeper_client, sure="on")
    assert titles(page) == ["Ember"]
    assert len(page.select("input[name=matching]")) == 1
    assert page.select("button[value=accept-matching]")


def test_the_page_says_how_good_sure_ones_were(keeper_client):
    ember = sure(pending("Ember"), "Drama")
    model = ember.suggestions.get().model
    model.metrics = {
        "sure": {"target": 0.75, "cut": 0.7, "precision": {"value": 0.76, "low": 0.7, "high": 0.8}}
    }
    model.save()
    assert "76% (70–80%)" in text_of(wall(keeper_client, None, sure="on"))
    assert Genre.objects.count() == 1
