"""`/healthz` says that the process responds, `/readyz` that database and broker can be used."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import pytest
from django.db import DatabaseError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from pytest_django.fixtures import Settings
from redis import Redis

from catalog.web.views import status
from postersite.launcher.broker import private_broker


def test_liveness_needs_no_database(client: Client) -> None:
    # No database mark: a query would fail this test.
    response = client.get("/healthz")
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    assert client.head("/healthz").status_code == 200
    assert client.post("/healthz").status_code == 405


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_checks_are_answered_over_http_and_for_any_host(settings: Settings, path: str) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert Client().get("/").status_code == 301
    assert Client().get(path, HTTP_HOST="10.1.2.3:8000").status_code in (200, 503)


@pytest.mark.django_db
def test_the_part_that_is_down_is_named_and_no_secret(
    client: Client, settings: Settings, tmp_path: Path
) -> None:
    settings.REDIS_URL = f"unix://:password@{tmp_path}/no-broker.sock"
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"database": "ok", "migrations": "ok", "broker": "unreachable"}
    assert "no-store" in response["Cache-Control"]


@pytest.mark.django_db
@pytest.mark.process
def test_a_broker_that_refuses_writes_is_not_ready(
    client: Client, settings: Settings, tmp_path: Path
) -> None:
    with private_broker(tmp_path / "broker") as url, Redis.from_url(url) as broker:
        settings.REDIS_URL = url
        response = client.get("/readyz")
        ready = {"database": "ok", "migrations": "ok", "broker": "ok"}
        assert (response.status_code, response.json()) == (200, ready)
        assert 0 < int(broker.ttl("postersite:readyz")) <= 60
        refused = ready | {"broker": "refuses writes"}
        for name, bad, good in (("maxmemory", "1", "0"), ("min-replicas-to-write", "1", "0")):
            broker.config_set(name, bad)
            response = client.get("/readyz")
            assert (response.status_code, response.json()) == (503, refused), name
            broker.config_set(name, good)
        broker.replicaof("127.0.0.1", "1")
        assert client.get("/readyz").json() == refused


def test_a_database_that_does_not_answer_is_not_ready(
    client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(status, "connection", Mock(cursor=Mock(side_effect=DatabaseError)))
    settings.REDIS_URL = f"unix://{tmp_path}/no-broker.sock"
    response = client.get("/readyz")
    assert response.status_code == 503 and response.json()["database"] == "unreachable"


@pytest.mark.django_db
def test_it_is_not_ready_before_its_migrations_are_applied(
    client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings.REDIS_URL = f"unix://{tmp_path}/no-broker.sock"
    monkeypatch.setattr(status, "_is_migrated", False)
    recorder = MigrationRecorder(connection)
    recorder.migration_qs.filter(app="catalog").order_by("-pk")[:1].get().delete()
    assert client.get("/readyz").json()["migrations"] == "unapplied"
    monkeypatch.setattr(status, "migrations_state", Mock(side_effect=AssertionError))
    monkeypatch.setattr(status, "database_state", lambda: "unreachable")
    assert client.get("/readyz").json()["migrations"] == "unknown"
