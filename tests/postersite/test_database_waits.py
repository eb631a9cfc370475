"""The web process waits for the database for a short time only, and then asks the visitor to come back."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, IntegrityError, OperationalError, connection
from django.test import Client

from postersite.database_waits import is_unavailable, limit_waits

POSTGRESQL = "-c lock_timeout=5s -c statement_timeout=30s"


def caused_by(cause: Exception, kind: type[DatabaseError] = OperationalError) -> DatabaseError:
    """A database error as Django raises it."""
    error = kind(*cause.args)
    error.__cause__ = cause
    return error


@pytest.fixture
def locked(tmp_path: Path) -> DatabaseError:
    with sqlite3.connect(tmp_path / "db") as holder, sqlite3.connect(tmp_path / "db", timeout=0) as other:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError) as caught:
            other.execute("BEGIN IMMEDIATE")
    return caused_by(caught.value)


def test_a_mistake_of_ours_does_not_pass_for_a_busy_database(locked: DatabaseError) -> None:
    assert is_unavailable(locked)
    with pytest.raises(sqlite3.OperationalError) as caught:
        sqlite3.connect(":memory:").execute("SELECT * FROM missing")
    assert not is_unavailable(caused_by(caught.value))
    assert is_unavailable(caused_by(psycopg.errors.LockNotAvailable()))
    assert is_unavailable(caused_by(psycopg.OperationalError("connection refused")))
    assert not is_unavailable(caused_by(psycopg.errors.UniqueViolation(), IntegrityError))
    assert not is_unavailable(ValueError())
    assert not is_unavailable(None)


@pytest.mark.django_db
def test_a_busy_database_is_answered_with_503(locked: DatabaseError) -> None:
    def busy(*_: object) -> None:
        raise locked

    client = Client(raise_request_exception=False)
    with connection.execute_wrapper(busy):
        page, answer = client.get("/"), client.get("/api/movies/1")
    for response in (page, answer):
        assert response.status_code == 503
        assert int(response["Retry-After"]) > 0
    assert page["Content-Type"].startswith("text/html")
    assert answer.json()["detail"]


@pytest.mark.parametrize(
    ("engine", "options", "expected"),
    [
        ("sqlite3", {"timeout": 30, "transaction_mode": "IMMEDIATE"}, {"timeout": 5}),
        ("postgresql", {}, {"options": POSTGRESQL, "connect_timeout": 5}),
        (
            "postgresql",
            {"options": "-c a=b", "connect_timeout": 2},
            {"options": f"-c a=b {POSTGRESQL}"},
        ),
    ],
)
def test_waits_are_limited_and_other_options_stay(
    engine: str, options: dict[str, Any], expected: dict[str, Any]
) -> None:
    database = {"ENGINE": f"django.db.backends.{engine}", "OPTIONS": dict(options)}
    limit_waits(database, 5)
    assert database["OPTIONS"] == options | expected
