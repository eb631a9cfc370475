"""Makes a folder of code into a site: tables, static files, what is shipped, an account, the sample."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import DatabaseError, connections

from .errors import StartError

ADMIN = "admin"
# The sample's invented films have ids that TMDB will not reach (catalog/sample/films.py).
FIRST_SAMPLE_TMDB_ID = 90_000_001


def prepare(say: Callable[[str], None], sign_in_at: str, *, show_password: bool) -> None:
    """Migrates the database, collects static files, takes up what comes trained with this version, and
    creates the admin account when there is none (see ``create_admin``).

    Raises StartError when the database or a folder does not allow it, or the given password is a bad one.
    """
    from catalog.runs.work_folders import clear_leftovers

    database = settings.DATABASES["default"]
    try:
        call_command("migrate", verbosity=0, interactive=False)
        call_command("collectstatic", verbosity=0, interactive=False)
        clear_leftovers()
        take_up_shipped(say)
        create_admin(say, sign_in_at, show_password=show_password)
    except DatabaseError as error:
        where = database.get("HOST") or database["NAME"]
        reason = str(error).strip().partition("\n")[0]
        raise StartError(
            f"The database at {where} does not work: {reason}. "
            "Check DATABASE_URL, the free space and this user's write permission."
        ) from error
    except OSError as error:
        raise StartError(f"Cannot write to {error.filename}: {error.strerror}.") from error


def take_up_shipped(say: Callable[[str], None]) -> None:
    """Takes up the shipped genre model, and our own eyes on a catalogue that knows only others.

    A shipped file that cannot be used is said, and the site does without it.
    """
    from catalog.genres import bundled

    try:
        model, fresh = bundled.take_up_genre_model()
    except bundled.ShippedUnusable as error:
        say(f"The genre model that comes with Postersite is left out: {error}")
    else:
        if fresh and model.state == model.State.ACTIVE:
            say(f"Genre model {model.version} came with Postersite and suggests genres from the start.")
        elif fresh:
            say(
                f"Genre model {model.version} came with this version of Postersite. It waits as a candidate; "
                "compare its figures and promote it in the admin if you like."
            )
    run = bundled.look_with_new_eyes()
    if run is not None and run.is_live:
        posters = "1 poster is" if run.total == 1 else f"{run.total} posters are"
        say(
            f"{posters} looked at with Postersite's own eyes now, in the background ({run}). "
            "Until half of them are, look-alikes come from the earlier ones."
        )


def create_admin(say: Callable[[str], None], sign_in_at: str, *, show_password: bool) -> None:
    """Creates the account ``admin`` unless there is an account with all rights.

    Its password is the one given in the environment, which is not shown. Without one, and only with
    ``show_password``, a random password is given to ``say`` once and kept nowhere: ``say`` must not write to
    a log then. Otherwise ``say`` is told how to make the account.
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
        say(f"Account {ADMIN} created with the given password. Sign in at {sign_in_at}")
        return
    say(f"Sign in at {sign_in_at}")
    say(f"    name      {ADMIN}")
    say(f"    password  {password}")
    say("This is shown once and kept nowhere; `manage.py changepassword admin` sets another.")


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


def sample_wanted() -> bool:
    """True while the catalogue is empty or holds only the sample, which is neither refused nor removed."""
    from catalog.models import Movie

    present = find_spec("catalog.sample") and find_spec("catalog.management.commands.run_sample")
    if not (settings.SAMPLE and present):
        return False
    return not Movie.objects.exclude(tmdb_id__gte=FIRST_SAMPLE_TMDB_ID).exists()


def sample_unfinished() -> bool:
    """True when the sample's run has not come to its end yet, or the catalogue was emptied since."""
    from catalog.models import Movie

    return not ((settings.SAMPLE_DIR / "complete").exists() and Movie.objects.exists())


def sample_is_complete() -> None:
    """Notes that the sample's run has come to its end, so that later starts leave it alone."""
    try:
        settings.SAMPLE_DIR.mkdir(parents=True, exist_ok=True)
        (settings.SAMPLE_DIR / "complete").touch()
    except OSError:
        return  # it is run again then, and finds its work done


def work_is_left() -> bool:
    """True while a run is queued or running."""
    from catalog.models import Run

    live = Run.objects.filter(state__in=[Run.State.QUEUED, Run.State.RUNNING]).exists()
    connections.close_all()
    return live
