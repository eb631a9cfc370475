"""Focus mode without script: one form per movie, skip, flag, undo; and the JSON that its script reads."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from catalog.embeddings.index_files import build_stale
from catalog.models import Movie, ReviewDecision, ReviewFlag, ReviewReservation, Suggestion
from tests.catalog.admin.cards import genres, pending, shown, suggestion
from tests.catalog.pages import one, soup, text_of
from tests.conftest import signed_in
from tests.factories import (
    EmbeddingFactory,
    ExtractorFactory,
    GenreFactory,
    MovieFactory,
    RunFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
FOCUS = "/admin/catalog/reviewqueue/"
JSON = {"Accept": "application/json"}


def current(page: Any) -> str:
    return text_of(one(page, ".focus-card h2"))


def opened(client: Client, **query: Any) -> str:
    """The title of the movie that focus mode shows."""
    return current(soup(client.get(FOCUS, query)))


def send(client: Client, movie: Movie, action: str, *, json: bool = False, **fields: Any) -> Any:
    """Send the form of a card with all suggestions ticked."""
    seen = fields.pop("shown", None) or shown(movie)
    data = {"action": action, "shown": seen, "keep": seen, **fields}
    address = reverse("admin:catalog_reviewqueue_review", args=[movie.pk])
    return client.post(address, data, headers=JSON if json else None)


def undo(client: Client, **fields: Any) -> Any:
    return client.post(reverse("admin:catalog_reviewqueue_undo"), fields, headers=JSON).json()


@pytest.fixture
def films() -> list[Movie]:
    return [pending("Ember", Drama=0.95, Horror=0.7), pending("Salt", Crime=0.9), pending("Paper", War=0.8)]


def test_one_form_per_movie_works_without_script(reviewer_client: Client, films: list[Movie]) -> None:
    page = soup(reviewer_client.get(FOCUS, {"order": "title"}))
    assert current(page).startswith("Ember")
    form = one(page, ".focus-form")
    data: dict[str, Any] = {
        str(field["name"]): field.get("value", "") for field in form.select("input[type=hidden]")
    }
    data["shown"] = [field["value"] for field in form.select("[name=shown]")]
    data["keep"] = [field["value"] for field in form.select("[name=keep]")][:1]
    data["genre"] = [GenreFactory(name="Music").pk]
    response = reviewer_client.post(str(form["action"]), data | {"action": "accept"}, follow=True)
    assert response.redirect_chain[-1][0] == f"{FOCUS}?order=title"
    assert genres(films[0]) == {"Drama", "Music"}
    assert suggestion(films[0], "Horror").state == Suggestion.State.REJECTED
    assert current(soup(response)).startswith("Paper")


@pytest.mark.parametrize("order", ["confident", "informative", "newest", "title"])
def test_in_every_order_reviewers_decide_different_movies(
    reviewer_client: Client, films: list[Movie], order: str
) -> None:
    other = signed_in(UserFactory(reviewer=True))
    shown = [opened(client, order=order) for client in (reviewer_client, other)]
    assert shown[0] != shown[1]
    first = next(film for film in films if str(shown[0]).startswith(film.title))
    send(reviewer_client, first, "accept", back=f"order={order}")
    assert len({*shown, opened(reviewer_client, order=order)}) == 3


def test_the_movie_that_is_open_is_reserved_until_it_is_decided(
    reviewer_client: Client, films: list[Movie]
) -> None:
    assert opened(reviewer_client).startswith("Ember")
    other = signed_in(UserFactory(reviewer=True))
    assert opened(other).startswith("Salt")
    send(reviewer_client, films[0], "accept")
    assert set(ReviewReservation.objects.values_list("movie", flat=True)) == {films[1].pk}


def test_genres_that_the_movie_has_are_removed_when_they_are_unticked(reviewer_client: Client) -> None:
    movie = pending("Ember", Drama=0.9)
    music = GenreFactory(name="Music")
    movie.movie_genres.create(genre=music, origin="imported")
    box = one(soup(reviewer_client.get(FOCUS)), f"input[name=genre][value='{music.pk}']")
    assert box.has_attr("checked")
    send(reviewer_client, movie, "accept", has=[music.pk])
    assert genres(movie) == {"Drama"}
    send(reviewer_client, movie, "reject", has=[music.pk])
    assert genres(movie) == {"Drama"}


@pytest.mark.parametrize(("action", "left"), [("accept", {"Drama"}), ("reject", set())])
def test_the_answer_says_what_was_decided(reviewer_client: Client, action: str, left: set[str]) -> None:
    movie = pending("Ember", Drama=0.9)
    answer = send(reviewer_client, movie, action, json=True).json()
    assert answer["saved"] and answer["movie"] == movie.pk and "Drama" in answer["sentence"]
    assert genres(movie) == left


def test_a_form_that_is_sent_twice_is_decided_once(reviewer_client: Client) -> None:
    movie = pending("Ember", Drama=0.9, Horror=0.8)
    seen = shown(movie)
    music = GenreFactory(name="Music").pk
    answers = [
        send(reviewer_client, movie, "accept", json=True, shown=seen, keep=seen[:1], genre=[music])
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert ReviewDecision.objects.count() == 3


def test_what_somebody_else_decided_is_said_and_nothing_is_saved(
    reviewer_client: Client, films: list[Movie]
) -> None:
    seen = shown(films[0])
    ana = signed_in(UserFactory(username="ana", reviewer=True))
    send(ana, films[0], "reject", shown=seen[:1])
    answer = send(
        reviewer_client, films[0], "accept", json=True, shown=seen, genre=[GenreFactory(name="War").pk]
    )
    assert answer.status_code == 409 and not answer.json()["saved"]
    assert answer.json()["sentence"] == "ana has rejected Drama meanwhile. Nothing of this form was saved."
    # Horror is still to be decided.
    assert f'id="movie-{films[0].pk}"' in answer.json()["card"]
    assert not genres(films[0])
    send(reviewer_client, films[0], "accept", shown=seen)
    page = soup(reviewer_client.get(FOCUS, {"movie": films[0].pk}))
    assert "ana" in text_of(one(page, ".messagelist .warning"))


def test_each_person_who_decided_meanwhile_is_named_once(reviewer_client: Client) -> None:
    movie = pending("Ember", Drama=0.9, Horror=0.8, Crime=0.7, War=0.6)
    seen = shown(movie)
    ana, ben = (signed_in(UserFactory(username=name, reviewer=True)) for name in ("ana", "ben"))
    send(ana, movie, "reject", shown=seen[:2])
    send(ana, movie, "accept", shown=seen[2:3])
    send(ben, movie, "reject", shown=seen[3:])
    answer = send(reviewer_client, movie, "accept", json=True, shown=seen).json()
    said = "ana has accepted Crime and rejected Drama, Horror; ben has rejected War meanwhile."
    assert answer["sentence"].startswith(said)


def test_skipped_movies_come_last_in_the_order_of_skipping(
    reviewer_client: Client, films: list[Movie]
) -> None:
    for movie in (films[1], films[0]):
        send(reviewer_client, movie, "skip")
    assert opened(reviewer_client).startswith("Paper")
    send(reviewer_client, films[2], "accept")
    assert opened(reviewer_client).startswith("Salt")
    send(reviewer_client, films[1], "skip")
    assert opened(reviewer_client).startswith("Ember")
    assert not ReviewDecision.objects.filter(movie__in=films[:2]).exists()


def test_flagged_movies_are_listed_and_come_back_when_resolved(
    reviewer_client: Client, films: list[Movie]
) -> None:
    send(reviewer_client, films[0], "flag", note="Which version?")
    assert opened(reviewer_client).startswith("Salt")
    address = reverse("admin:catalog_reviewqueue_flags")
    page = soup(reviewer_client.get(address))
    assert "Which version?" in text_of(one(page, ".flag-note"))
    reviewer_client.post(address, {"flag": ReviewFlag.objects.get().pk})
    assert opened(reviewer_client).startswith("Ember")
    assert not soup(reviewer_client.get(address)).select(".flag-note")


def test_a_flagged_movie_shows_its_flag_and_a_decision_resolves_it(
    reviewer_client: Client, films: list[Movie]
) -> None:
    ana = signed_in(UserFactory(username="ana", reviewer=True))
    send(ana, films[0], "flag", note="Which <version>?")
    edit = reverse("admin:catalog_reviewqueue_change", args=[films[0].pk])
    for response in (reviewer_client.get(FOCUS, {"movie": films[0].pk}), reviewer_client.get(edit)):
        shown_flag = text_of(one(soup(response), ".flag-open"))
        assert "by ana" in shown_flag and "“Which <version>?”" in shown_flag
    page = soup(reviewer_client.get(FOCUS, {"movie": films[0].pk}))
    assert not page.select(".focus-flag")
    send(reviewer_client, films[0], "skip")
    assert ReviewFlag.objects.filter(resolved_at=None).exists()
    send(reviewer_client, films[0], "accept")
    assert not ReviewFlag.objects.filter(resolved_at=None).exists()
    assert "Which &lt;version&gt;?" in undo(reviewer_client)["card"]


def test_undo_goes_back_through_decisions_skips_and_flags(
    reviewer_client: Client, films: list[Movie]
) -> None:
    send(reviewer_client, films[0], "accept", genre=[GenreFactory(name="Music").pk])
    send(reviewer_client, films[1], "skip")
    send(reviewer_client, films[2], "flag")
    for movie in films[::-1]:
        answer = undo(reviewer_client)
        assert answer["movie"] == movie.pk and f'id="movie-{movie.pk}"' in answer["card"]
    assert undo(reviewer_client)["movie"] is None
    assert not (genres(films[0]) or ReviewFlag.objects.exists())
    assert Suggestion.objects.filter(state=Suggestion.State.PENDING).count() == 4
    assert opened(reviewer_client).startswith("Ember")


def test_an_undone_movie_is_shown_again_without_script(reviewer_client: Client, films: list[Movie]) -> None:
    send(reviewer_client, films[1], "accept")
    response = reviewer_client.post(
        reverse("admin:catalog_reviewqueue_undo"), {"back": "order=title"}, follow=True
    )
    assert response.redirect_chain[-1][0] == f"{FOCUS}?order=title&movie={films[1].pk}"
    assert current(soup(response)).startswith("Salt")


def test_an_undo_in_the_grid_leads_back_to_it(reviewer_client: Client, films: list[Movie]) -> None:
    send(reviewer_client, films[1], "accept")
    address = reverse("admin:catalog_reviewqueue_undo")
    response = reviewer_client.post(address, {"back": "order=title&view=grid"})
    assert response["Location"] == f"{FOCUS}grid/?order=title#movie-{films[1].pk}"


def test_the_next_movies_are_those_that_the_page_does_not_have(
    reviewer_client: Client, films: list[Movie]
) -> None:
    address = reverse("admin:catalog_reviewqueue_next")
    without: list[int] = []
    for movie in films:
        card = soup(reviewer_client.get(address, {"without": ",".join(map(str, without))}))
        assert one(card, "article")["data-movie"] == str(movie.pk)
        without.append(movie.pk)
    assert reviewer_client.get(address, {"without": ",".join(map(str, without))}).status_code == 204
    assert reviewer_client.get(address, {"q": "nothing"}).status_code == 204


def test_similar_movies_and_earlier_rejections_are_evidence(reviewer_client: Client) -> None:
    movie = pending("Ember", Drama=0.9, Horror=0.8)
    extractor = ExtractorFactory(spec="pixels", dims=8)
    send(reviewer_client, movie, "reject", shown=[suggestion(movie, "Horror").pk])
    near = [MovieFactory(genres=["Western"] + ["War"] * (number < 2), poster=True) for number in range(3)]
    film: Any
    for film in (movie, *near):
        EmbeddingFactory(poster=film.primary_poster, extractor=extractor)
    build_stale()
    page = soup(reviewer_client.get(FOCUS))
    assert "3 of 3 are Western, 2 War" in text_of(one(page, ".focus-similar h3"))
    assert len(page.select(".focus-similar img")) == 3
    assert text_of(one(page, ".focus-rejected s")) == "Horror"
    near[2].movie_genres.all().delete()
    page = soup(reviewer_client.get(FOCUS))
    assert "2 of the 2 with genres are War, 2 Western" in text_of(one(page, ".focus-similar h3"))


def test_every_answer_has_the_counts_of_the_page_and_its_header(
    reviewer_client: Client, films: list[Movie]
) -> None:
    page = soup(reviewer_client.get(FOCUS))
    counts = send(reviewer_client, films[0], "flag", json=True).json()["counts"]
    assert all(one(page, f"#{name}") for name in counts)
    assert "2 suggestions to review" in counts["pending-count"].replace('<span class="visually-hidden">', "")
    assert "(1)" in counts["flag-count"] and "<strong>2</strong> movies" in counts["queue-waiting"]
    counts = undo(reviewer_client)["counts"]
    assert "4" in counts["pending-count"] and "(" not in counts["flag-count"]


def test_a_form_that_does_not_say_what_to_do_is_refused(reviewer_client: Client) -> None:
    assert send(reviewer_client, pending("Ember"), "shrug").status_code == 400


def test_an_empty_queue_says_so(reviewer_client: Client) -> None:
    page = soup(reviewer_client.get(FOCUS))
    assert not page.select(".focus-card")
    assert not one(page, "#focus-empty").has_attr("hidden")


def test_an_empty_queue_names_a_run_that_suggests_genres(admin_client: Client) -> None:
    start = "Start Suggest genres"
    assert start in text_of(one(soup(admin_client.get(FOCUS)), "#focus-empty"))
    run = RunFactory(kind="label", state="running")
    empty = one(soup(admin_client.get(FOCUS)), "#focus-empty")
    assert f"Suggest genres #{run.pk} is running." in text_of(empty).replace(" .", ".")
    assert start not in text_of(empty) and empty.select(f"a[href='{run.get_absolute_url()}']")
