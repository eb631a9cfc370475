"""Guessing of passwords is slowed down by name and address, by address, and by name."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt, AccessFailureLog
from django.contrib.auth.models import User
from django.db.models import F
from django.test import Client

from catalog.accounts import login_throttle
from postersite import settings as site_settings
from tests.factories import UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

PASSWORD, WRONG = "correct horse battery", "wrong"
NAMES = ("anna", "nobody")
# Failures by name and address, by address, and by name; fewer than a site allows, to test faster.
PAIR, ADDRESS, NAME = 4, 9, 4


@pytest.fixture(autouse=True)
def throttled(settings: Any) -> None:
    settings.AXES_ENABLED = True
    settings.BEHIND_HTTPS = True  # so that X-Forwarded-For says where a visitor comes from
    settings.SECURE_SSL_REDIRECT = False
    settings.AXES_FAILURE_LIMIT = PAIR
    settings.LOGIN_FAILURES_PER_ADDRESS = ADDRESS
    settings.LOGIN_FAILURES_PER_NAME = NAME


@pytest.fixture
def anna() -> User:
    user: User = UserFactory(username="anna", admin=True, password=PASSWORD)
    return user


def attempt(name: str, address: str, password: str = WRONG) -> Any:
    headers = {"X-Forwarded-For": address}
    form = {"username": name, "password": password}
    return Client().post("/admin/login/", form, headers=headers)


def fail(times: int, name: str = "anna", address: str = "203.0.113.{}") -> list[int]:
    return [attempt(name, address.format(number)).status_code for number in range(times)]


def pass_time(**time: float) -> None:
    for model in (AccessAttempt, AccessFailureLog):
        model.objects.update(attempt_time=F("attempt_time") - timedelta(**time))


def test_settings_enable_it_and_processes_share_what_it_counts() -> None:
    assert site_settings.AXES_HANDLER == "catalog.accounts.login_throttle.LoginThrottle"
    assert (site_settings.AXES_FAILURE_LIMIT, site_settings.LOGIN_FAILURES_PER_ADDRESS) == (10, 30)
    assert site_settings.LOGIN_FAILURES_PER_NAME == 10
    assert vars(login_throttle.LoginThrottle()) == {}  # it stores nothing between requests


def test_a_name_longer_than_any_is_counted_too() -> None:
    assert fail(PAIR, name="a" * 5000, address="203.0.113.1") == [200] * (PAIR - 1) + [429]
    assert [len(each.username) for each in AccessAttempt.objects.all()] == [255]


def test_a_name_and_address_are_locked_together_for_15_minutes(anna: User) -> None:
    assert fail(PAIR - 1, address="203.0.113.1") == [200] * (PAIR - 1)
    locked = attempt("anna", "203.0.113.1")
    assert locked.status_code == 429 and 890 < int(locked["Retry-After"]) <= 900
    assert attempt("anna", "203.0.113.1", PASSWORD).status_code == 429
    assert attempt("bert", "203.0.113.1").status_code == 200
    for _ in range(2):  # attempts during a lock do not lengthen it
        pass_time(minutes=7)
        assert attempt("anna", "203.0.113.1").status_code == 429
    pass_time(minutes=2)
    assert attempt("anna", "203.0.113.1", PASSWORD).status_code == 302


@pytest.mark.parametrize(
    ("one", "same", "other"),
    [
        ("203.0.113.1", "203.0.113.1", "203.0.113.2"),
        ("203.0.113.1", "::ffff:203.0.113.1", "::ffff:203.0.113.2"),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:3::1"),
    ],
)
def test_an_address_is_locked_after_its_failures_whatever_the_names(
    anna: User, one: str, same: str, other: str
) -> None:
    assert [attempt(f"name{number}", one).status_code for number in range(ADDRESS)] == [200] * ADDRESS
    locked = attempt("anna", same, PASSWORD)
    assert locked.status_code == 429 and 0 < int(locked["Retry-After"]) <= 900
    assert attempt("anna", other, PASSWORD).status_code == 302
    pass_time(minutes=16)
    assert attempt("anna", one, PASSWORD).status_code == 302


def test_without_an_address_only_names_are_counted(anna: User, settings: Any) -> None:
    settings.BEHIND_HTTPS = False
    visitor = Client(REMOTE_ADDR="")
    for number in range(ADDRESS + 1):
        form = {"username": f"name{number}", "password": "wrong"}
        assert visitor.post("/admin/login/", form).status_code == 200
    assert visitor.post("/admin/login/", {"username": "anna", "password": PASSWORD}).status_code == 302


@pytest.mark.parametrize("name", NAMES)
def test_a_name_under_attack_is_delayed_by_at_most_30_seconds(anna: User, name: str) -> None:
    assert fail(NAME, name) == [200] * NAME
    seen = []
    for number in range(NAME, NAME + 7):
        refused = attempt(name, f"198.51.100.{number}")
        assert refused.status_code == 429
        seen.append(int(refused["Retry-After"]))
        pass_time(seconds=seen[-1])
        assert attempt(name, f"203.0.113.{number}").status_code == 200
    assert seen == [1, 2, 4, 8, 16, 30, 30]
    assert attempt(name, "192.0.2.1", PASSWORD).status_code == 429
    pass_time(seconds=30)
    assert attempt(name, "192.0.2.1", PASSWORD).status_code == (302 if name == "anna" else 200)


def test_an_attack_that_goes_on_cannot_keep_the_owner_waiting(anna: User) -> None:
    fail(NAME)
    for number in range(10, 17):
        pass_time(seconds=30)
        assert attempt("anna", f"203.0.113.{number}").status_code == 200
    assert attempt("anna", "192.0.2.1", PASSWORD).status_code == 429
    for number in range(17, 20):  # somebody else is always faster
        pass_time(seconds=10)
        attempt("anna", f"203.0.113.{number}")
        AccessAttempt.objects.update(attempt_time=login_throttle.timezone.now())
    assert attempt("anna", "192.0.2.2", PASSWORD).status_code == 429
    assert attempt("anna", "192.0.2.1", PASSWORD).status_code == 302


def test_having_waited_counts_for_one_attempt(anna: User) -> None:
    fail(NAME + 6)
    pass_time(seconds=30)
    attempt("anna", "203.0.113.20")
    assert attempt("anna", "192.0.2.1").status_code == 429
    pass_time(seconds=30)
    assert attempt("anna", "192.0.2.1").status_code == 200
    assert attempt("anna", "192.0.2.1").status_code == 429


def test_refusals_do_not_fill_the_database(anna: User) -> None:
    fail(NAME)
    for _ in range(5):
        attempt("anna", "192.0.2.1")
    assert AccessFailureLog.objects.count() == 1
    pass_time(days=2)
    login_throttle.delete_old_refusals()
    assert not AccessFailureLog.objects.exists()


def test_a_clock_that_was_set_back_locks_nobody_for_long(anna: User) -> None:
    fail(2 * NAME)
    fail(PAIR, address="192.0.2.1")
    pass_time(days=-1)
    assert attempt("anna", "192.0.2.1", PASSWORD).status_code == 302


def test_the_page_says_how_long_to_wait_and_is_the_same_for_unknown_names(anna: User) -> None:
    pages = []
    for name in NAMES:
        fail(NAME + 1, name)
        page = attempt(name, "192.0.2.1")
        pages.append(page.content.decode())
        assert page["Content-Type"].startswith("text/html") and "no-store" in page["Cache-Control"]
    assert pages[0] == pages[1]
