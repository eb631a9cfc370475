"""Reads settings from the environment, with types and defaults; a wrong value stops the start."""

from __future__ import annotations

import hashlib
import os
import secrets
import tempfile
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import environ
from celery.schedules import ParseException, crontab
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent

# The longest path of a Unix socket (sun_path is 108 bytes on Linux, 104 on macOS).
LONGEST_SOCKET_PATH = 100
DATABASE_ENGINES = {"django.db.backends.sqlite3", "django.db.backends.postgresql"}

env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")


def folder(name: str, default: Path) -> Path:
    """The absolute path of the folder that a setting names; ``~`` is the user's home."""
    # Set but empty means "not set": the site must not use the folder that it happens to be started from.
    text = env.str(name, default="").strip()
    return (Path(os.path.expanduser(text)) if text else default).resolve()


def var_dir() -> Path:
    """Folder for everything the site writes: database, posters, indexes, models, logs."""
    return folder("POSTERSITE_VAR", BASE_DIR / "var")


def listed(name: str, default: Sequence[str] = ()) -> list[str]:
    """A comma-separated setting; spaces around the parts do not count."""
    text = env.str(name, default=",".join(default))
    return [part.strip() for part in text.split(",") if part.strip()]


def socket_path(var: Path) -> Path:
    """The embedded broker's socket: in the var folder, or in a temporary folder if that path is too long."""
    beside = var / "run" / "broker.sock"
    if len(os.fsencode(beside)) <= LONGEST_SOCKET_PATH:
        return beside
    digest = hashlib.sha256(os.fsencode(var)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"postersite-{os.getuid()}-{digest}" / "broker.sock"


def secret_key(var: Path) -> str:
    """SECRET_KEY from the environment, or one generated once and stored in the var folder (mode 600)."""
    # Not with `env`: it takes a value that begins with $, as one key in fifty does, for a variable's name.
    given = os.environ.get("SECRET_KEY", "")
    if given:
        return given
    path = var / "secret_key"
    try:
        stored = path.read_text().strip()
        if stored:
            return stored
        path.unlink()
    except FileNotFoundError:
        pass
    fresh = secrets.token_urlsafe(50)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Linked into place, so that two processes that start together use the same key.
        draft = path.with_name(f".secret_key.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(fresh)
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        return path.read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(
            f"Cannot write {path}: {error.strerror}. Give this user write permission there, "
            "or set POSTERSITE_VAR to a folder it may write, or set SECRET_KEY."
        ) from error


def database(default: str) -> dict[str, Any]:
    """Django's settings of the database that DATABASE_URL names; ``default`` when it is unset or empty."""
    text = env.str("DATABASE_URL", default="").strip() or default
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the warning about an unknown engine shows the password
            settings: dict[str, Any] = environ.Env.db_url_config(text)
    except (ValueError, KeyError, ImproperlyConfigured):
        settings = {}
    if settings.get("ENGINE") not in DATABASE_ENGINES or not settings.get("NAME"):
        # The value may contain a password and is not shown.
        raise ImproperlyConfigured(
            "DATABASE_URL must look like postgres://USER:PASSWORD@HOST:5432/NAME or sqlite:////ABSOLUTE/PATH."
        )
    return settings


def broker_url() -> str:
    """The URL in REDIS_URL with the options of TLS; empty when the embedded broker is used."""
    url = env.str("REDIS_URL", default="").strip()
    ca_file = env.str("REDIS_CA_FILE", default="").strip()
    if not url.startswith("rediss://"):
        if ca_file:
            raise ImproperlyConfigured("REDIS_CA_FILE is set, but REDIS_URL does not begin with rediss://.")
        return url
    # Celery would check no certificate without the first one.
    options = {"ssl_cert_reqs": "required"}
    if ca_file:
        path = Path(ca_file).expanduser().resolve()
        if not path.is_file():
            raise ImproperlyConfigured(f"REDIS_CA_FILE names {path}, which is not a file.")
        options["ssl_ca_certs"] = str(path)
    parts = urlsplit(url)
    query = urlencode(options | dict(parse_qsl(parts.query)))
    return parts._replace(query=query).geturl()


def whole_number(name: str, default: int, low: int, high: int) -> int:
    """An integer within [low, high]."""
    return int(_number(name, default, low, high, int, "a whole number"))


def decimal(name: str, default: float, low: float, high: float) -> float:
    """A number within [low, high]."""
    return _number(name, default, low, high, float, "a number")


def _number(
    name: str, default: float, low: float, high: float, convert: Callable[[str], float], kind: str
) -> float:
    text = env.str(name, default=str(default)).strip()
    with suppress(ValueError):
        number = convert(text)
        if low <= number <= high:
            return number
    raise ImproperlyConfigured(f"{name} must be {kind} from {low} to {high}, not {text!r}.")


def decimals_by_name(name: str, low: float, high: float) -> tuple[float | None, dict[str, float]]:
    """Numbers within [low, high]: one for all, others by name, or both, as in "2, imdb_page=0.5".

    Returns the number for all (None if there is none) and the others by name.
    """
    for_all: list[float] = []
    named: dict[str, float] = {}
    for part in listed(name):
        what, is_named, text = (side.strip() for side in part.rpartition("="))
        try:
            number = float(text)
        except ValueError:
            number = low - 1
        repeated = what.lower() in named if is_named else bool(for_all)
        if not low <= number <= high or repeated or (is_named and not what):
            because = "is given twice" if repeated else "is none of these"
            raise ImproperlyConfigured(
                f"{name} must be a number from {low} to {high}, or such numbers by source or host, as in "
                f"'tmdb_api=10, www.imdb.com=0.5'; {part!r} {because}."
            )
        if is_named:
            named[what.lower()] = number
        else:
            for_all.append(number)
    return (for_all[0] if for_all else None), named


def cron(name: str, default: str) -> crontab | None:
    """A time in the five fields of cron ("15 3 * * *"); None for "off"."""
    text = env.str(name, default=default).strip()
    if text.lower() in {"off", "no", "never", "0", ""}:
        return None
    try:
        return crontab.from_string(text)
    except (ValueError, TypeError, ParseException) as error:
        raise ImproperlyConfigured(
            f'{name} must be the five fields of cron, such as "15 3 * * *" for every night at 3:15, or off, '
            f"not {text!r}."
        ) from error


def choice(name: str, choices: Sequence[str]) -> str:
    """One of ``choices``, by default the first."""
    text = env.str(name, default="").strip().lower() or choices[0]
    if text not in choices:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}, not {text!r}.")
    return text


def flag(name: str, default: bool) -> bool:
    """A yes/no setting."""
    text = env.str(name, default=str(default)).strip().lower()
    if text in {"1", "true", "yes", "on"}:
        return True
    if text in {"0", "false", "no", "off", ""}:
        return False
    raise ImproperlyConfigured(f"{name} must be true or false, not {text!r}.")
