"""The migration that makes the groups of roles, and what only some of their members may do."""

from importlib import import_module

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.urls import reverse

from catalog.models import DecisionBatch, Run
from tests.conftest import signed_in
from tests.factories import RunFactory, RunItemFactory, UserFactory, grant

pytestmark = pytest.mark.django_db
roles = import_module("catalog.migrations.0026_roles")
BULK, TRAIN = "catalog.accept_in_bulk", "catalog.train_genremodel"


@pytest.fixture(autouse=True)
def before():
    """A site before the migration: without its groups."""
    Group.objects.filter(name__in=[*roles.ROLES, "Reviewers"]).delete()


def group_of(name, *permissions, members=()):
    group = Group.objects.create(name=name)
    group.permissions.set(Permission.objects.filter(codename__in=permissions))
    group.user_set.set(members)
    return group


def test_accounts_and_groups_keep_what_they_could_do():
    reviewer, operator = UserFactory(), UserFactory()
    grant(reviewer, ["catalog.review_suggestion"])
    member, other = UserFactory(), UserFactory()
    group_of("Reviewers", "review_suggestion", members=[member])
    group_of("Machine room", "start_run", members=[operator])
    group_of("Visitors", "view_movie", members=[other])
    roles.create_roles(apps, None)
    assert reviewer.has_perm(BULK) and member.has_perm(BULK)
    assert operator.has_perm(TRAIN) and not operator.has_perm(BULK)
    assert not (other.has_perm(TRAIN) or other.has_perm(BULK))


def test_reviewers_without_members_do_not_accept_in_bulk():
    reviewers = group_of("Reviewers", "review_suggestion")
    roles.create_roles(apps, None)
    assert not reviewers.permissions.filter(codename="accept_in_bulk").exists()


def test_a_group_of_the_same_name_is_kept_and_nothing_is_doubled():
    own = group_of("Keepers", "view_movie")
    roles.create_roles(apps, None)
    permissions = Permission.objects.count()
    roles.create_roles(apps, None)
    assert [each.codename for each in own.permissions.all()] == ["view_movie"]
    assert Permission.objects.count() == permissions
    assert Group.objects.filter(name__in=roles.ROLES).count() == len(roles.ROLES)


def test_a_reviewer_undoes_only_their_own_batches(reviewer_client):
    def undo(reviewer):
        batch = DecisionBatch.objects.create(reviewer=reviewer, chosen="all", suggestions=1)
        return reviewer_client.post(reverse("admin:catalog_decisionbatch_undo", args=[batch.pk])).status_code

    assert undo(reviewer_client.user) == 302
    assert undo(UserFactory()) == 403


@pytest.fixture
def operator():
    return signed_in(UserFactory(is_staff=True, permissions=["catalog.start_run", "catalog.view_movie"]))


@pytest.fixture
def trainer():
    return signed_in(UserFactory(is_staff=True, permissions=[TRAIN, "catalog.view_movie"]))


def test_training_needs_its_own_permission(operator, trainer):
    train = reverse("admin:catalog_movie_start", args=["train"])
    assert operator.post(reverse("catalog:start_run"), {"kind": "train"}).status_code == 403
    assert operator.post(train).status_code == 403
    assert trainer.post(reverse("catalog:start_run"), {"kind": "scrape"}).status_code == 403
    assert not Run.objects.exists()
    assert trainer.post(train).status_code == 302
    assert [run.kind for run in Run.objects.all()] == ["train"]


def test_only_what_they_may_start_is_offered(operator, trainer):
    runs, movies = reverse("catalog:runs"), reverse("admin:catalog_movie_changelist")
    assert 'value="train"' not in operator.get(runs).text
    assert 'value="train"' in trainer.get(runs).text and 'value="scrape"' not in trainer.get(runs).text
    assert "start_train" not in operator.get(movies).text and "/start/train/" not in operator.get(movies).text
    assert "/start/train/" in trainer.get(movies).text and "/start/scrape/" not in trainer.get(movies).text


def test_a_failed_training_is_retried_by_those_who_may_train(operator, trainer):
    run = RunFactory(kind="train", state=Run.State.FAILED, total=1, failed=1)
    RunItemFactory(run=run, movie=None, state="failed")
    retry = reverse("catalog:retry_run", args=[run.pk])
    assert operator.post(retry).status_code == 403
    grant(operator.user, ["catalog.view_run"])
    changelist = reverse("admin:catalog_run_changelist")
    operator.post(changelist, {"action": "retry_failed", "_selected_action": [run.pk]})
    assert Run.objects.count() == 1
    assert trainer.post(retry).status_code == 302
    assert Run.objects.filter(retry_of=run).exists()


def test_whoever_may_start_runs_may_cancel_a_training(operator, trainer, reviewer_client):
    run = RunFactory(kind="train", state=Run.State.RUNNING)
    cancel = reverse("catalog:cancel_run", args=[run.pk])
    assert reviewer_client.post(cancel).status_code == 403
    assert operator.post(cancel).status_code == 302
    run.refresh_from_db()
    assert run.state == Run.State.CANCELLED
