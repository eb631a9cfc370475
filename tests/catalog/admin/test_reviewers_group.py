"""The Reviewers group lets its members review, and do nothing else."""

from importlib import import_module

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission

from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
create_reviewers = import_module("catalog.migrations.0004_reviewers_group").create_reviewers


@pytest.fixture
def member():
    # Tests that flush the database take the migration's row with them.
    Group.objects.filter(name="Reviewers").delete()
    create_reviewers(apps, None)
    user = UserFactory(is_staff=True)
    user.groups.add(Group.objects.get(name="Reviewers"))
    return user


def test_members_review_and_look_and_change_nothing(member):
    assert "catalog.review_suggestion" in member.get_all_permissions()
    others = member.get_all_permissions() - {"catalog.review_suggestion"}
    assert others and all(permission.startswith("catalog.view_") for permission in others)


def test_the_migration_doubles_no_permission(member):
    create_reviewers(apps, None)
    assert Permission.objects.filter(codename="review_suggestion").count() == 1
    assert Group.objects.filter(name="Reviewers").count() == 1


def test_an_operators_own_choice_is_kept(member):
    group = Group.objects.get(name="Reviewers")
    group.permissions.clear()
    create_reviewers(apps, None)
    assert not group.permissions.exists()
