"""The admin's index begins with the film catalogue."""

import pytest
from django.test import Client
from django.urls import reverse

pytestmark = pytest.mark.django_db


def test_the_catalogue_comes_before_accounts_and_sign_ins(admin_client: Client) -> None:
    apps = admin_client.get(reverse("admin:index")).context["app_list"]
    labels = [app["app_label"] for app in apps]
    assert labels[0] == "catalog"
    assert labels[1:] == sorted(labels[1:])
