"""The queue's page: one card a movie with its poster and scores; filters, orders, pages."""

import pytest
from django.urls import reverse
from django.utils import timezone

from catalog.admin import review_queue
from catalog.genres import orders
from catalog.models import ReviewFlag, Suggestion
from tests.catalog.admin.cards import GRID, QUEUE, pending, queue, suggestion, titles
from tests.catalog.pages import one, text_of
from tests.factories import GenreModelFactory, MovieFactory, SuggestionFactory, UserFactory

pytestmark = pytest.mark.django_db


def test_a_card_shows_poster_title_year_and_every_suggestion(reviewer_client):
    movie = pending("Ember", Drama=0.914, Horror=0.7)
    [card] = queue(reviewer_client).select("article.card")
    assert one(card, "img")["src"] == movie.primary_poster.medium.url
    assert text_of(card.h2) == f"Ember {movie.year}"
    assert [text_of(name) for name in card.select(".genre-name > span")] == ["Drama", "Horror"]
    assert [text_of(score) for score in card.select(".score-number")] == [".91", ".70"]


def test_a_card_says_what_speaks_for_each_genre(reviewer_client):
    movie = pending("Ember", Drama=0.9, Horror=0.7)
    movie.suggestions.update(
        evidence="poster,title",
        explanation={"parts": {"poster": 3.0, "title": 1.0}, "words": ["<b>Ember</b>"]},
    )
    card = one(queue(reviewer_client), "article.card")
    texts = [text_of(line) for line in card.select(".genre-evidence")]
    assert texts == ["poster 75%, title 25% · “<b>Ember</b>”"] * 2
    assert len(card.select("[data-heat]")) == 2


def test_a_card_without_a_poster_says_so_and_has_no_heat_maps(reviewer_client):
    movie = MovieFactory()
    SuggestionFactory(movie=movie, poster=None, poster_sha256="", evidence="poster,title")
    card = one(queue(reviewer_client), "article.card")
    assert "without a poster" in text_of(one(card, ".card-no-poster"))
    assert text_of(one(card, ".genre-evidence")) == "without a poster"
    assert not card.select("[data-heat]")


def test_the_bar_and_the_threshold_are_drawn_to_scale(reviewer_client):
    pending("Ember", Drama=0.8)
    [svg] = queue(reviewer_client).select("article.card .score svg")
    assert svg["aria-label"] == "score .80, suggested from .60"
    assert one(svg, ".score-value")["width"] == "80"
    assert one(svg, ".score-mark")["x"] == "60"


def test_each_suggestion_can_be_accepted_and_rejected_in_place(reviewer_client):
    movie = pending("Ember", Drama=0.9)
    pk = suggestion(movie, "Drama").pk
    pressed = {button["value"] for button in queue(reviewer_client).select("article.card button")}
    assert pressed == {f"accept-{pk}", f"reject-{pk}", "accept", "reject"}


def test_decided_suggestions_and_movies_without_any_are_not_in_it(reviewer_client):
    MovieFactory(title="Nobody asked")
    done = pending("Done", Drama=0.9)
    done.suggestions.update(state=Suggestion.State.REJECTED)
    half = pending("Half", Drama=0.9, Crime=0.8)
    half.suggestions.filter(genre__name="Drama").update(state=Suggestion.State.ACCEPTED)
    page = queue(reviewer_client)
    assert titles(page) == ["Half"]
    assert [text_of(name) for name in page.select(".genre-name > span")] == ["Crime"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["Sure", "Middling", "Doubtful"]),
        ({"order": "unsure"}, ["Doubtful", "Middling", "Sure"]),
        ({"order": "title"}, ["Doubtful", "Middling", "Sure"]),
        ({"order": "new"}, ["Sure", "Middling", "Doubtful"]),
        ({"order": "newest"}, ["Sure", "Middling", "Doubtful"]),
        ({"order": "confident"}, ["Sure", "Middling", "Doubtful"]),
        # From .60: the one closest of each genre, then the second closest.
        ({"order": "informative"}, ["Doubtful", "Middling", "Sure"]),
        ({"order": "informative", "min_score": "0.8"}, ["Middling", "Sure"]),
        ({"order": "disagree"}, []),
        ({"genre": "Crime"}, ["Middling"]),
        ({"min_score": "0.8"}, ["Sure", "Middling"]),
        ({"min_score": "0.8", "genre": "Crime"}, []),
        ({"q": "sur"}, ["Sure"]),
        ({"q": "no such film"}, []),
    ],
)
def test_filters_and_orders(reviewer_client, query, expected):
    pending("Doubtful", Drama=0.65)
    pending("Middling", Drama=0.8, Crime=0.7)
    pending("Sure", Drama=0.99)
    if "genre" in query:
        query = query | {"genre": suggestion_genre(query["genre"])}
    assert titles(queue(reviewer_client, **query)) == expected


def test_the_number_of_pages_is_that_of_the_order(reviewer_client, monkeypatch):
    monkeypatch.setattr(review_queue, "PAGE_SIZE", 1)
    monkeypatch.setattr(orders, "POOL", 2)
    for title in ("One", "Two", "Three"):
        pending(title)
    assert len(queue(reviewer_client, order="informative").select(".queue-pages a")) == 1


def test_an_earlier_name_of_an_order_is_shown_as_chosen(reviewer_client):
    page = queue(reviewer_client, order="new")
    assert one(page, "#id_order option[selected]")["value"] == "newest"


def suggestion_genre(name):
    return Suggestion.objects.filter(genre__name=name).values_list("genre", flat=True)[0]


def test_search_finds_ids_and_years(reviewer_client):
    movie, _ = pending("Ember"), pending("Paper Tigers")
    for words in (movie.imdb_id, str(movie.tmdb_id), f"ember {movie.year}"):
        assert titles(queue(reviewer_client, q=words)) == ["Ember"]


@pytest.mark.parametrize(
    "query",
    [
        {"min_score": "lots"},
        {"min_score": "7"},
        {"min_score": "nan"},
        {"genre": "zzz"},
        {"order": "sideways"},
        {"page": "x"},
        {"page": "-3"},
        {"q": "9" * 30},
    ],
)
def test_a_senseless_address_still_gives_the_page(reviewer_client, query):
    pending("Ember")
    page = queue(reviewer_client, **query)
    assert titles(page) == ([] if "q" in query else ["Ember"])


def test_a_senseless_value_is_reported_beside_its_field(reviewer_client):
    pending("Ember")
    assert "number" in text_of(queue(reviewer_client, min_score="lots").select_one(".queue-error"))


def test_pages_keep_the_filter(reviewer_client, monkeypatch):
    monkeypatch.setattr(review_queue, "PAGE_SIZE", 2)
    for name in "abc":
        pending(f"Film {name}", Drama=0.9)
    page = queue(reviewer_client, order="title")
    assert titles(page) == ["Film a", "Film b"]
    [link] = page.select(".queue-pages a")
    assert link["href"] == "?order=title&page=2"
    assert titles(queue(reviewer_client, order="title", page=2)) == ["Film c"]


def test_an_empty_queue_says_what_to_do_next(reviewer_client, admin_client):
    audit = reverse("admin:catalog_reviewqueue_audit")
    assert [link["href"] for link in queue(reviewer_client).select(".queue-empty a")] == [audit]
    assert len(queue(admin_client).select(".queue-empty a")) == 2


def test_a_film_whose_poster_has_gone_can_still_be_reviewed(reviewer_client):
    movie = pending("Ember")
    movie.posters.all().delete()
    assert queue(reviewer_client).select("article.card .card-no-poster")


def test_titles_cannot_break_out_of_the_page(reviewer_client):
    pending("<script>alert(1)</script>", Drama=0.9)
    page = queue(reviewer_client)
    assert titles(page) == ["<script>alert(1)</script>"]
    assert not [script for script in page.select("script") if "alert" in script.text]


@pytest.mark.parametrize("order", ["", "informative", "disagree"])
def test_flagged_movies_are_in_no_order(reviewer_client, order):
    movie = pending("Flagged")
    earlier = GenreModelFactory(state="retired")
    SuggestionFactory(movie=movie, model=earlier, state="superseded")
    ReviewFlag.objects.create(movie=movie, reviewer=UserFactory())
    assert titles(queue(reviewer_client, order=order)) == []
    ReviewFlag.objects.update(resolved_at=timezone.now())
    assert titles(queue(reviewer_client, order=order)) == ["Flagged"]


@pytest.mark.parametrize("name", [QUEUE, GRID])
def test_the_order_of_the_audit_leads_to_its_page(reviewer_client, name):
    response = reviewer_client.get(reverse(name), {"order": "audit"})
    assert response.url == reverse("admin:catalog_reviewqueue_audit")
