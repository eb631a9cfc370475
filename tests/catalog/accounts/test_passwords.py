"""New passwords are long and not the product's name; those that people have stay valid."""

from __future__ import annotations

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import Client

from tests.factories import UserFactory


@pytest.mark.parametrize(
    "password",
    ["postersite12", "PosterSite2026!", "P0ster-Site-admin", "p05t3r$1te-2026", "Tr0ub4dor&3", "x" * 11],
)
def test_a_bad_one_is_refused(password: str) -> None:
    with pytest.raises(ValidationError):
        validate_password(password)


def test_a_good_one_is_accepted() -> None:
    for password in ("correct horse battery", "posters on the site", "Zw7!kq-Lm2#p"):
        validate_password(password)


@pytest.mark.django_db
def test_a_short_one_from_before_still_signs_in(client: Client) -> None:
    user = UserFactory(admin=True, password="short")
    form = {"username": user.username, "password": "short"}
    assert client.post("/admin/login/", form).status_code == 302
    form = {"old_password": "short", "new_password1": "stillshort", "new_password2": "stillshort"}
    assert client.post("/admin/password_change/", form).status_code == 200
