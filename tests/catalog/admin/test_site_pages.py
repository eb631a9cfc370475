"""Review, duplicates, models and runs have the site's header in the admin; raw tables keep Django's."""

import pytest
from django.urls import reverse

from catalog.models import DecisionBatch
from catalog.templatetags import site_pages
from tests.catalog.admin.cards import QUEUE, pending
from tests.catalog.pages import one, soup, text_of
from tests.conftest import signed_in
from tests.factories import RunFactory, UserFactory

pytestmark = pytest.mark.django_db


def page(client, name, *args):
    return soup(client.get(reverse(f"admin:{name}", args=args)))


def current(shown):
    return [text_of(link) for link in shown.select("nav.sections a[aria-current]")]


@pytest.fixture
def administrator():
    return signed_in(UserFactory(admin=True))


def test_pages_of_the_site_have_its_header(administrator):
    movie, run = pending(), RunFactory()
    model = movie.suggestions.get().model
    batch = DecisionBatch.objects.create(reviewer=UserFactory(), chosen="all", suggestions=1)
    for name, args, section in [
        ("catalog_reviewqueue_changelist", [], "Review queue"),
        ("catalog_reviewqueue_change", [movie.pk], "Review queue"),
        ("catalog_reviewqueue_accept", [], "Accept by picture"),
        ("catalog_decisionbatch_changelist", [], "Batches"),
        ("catalog_decisionbatch_change", [batch.pk], "Batches"),
        ("catalog_reviewdecision_changelist", [], "Decisions"),
        ("catalog_duplicategroup_changelist", [], "Duplicates"),
        ("catalog_genremodel_changelist", [], "Genre models"),
        ("catalog_genremodel_change", [model.pk], "Genre models"),
        ("catalog_run_changelist", [], "Runs"),
        ("catalog_run_change", [run.pk], "Runs"),
    ]:
        shown = page(administrator, name, *args)
        assert one(shown, "header.site a[aria-current]"), name
        assert "elect" not in text_of(one(shown, "h1")), name
        assert current(shown) == [section], name
        assert not shown.select("#nav-sidebar, .breadcrumbs, #header"), name
        assert one(shown, "footer form")["action"] == reverse("admin:logout"), name


@pytest.mark.parametrize("name", ["catalog_movie_changelist", "catalog_poster_changelist"])
def test_raw_tables_look_like_django_admin(administrator, name):
    shown = page(administrator, name)
    assert one(shown, "#header") and one(shown, "#nav-sidebar")
    assert not shown.select("header.site, nav.sections")


def test_only_permitted_sections_are_linked(reviewer_client):
    shown = soup(reviewer_client.get(reverse(QUEUE)))
    links = {link["href"] for link in shown.select("nav.sections a")}
    allowed = {each.url for each in site_pages.SECTIONS if reviewer_client.user.has_perms(each.permissions)}
    assert links == allowed and len(allowed) < len(site_pages.SECTIONS)
    for address in links:
        assert reviewer_client.get(address).status_code == 200
