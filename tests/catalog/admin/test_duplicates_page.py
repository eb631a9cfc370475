"""The duplicates page: groups side by side; merge asks first, keep apart, wrong poster."""

from __future__ import annotations

from typing import Any

import pytest
from bs4 import BeautifulSoup
from django.test import Client
from django.urls import reverse

from catalog.admin import duplicate
from catalog.duplicates import import_matches
from catalog.models import DuplicateDecision, DuplicateGroup, DuplicateMember, Movie, Poster, Run
from tests.catalog.pages import levels_of, messages_of, one, soup, text_of
from tests.conftest import signed_in
from tests.factories import MovieFactory, PosterFactory, RunFactory, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

PAGE = "admin:catalog_duplicategroup_changelist"
NO_IDS = {"imdb_id": None, "tmdb_id": None}


@pytest.fixture
def decider() -> Client:
    return signed_in(
        UserFactory(is_staff=True, permissions=["catalog.decide_duplicate", "catalog.view_movie"])
    )


def proposed(*movies: Movie) -> DuplicateGroup:
    group = DuplicateGroup.objects.create()
    for number, movie in enumerate(movies):
        poster = movie.primary_poster or PosterFactory(movie=movie)
        DuplicateMember.objects.create(
            group=group,
            movie=movie,
            poster=poster,
            poster_sha256=poster.sha256,
            reason="hash" if number else "first",
            bits=2 if number else None,
        )
    return group


def twins(number: int = 2, **facts: Any) -> list[Movie]:
    return [MovieFactory(title=f"Ember {each}", **{**NO_IDS, **facts}) for each in range(number)]


def page(client: Client, **query: Any) -> BeautifulSoup:
    return soup(client.get(reverse(PAGE), query))


def press(client: Client, group: DuplicateGroup, decide: str, query: Any = None, **changed: Any) -> Any:
    """Send the group's form as it is on the page."""
    form = one(page(client, **(query or {})), f"#group-{group.pk} form")
    data: dict[str, Any] = {"decide": decide}
    for field in form.select("input[name]"):
        if field["type"] == "hidden" or field.has_attr("checked"):
            data.setdefault(str(field["name"]), []).append(field["value"])
    return client.post(str(form["action"]), {**data, **changed})


def test_a_group_shows_its_movies_side_by_side_with_reasons(decider):
    group = proposed(*twins(year=1999, local_id=None, genres=["Drama"]))
    card = one(page(decider), f"#group-{group.pk}")
    assert [text_of(item.h3) for item in card.select(".member")] == ["Ember 0 1999", "Ember 1 1999"]
    assert [text_of(why) for why in card.select(".member-why")] == ["first of the group", "hash 2 bits apart"]
    assert "Drama" in text_of(card) and len(card.select("img[alt]")) == 2
    assert "1 group" in text_of(page(decider))


def test_the_movie_that_knows_most_is_suggested_to_be_kept(decider):
    first, other = twins()
    Movie.objects.filter(pk=other.pk).update(imdb_id="tt1", tmdb_id=1)
    proposed(first, other)
    assert one(page(decider), "input[name=keep][checked]")["value"] == str(other.pk)


def test_a_merge_asks_first_and_says_what_becomes_of_everything(decider):
    first, other = twins(genres=["Drama"])
    Movie.objects.filter(pk=other.pk).update(imdb_id="tt1")
    group = proposed(first, other)
    response = press(decider, group, "merge", keep=first.pk)
    confirmation = BeautifulSoup(response.content, "lxml")
    assert Movie.objects.count() == 2
    preview = text_of(one(confirmation, ".merge-preview"))
    assert "IMDb id tt1" in preview and "genres: Drama" in preview
    sure = one(confirmation, "#content form")
    data: dict[str, list[str]] = {}
    for field in sure.select("input[name]"):
        data.setdefault(str(field["name"]), []).append(str(field["value"]))
    assert data["decide"] == ["merge-now"]
    response = decider.post(str(sure["action"]), data)
    assert f"Merged Ember 1 ({other.year}) (no. {other.pk}) into Ember 0" in messages_of(response)
    assert list(Movie.objects.all()) == [first]
    assert page(decider).select(".queue-empty")


def test_movies_that_a_source_named_are_shown_with_its_word_posters_or_not(decider):
    first, other = twins()
    PosterFactory(movie=first)
    import_matches.propose([((first.pk, other.pk), "“Ember” in a.csv, line 5")])
    group = DuplicateGroup.objects.get()
    card = one(page(decider), f"#group-{group.pk}")
    assert text_of(one(card, ".group-source")) == "“Ember” in a.csv, line 5 names them as one film."
    assert len(card.select("img[alt]")) == 1 and card.select(".no-picture")
    assert not card.select("button[value^=wrong]")
    assert "Merged Ember 1" in messages_of(press(decider, group, "merge-now", keep=first.pk))
    assert list(Movie.objects.all()) == [first]


def test_movies_that_a_source_named_can_be_kept_apart(decider):
    first, other = twins()
    import_matches.propose([((first.pk, other.pk), "“Ember” in a.csv, line 5")])
    assert levels_of(press(decider, DuplicateGroup.objects.get(), "apart")) == ["success"]
    assert import_matches.kept_apart([{first.pk}, {other.pk}])


def test_a_merge_by_an_import_is_told_among_the_decisions(admin_client):
    first, other = twins(year=1999)
    import_matches.merge(RunFactory(kind="import"), first.pk, [other.pk], "“Ember” in a.csv, line 5")
    listed = admin_client.get(reverse("admin:catalog_duplicatedecision_changelist")).text
    assert "“Ember” in a.csv, line 5 names them as one film. Merged Ember 1 (1999)" in listed
    decision = DuplicateDecision.objects.get()
    shown = admin_client.get(reverse("admin:catalog_duplicatedecision_change", args=[decision.pk]))
    assert shown.status_code == 200


def test_different_films_cannot_be_merged_and_the_card_says_why(decider):
    group = proposed(*twins(imdb_id=None, tmdb_id=None))
    for number, member in enumerate(group.members.all()):
        Movie.objects.filter(pk=member.movie_id).update(imdb_id=f"tt{number}")
    assert page(decider).select(".queue-empty")
    # Their posters' pages lead to the group, where a wrong poster is taken away.
    card = one(page(decider, group=group.pk), f"#group-{group.pk}")
    assert "different IMDb ids" in text_of(one(card, ".outcome.late"))
    assert one(card, ".card-buttons button[value=merge]").has_attr("disabled")
    response = press(decider, group, "merge-now", query={"group": group.pk})
    assert levels_of(response) == ["error"] and Movie.objects.count() == 2


@pytest.mark.parametrize("changed", [{"keep": ""}, {"movie": []}, {"keep": "x"}, {"keep": "999999"}])
def test_a_merge_without_a_choice_is_refused(decider, changed):
    group = proposed(*twins())
    assert levels_of(press(decider, group, "merge-now", **changed)) == ["error"]
    assert Movie.objects.count() == 2


def test_keep_apart(decider):
    group = proposed(*twins())
    assert "Kept apart: Ember 0" in messages_of(press(decider, group, "apart"))
    group.refresh_from_db()
    assert group.state == DuplicateGroup.State.APART


def test_wrong_poster(decider):
    first, other = twins()
    group = proposed(first, other)
    member = group.members.get(movie=other)
    assert "Ember 1" in messages_of(press(decider, group, f"wrong-{member.pk}"))
    assert not other.posters.exists() and first.posters.exists()
    assert not Run.objects.exists()


def test_the_poster_shown_after_a_decision_is_embedded(decider):
    first, other = twins()
    group = proposed(first, other)
    alternative = PosterFactory(movie=other, is_primary=False)
    press(decider, group, f"wrong-{group.members.get(movie=other).pk}")
    run = Run.objects.get()
    assert (run.kind, run.followed_by) == ("embed", ["label"])
    assert [item.poster for item in run.items.all()] == [alternative]


def test_a_poster_that_a_merge_brings_is_embedded(decider):
    first, other = twins()
    group = proposed(first, other)
    brought = Poster.objects.get(movie=other)
    Poster.objects.filter(pk=brought.pk).update(locked=True)
    press(decider, group, "merge-now", keep=first.pk)
    assert [item.poster for item in Run.objects.get().items.all()] == [brought]


def test_a_picture_of_many_movies_can_be_taken_from_all(decider):
    group = proposed(*twins(3))
    assert "3 movies" in messages_of(press(decider, group, "wrong-all"))
    assert not Movie.objects.filter(posters__isnull=False).exists()


def test_a_member_of_another_group_is_out_of_reach(decider):
    group, other = proposed(*twins()), proposed(*twins())
    member = other.members.all()[0]
    assert levels_of(press(decider, group, f"wrong-{member.pk}")) == ["error"]
    assert not DuplicateDecision.objects.exists()


def test_what_changed_since_the_page_was_made_is_not_decided(decider):
    group = proposed(*twins())
    for decide in ("apart", "merge", "merge-now"):
        assert levels_of(press(decider, group, decide, seen="1:abc")) == ["error"]
    assert not DuplicateDecision.objects.exists()


@pytest.mark.parametrize("decide", ["", "perhaps", "wrong-", "wrong-x", "merge-later"])
def test_a_form_that_no_page_sends_is_refused(decider, decide):
    assert press(decider, proposed(*twins()), decide).status_code == 400
    assert not DuplicateDecision.objects.exists()


def test_the_index_says_how_many_wait(decider):
    proposed(*twins())
    index = BeautifulSoup(decider.get(reverse("admin:index")).content, "lxml")
    [row] = [row for row in index.select(".status-counts div") if "duplicates" in text_of(row.dt)]
    assert text_of(row.dd) == "1" and one(row, "a")["href"] == reverse(PAGE)


def test_decisions_can_be_looked_up(admin_client):
    press(admin_client, proposed(*twins()), "apart")
    listed = admin_client.get(reverse("admin:catalog_duplicatedecision_changelist"))
    assert "Kept apart: Ember 0" in listed.text
    decision = DuplicateDecision.objects.get()
    shown = admin_client.get(reverse("admin:catalog_duplicatedecision_change", args=[decision.pk]))
    assert shown.status_code == 200


def test_a_posters_page_names_the_films_that_show_it_and_leads_to_the_group(admin_client):
    first, other = MovieFactory(title="One"), MovieFactory(title="Other")
    group = proposed(first, other)
    shown = admin_client.get(reverse("admin:catalog_poster_change", args=[first.primary_poster.pk]))
    field = one(BeautifulSoup(shown.content, "lxml"), ".field-same_picture")
    addresses = [link["href"] for link in field.select("a")]
    assert addresses == [
        reverse("admin:catalog_movie_change", args=[other.pk]),
        f"{reverse(PAGE)}?group={group.pk}",
    ]
    assert len(page(admin_client, group=group.pk).select(f"#group-{group.pk} button[value^=wrong-]")) == 2


def test_ids_lead_to_the_sites_that_gave_them(decider):
    first, other = twins()
    Movie.objects.filter(pk=first.pk).update(imdb_id="tt0133093", tmdb_id=603)
    proposed(first, other)
    links = [link["href"] for link in page(decider).select(".member-facts a")]
    assert links == ["https://www.imdb.com/title/tt0133093/", "https://www.themoviedb.org/movie/603"]


def test_the_next_group_follows_a_decision_and_a_skip(decider, monkeypatch):
    monkeypatch.setattr(duplicate, "PAGE_SIZE", 2)
    groups = [proposed(*twins()) for _ in range(3)]
    links = [one(card, "[data-key=s]")["href"] for card in page(decider).select("article.card")]
    assert links == [f"#group-{groups[1].pk}", "?page=2"]
    assert not page(decider, page=2).select("[data-key=s]")
    assert press(decider, groups[1], "apart").url == f"{reverse(PAGE)}#group-{groups[2].pk}"
    # Nothing follows the last one. A group that is still open is shown again.
    assert press(decider, groups[2], "merge-now", movie=[]).url == f"{reverse(PAGE)}#group-{groups[2].pk}"
