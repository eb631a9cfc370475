"""Settings from the environment: a wrong value stops the start with a sentence that names it."""

from __future__ import annotations

import os
import ssl
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from celery.schedules import crontab
from django.core.exceptions import ImproperlyConfigured
from kombu.utils.url import parse_url
from redis import Redis

from postersite import env

NAME = "POSTERSITE_TEST_VALUE"


@pytest.mark.parametrize(("text", "expected"), [("1", True), ("Yes", True), ("off", False), ("", False)])
def test_flags(monkeypatch: pytest.MonkeyPatch, text: str, expected: bool) -> None:
    monkeypatch.setenv(NAME, text)
    assert env.flag(NAME, not expected) is expected


def read_whole_number() -> int:
    return env.whole_number(NAME, 5, 1, 10)


def read_decimal() -> float:
    return env.decimal(NAME, 1.0, 0.01, 10)


def read_choice() -> str:
    return env.choice(NAME, ("text", "json"))


def read_rates() -> tuple[float | None, dict[str, float]]:
    return env.decimals_by_name(NAME, 0.01, 1000)


WRONG: dict[Callable[[], object], list[str]] = {
    lambda: env.flag(NAME, False): ["treu"],
    read_whole_number: ["0", "11", "3.5", "many", ""],
    read_decimal: ["nan", "inf", "0.001", "x"],
    read_choice: ["xml", "text,json"],
    read_rates: ["0", "1001", "nan", "fast", "1,2", "=5", "api=", "api=0", "a=1,A=2", "api:5"],
    lambda: env.cron(NAME, "15 3 * * *"): [
        "3:15",
        "* * *",
        "61 * * * *",
        "a b c d e",
        "@daily",
        "*/0 * * * *",
    ],
}


@pytest.mark.parametrize(("read", "text"), [(read, text) for read, texts in WRONG.items() for text in texts])
def test_a_wrong_value_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, read: Callable[[], object], text: str
) -> None:
    monkeypatch.setenv(NAME, text)
    with pytest.raises(ImproperlyConfigured, match=f"{NAME} must be "):
        read()


def test_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, " 7 ")
    assert read_whole_number() == 7
    monkeypatch.delenv(NAME)
    assert read_decimal() == 1.0


@pytest.mark.parametrize(
    ("text", "for_all", "named"),
    [
        ("", None, {}),
        (" 2 ", 2.0, {}),
        ("tmdb_api=10,imdb_page = 0.5", None, {"tmdb_api": 10.0, "imdb_page": 0.5}),
        ("WWW.imdb.com=1, 3, films.example:8443=5", 3.0, {"www.imdb.com": 1.0, "films.example:8443": 5.0}),
    ],
)
def test_rates(
    monkeypatch: pytest.MonkeyPatch, text: str, for_all: float | None, named: dict[str, float]
) -> None:
    monkeypatch.setenv(NAME, text)
    assert read_rates() == (for_all, named)


def test_the_secret_key_is_made_once_and_private(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SECRET_KEY", "")
    folder = tmp_path / "site"
    first = env.secret_key(folder)
    assert len(first) >= 50 and env.secret_key(folder) == first
    assert stat.S_IMODE((folder / "secret_key").stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == ["secret_key"]
    (folder / "secret_key").write_text("")  # a full disk left it empty
    assert len(env.secret_key(folder)) >= 50
    for given in ("given", "$begins-like-the-name-of-a-variable"):
        monkeypatch.setenv("SECRET_KEY", given)
        assert env.secret_key(folder) == given


def test_the_socket_path_is_never_too_long_for_the_kernel(tmp_path: Path) -> None:
    assert env.socket_path(Path("/srv/films")) == Path("/srv/films/run/broker.sock")
    long = Path("/srv") / ("x" * 90)
    assert len(os.fsencode(env.socket_path(long))) <= env.LONGEST_SOCKET_PATH
    assert env.socket_path(long) != env.socket_path(Path("/srv") / ("y" * 90))


def test_the_database_is_sqlite_beside_the_data_or_the_one_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    assert env.database("sqlite:////srv/films/db.sqlite3")["NAME"] == "/srv/films/db.sqlite3"
    monkeypatch.setenv("DATABASE_URL", "postgres://films:pa%2Fss@db.example.org:5433/films")
    named = env.database("sqlite:////srv/films/db.sqlite3")
    assert named["ENGINE"] == "django.db.backends.postgresql"
    assert (named["HOST"], named["PORT"], named["USER"]) == ("db.example.org", 5433, "films")
    assert named["PASSWORD"] == "pa/ss"


@pytest.mark.parametrize(
    "text", ["films.db", "mysql://u:secret@h/x", "postgres://u:secret@h:99999999/x", "::"]
)
def test_an_unknown_database_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("DATABASE_URL", text)
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL must look like postgres://") as raised:
        env.database("sqlite:////srv/films/db.sqlite3")
    assert "secret" not in str(raised.value)


def test_an_empty_data_folder_means_the_one_of_the_project(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POSTERSITE_VAR", "")
    assert env.var_dir() == env.BASE_DIR / "var"
    monkeypatch.setenv("POSTERSITE_VAR", "here")
    assert env.var_dir() == tmp_path / "here"


def test_a_home_folder_is_found_from_a_file_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(NAME, "~/films ")
    assert env.folder(NAME, Path("elsewhere")) == tmp_path / "films"
    monkeypatch.setenv(NAME, " ")
    assert env.folder(NAME, tmp_path / "default") == tmp_path / "default"


def test_spaces_in_a_list_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, " tmdb_page, imdb_page,,")
    assert env.listed(NAME, ["other"]) == ["tmdb_page", "imdb_page"]
    monkeypatch.delenv(NAME)
    assert env.listed(NAME, ["localhost", "[::1]"]) == ["localhost", "[::1]"]


def test_times_are_those_of_cron_or_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NAME, raising=False)
    assert env.cron(NAME, "15 3 * * *") == crontab(minute="15", hour="3")
    for text in ("off", "", "Never"):
        monkeypatch.setenv(NAME, text)
        assert env.cron(NAME, "15 3 * * *") is None


@pytest.mark.parametrize(("text", "expected"), [("", "text"), (" JSON ", "json"), ("text", "text")])
def test_the_first_choice_is_the_default(monkeypatch: pytest.MonkeyPatch, text: str, expected: str) -> None:
    monkeypatch.setenv(NAME, text)
    assert read_choice() == expected


PLAIN, TLS = "redis://:pw@broker:6379/0", "rediss://:p%2Fw@broker:6379/0"


def test_a_broker_with_tls_must_have_a_valid_certificate(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "the ca.pem").touch()

    def url(given: str, ca_file: str = "") -> str:
        monkeypatch.setenv("REDIS_URL", given)
        monkeypatch.setenv("REDIS_CA_FILE", ca_file)
        return env.broker_url()

    assert (url(""), url(PLAIN), url("unix:///run/x")) == ("", PLAIN, "unix:///run/x")
    assert url(TLS) == f"{TLS}?ssl_cert_reqs=required"
    own = f"{TLS}?ssl_cert_reqs=none&ssl_ca_certs=/etc/ca.pem"
    assert parse_url(url(own))["ssl"] == {"ssl_cert_reqs": ssl.CERT_NONE, "ssl_ca_certs": "/etc/ca.pem"}

    with_ca = url(TLS, str(tmp_path / "the ca.pem"))
    expected = {"ssl_cert_reqs": "required", "ssl_ca_certs": str(tmp_path / "the ca.pem")}
    assert expected.items() <= Redis.from_url(with_ca).connection_pool.connection_kwargs.items()
    assert parse_url(with_ca)["ssl"] == expected | {"ssl_cert_reqs": ssl.CERT_REQUIRED}
    assert parse_url(with_ca)["password"] == "p/w"

    for given, ca_file in ((PLAIN, str(tmp_path / "the ca.pem")), ("", "x"), (TLS, str(tmp_path / "absent"))):
        with pytest.raises(ImproperlyConfigured, match="REDIS_CA_FILE"):
            url(given, ca_file)
