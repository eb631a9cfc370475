"""A session ends two hours after the last request and twelve hours after signing in, and costs no writes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalog import tasks
from catalog.accounts.sessions import ACTIVE_COOKIE, SIGNED_IN_AT
from postersite import settings as site_settings
from tests.factories import MovieFactory, UserFactory

pytestmark = pytest.mark.django_db

MINUTE, HOUR = 60, 3600


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """later(SECONDS) lets time pass, as far as `time.time` says."""
    clock = [time.time()]
    monkeypatch.setattr(time, "time", lambda: clock[0])

    def pass_time(seconds: float) -> None:
        clock[0] += seconds

    return pass_time


def is_signed_in(client: Client) -> bool:
    return client.get("/runs/").status_code == 200


def test_limits() -> None:
    assert (site_settings.SESSION_IDLE_S, site_settings.SESSION_COOKIE_AGE) == (2 * HOUR, 12 * HOUR)


def test_two_hours_without_a_request_end_it(admin_client: Client, later: Callable[[float], None]) -> None:
    assert is_signed_in(admin_client)
    later(2 * HOUR - MINUTE)
    assert is_signed_in(admin_client)
    later(2 * HOUR - MINUTE)
    assert is_signed_in(admin_client)
    later(2 * HOUR + MINUTE)
    assert not is_signed_in(admin_client)
    assert site_settings.SESSION_COOKIE_NAME not in admin_client.cookies or not (
        admin_client.cookies[site_settings.SESSION_COOKIE_NAME].value
    )


def test_twelve_hours_end_it_whatever_is_done(admin_client: Client, later: Callable[[float], None]) -> None:
    for _ in range(12):
        later(HOUR - 1)
        assert is_signed_in(admin_client)
    later(HOUR)
    assert not is_signed_in(admin_client)


def test_a_page_that_polls_keeps_nobody_signed_in(
    admin_client: Client, later: Callable[[float], None]
) -> None:
    for _ in range(9):
        later(15 * MINUTE)
        admin_client.get("/runs/", headers={"HX-Request": "true", "HX-Target": "run-list"})
    assert not is_signed_in(admin_client)


def test_an_old_cookie_opens_nothing(admin_client: Client, later: Callable[[float], None]) -> None:
    later(HOUR)
    assert is_signed_in(admin_client)
    stolen = {name: morsel.value for name, morsel in admin_client.cookies.items()}
    assert stolen[ACTIVE_COOKIE]
    later(2 * HOUR + MINUTE)
    thief = Client()
    thief.cookies.load(stolen)
    assert not is_signed_in(thief)
    thief.cookies.load({**stolen, ACTIVE_COOKIE: f"{time.time()}:x:y"})
    assert not is_signed_in(thief)


def test_the_mark_of_one_session_is_none_of_another(later: Callable[[float], None]) -> None:
    first, second = Client(), Client()
    first.force_login(UserFactory(admin=True))
    later(3 * HOUR)
    second.force_login(UserFactory(admin=True))
    later(HOUR)
    assert is_signed_in(second)
    first.cookies[ACTIVE_COOKIE] = second.cookies[ACTIVE_COOKIE].value
    assert not is_signed_in(first)


def test_a_session_of_an_earlier_version_asks_to_sign_in_again(admin_client: Client) -> None:
    session = admin_client.session
    del session[SIGNED_IN_AT]
    session.save()
    assert not is_signed_in(admin_client)


def test_changing_the_password_keeps_one_signed_in(
    admin_client: Client, later: Callable[[float], None]
) -> None:
    user: Any = admin_client.user  # type: ignore[attr-defined]
    user.set_password("an earlier password")
    user.save()
    admin_client.force_login(user)
    later(HOUR + 50 * MINUTE)
    assert is_signed_in(admin_client)
    later(HOUR)
    form = {"old_password": "an earlier password"}
    form |= {"new_password1": "a much longer one", "new_password2": "a much longer one"}
    assert admin_client.post("/admin/password_change/", form).status_code == 302
    assert is_signed_in(admin_client)


def test_reading_writes_nothing(admin_client: Client, later: Callable[[float], None]) -> None:
    film = MovieFactory()
    for wait in (0, HOUR, HOUR, 3 * HOUR):
        later(wait)
        with CaptureQueriesContext(connection) as queries:
            for address in ("/", f"/movie/{film.pk}/", "/runs/", "/admin/catalog/movie/"):
                admin_client.get(address)
        assert [query["sql"] for query in queries if not query["sql"].startswith("SELECT")] == []


def test_not_every_response_sets_a_cookie(admin_client: Client, later: Callable[[float], None]) -> None:
    set_by = []
    for _ in range(20):
        later(MINUTE)
        set_by.append(ACTIVE_COOKIE in admin_client.get("/").cookies)
    assert 0 < sum(set_by) <= 4


def test_signing_in_through_the_page_begins_a_session(client: Client, later: Callable[[float], None]) -> None:
    user = UserFactory(admin=True, password="correct horse battery")
    form = {"username": user.username, "password": "correct horse battery"}
    assert client.post("/admin/login/", form).status_code == 302
    later(HOUR)
    assert is_signed_in(client) and client.session[SESSION_KEY] == str(user.pk)
    client.post("/admin/logout/")
    assert not is_signed_in(client)


def test_expired_sessions_are_deleted_on_schedule(admin_client: Client) -> None:
    live = admin_client.session.session_key
    expired = Session.objects.create(session_key="x", session_data="", expire_date=timezone.now())
    assert "catalog.tasks.delete_expired_sessions" in {
        entry["task"] for entry in site_settings.CELERY_BEAT_SCHEDULE.values()
    }
    tasks.delete_expired_sessions()
    assert not Session.objects.filter(pk=expired.pk).exists() and Session.objects.filter(pk=live).exists()
