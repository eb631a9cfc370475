"""Prepares a site before it starts: tables, static files, bundled models, the admin account, the sample."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import DatabaseError, connections
from django.db.models import Q

from .errors import StartError

ADMIN = "admin"
# The sample's invented films have ids that TMDB will not reach (catalog/sample/films.py).
# Ids in catalog/sample/films.tsv start here, far above real ones. Two sample films have no TMDB id.
FIRST_SAMPLE_TMDB_ID = 90_000_001
FIRST_SAMPLE_MOVIELENS_ID = 9_000_001


def prepare(say: Callable[[str], None], admin_url: str, *, show_password: bool) -> None:
    """Migrates the database, collects static files, installs the bundled models, creates the admin account.

    Raises StartError when the database or a folder cannot be used, or the given password is too weak.
    """
    from catalog.runs.work_folders import clear_leftovers

    database = settings.DATABASES["default"]
    try:
        call_command("migrate", verbosity=0, interactive=False)
        call_command("collectstatic", verbosity=0, interactive=False)
        clear_leftovers()
        install_bundled(say)
        create_admin(say, admin_url, show_password=show_password)
    except DatabaseError as error:
        where = database.get("HOST") or database["NAME"]
        reason = str(error).strip().partition("\n")[0]
        raise StartError(
            f"The database at {where} does not work: {reason}. "
            "Check DATABASE_URL, the free space and this user's write permission."
        ) from error
    except OSError as error:
        raise StartError(f"Cannot write to {error.filename}: {error.strerror}.") from error


def install_bundled(say: Callable[[str], None]) -> None:
    """Installs the bundled genre model, and starts what replaces an earlier version of extractor and model.

    A bundled file that cannot be used is reported, and the site starts without it.
    """
    from catalog.genres import bundled

    try:
        model, is_new = bundled.install_genre_model()
    except bundled.BundledModelUnusable as error:
        say(f"The bundled genre model is not used: {error}")
        is_new = False
    embedding = bundled.embed_with_bundled_extractor()
    bundled.replace_genre_model()
    if is_new:
        say(bundled.installed_message(model))
    if embedding is not None and embedding.is_live:
        posters = "1 poster is" if embedding.total == 1 else f"{embedding.total} posters are"
        say(
            f"{posters} embedded again in the background, by the bundled extractor ({embedding}). "
            "Until nearly all are, look-alikes come from the former extractor."
        )


def create_admin(say: Callable[[str], None], admin_url: str, *, show_password: bool) -> None:
    """Creates the account ``admin`` unless there is an account with all rights.

    Its password is the one given in the environment, which is not shown. Without one, and only with
    ``show_password``, a random password is shown once and stored nowhere: ``say`` must not write to a log
    then. Otherwise ``say`` gets instructions for creating the account.
    """
    from django.contrib.auth import get_user_model

    accounts = get_user_model()._default_manager
    if accounts.filter(is_superuser=True).exists():
        return
    if accounts.filter(username=ADMIN).exists():
        say(f"An account named {ADMIN} exists without admin rights: use `manage.py createsuperuser` for one.")
        return
    given = given_password()
    if not given and not show_password:
        say(
            "Nobody can sign in yet: there is no account, and passwords are not written to a log. "
            "Run `make setup` in a terminal (in a container `manage.py setup`), or set "
            "POSTERSITE_ADMIN_PASSWORD and start again."
        )
        return
    password = given or secrets.token_urlsafe(12)
    accounts.create_superuser(username=ADMIN, password=password)
    if given:
        say(f"Account {ADMIN} created with the given password. Sign in at {admin_url}")
    else:
        say(f"Sign in at {admin_url}\n    name      {ADMIN}\n    password  {password}")
        say("This is shown once and stored nowhere; `manage.py changepassword admin` sets another.")


def given_password() -> str:
    """The first password from POSTERSITE_ADMIN_PASSWORD_FILE, POSTERSITE_ADMIN_PASSWORD or Django's own
    DJANGO_SUPERUSER_PASSWORD; empty when none is set.

    Raises StartError when the file cannot be read, or the password is too weak.
    """
    from django.contrib.auth import get_user_model
    from django.contrib.auth.password_validation import validate_password

    password = os.environ.get("POSTERSITE_ADMIN_PASSWORD") or os.environ.get("DJANGO_SUPERUSER_PASSWORD", "")
    if file := os.environ.get("POSTERSITE_ADMIN_PASSWORD_FILE"):
        try:
            password = Path(file).read_text().rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise StartError(f"POSTERSITE_ADMIN_PASSWORD_FILE: cannot read {file}.") from error
    if password:
        try:
            validate_password(password, get_user_model()(username=ADMIN))
        except ValidationError as error:
            raise StartError(f"The given admin password is too weak. {' '.join(error.messages)}") from error
    return password


def has_sample() -> bool:
    """True when the catalogue is empty or contains only the sample, unless the sample is switched off."""
    from catalog.models import Movie

    installed = find_spec("catalog.sample") and find_spec("catalog.management.commands.run_sample")
    if not (settings.SAMPLE and installed):
        return False
    sample = Q(tmdb_id__gte=FIRST_SAMPLE_TMDB_ID) | Q(movielens_id__gte=FIRST_SAMPLE_MOVIELENS_ID)
    return not Movie.objects.exclude(sample).exists()


def sample_is_complete() -> bool:
    """True when the sample's runs have finished, unless the catalogue was emptied since."""
    from catalog.models import Movie

    return (settings.SAMPLE_DIR / "complete").exists() and Movie.objects.exists()


def mark_sample_complete() -> None:
    """Makes later starts leave the sample alone."""
    with suppress(OSError):  # the next start runs it again then, and finds its work done
        settings.SAMPLE_DIR.mkdir(parents=True, exist_ok=True)
        (settings.SAMPLE_DIR / "complete").touch()


def has_live_runs() -> bool:
    """True while a run is queued or running."""
    from catalog.models import Run

    live = Run.objects.filter(state__in=[Run.State.QUEUED, Run.State.RUNNING]).exists()
    connections.close_all()
    return live
