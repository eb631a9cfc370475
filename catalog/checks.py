"""System checks: what is wrong with this installation, and how to mend it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register, run_checks
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections

TAG = "postersite"
LOCAL_HOSTS = {"localhost", "127.0.0.1", "[::1]", ".localhost"}


def of_the_site() -> list[CheckMessage]:
    """What all checks of this file find, silenced ones left out."""
    found = run_checks(tags=[TAG], include_deployment_checks=True, databases=[DEFAULT_DB_ALIAS])
    return [message for message in found if not message.is_silenced()]


@register(TAG)
def var_is_writable(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """E001: the site cannot write where it keeps everything."""
    folder: Path = settings.VAR_DIR
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if existing.is_dir() and os.access(existing, os.W_OK | os.X_OK):
        return []
    return [
        Error(
            f"The folder {folder}, where the site keeps its data, cannot be written.",
            hint="Give this user write permission there, or set POSTERSITE_VAR to a folder it may write.",
            id="catalog.E001",
        )
    ]


@register(TAG)
def poster_sources_are_known(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """E002: a poster source that there is not."""
    from catalog.posters.sources.registry import POSTER_SOURCES

    return [
        Error(
            f"POSTERSITE_POSTER_SOURCES names {name!r}, which is no poster source.",
            hint=f"Choose from: {', '.join(sorted(POSTER_SOURCES))}.",
            id="catalog.E002",
        )
        for name in settings.POSTER_SOURCES
        if name not in POSTER_SOURCES
    ]


@register(TAG)
def poster_sources_have_keys(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """E004: a poster source that answers nobody without a key, and none is set."""
    from catalog.posters.api_keys import missing_key
    from catalog.posters.sources.registry import POSTER_SOURCES

    missing = [
        missing_key(POSTER_SOURCES[name]) for name in settings.POSTER_SOURCES if name in POSTER_SOURCES
    ]
    return [
        Error(f"{sentence}.", hint="Or take it out of POSTERSITE_POSTER_SOURCES.", id="catalog.E004")
        for sentence in missing
        if sentence
    ]


@register(TAG)
def rates_name_what_there_is(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """E005: a rate for something that is no source and no host of one, and so for nothing."""
    from catalog.posters.rate_limits import unknown_names
    from catalog.posters.sources.registry import POSTER_SOURCES

    hosts = sorted({host for source in POSTER_SOURCES.values() for host in source.hosts()})
    return [
        Error(
            f"POSTERSITE_REQUESTS_PER_SECOND names {name!r}, neither a poster source nor a host of one.",
            hint=f"Choose from: {', '.join([*sorted(POSTER_SOURCES), *hosts])}.",
            id="catalog.E005",
        )
        for name in unknown_names()
    ]


# For a site that is started or looked over; before every command of a shell it would only be noise.
@register(TAG, deploy=True)
def posters_can_be_fetched(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """W001, W002: no poster source at all, or real sites visited without a name."""
    from catalog.posters.sources.registry import POSTER_SOURCES

    if not settings.POSTER_SOURCES:
        known = ", ".join(sorted(POSTER_SOURCES))
        return [
            Warning(
                "No poster source is switched on, so posters cannot be fetched.",
                hint=f"Set POSTERSITE_POSTER_SOURCES to some of: {known}. Read the site's terms first.",
                id="catalog.W001",
            )
        ]
    if settings.REPLICA_URL or settings.CONTACT:
        return []
    return [
        Warning(
            "Posters are fetched from real sites, and requests name nobody their owners could reach.",
            hint="Set POSTERSITE_CONTACT to a mail address or the page of a person who answers.",
            id="catalog.W002",
        )
    ]


@register(TAG)
def extractors_are_known(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """E003: an extractor spec that nothing understands."""
    from ml.extractors.registry import UnknownExtractor, parse_spec

    found: list[CheckMessage] = []
    for spec in settings.EXTRACTORS:
        try:
            parse_spec(spec)
        except UnknownExtractor as error:
            found.append(
                Error(
                    f"POSTERSITE_EXTRACTORS names {spec!r}, which cannot be used.",
                    hint=str(error),
                    id="catalog.E003",
                )
            )
    return found


@register(TAG)
def weights_folder_exists(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """W003: a weights folder was named, and it is not there."""
    folder: Path = settings.WEIGHTS_DIR
    # The folder beside the data is made when weights are first fetched; one that was named is meant to exist.
    if folder.is_dir() or folder == settings.VAR_DIR / "weights":
        return []
    return [
        Warning(
            f"POSTERSITE_WEIGHTS names {folder}, which is no folder: there are no weights for other ConvNets "
            "than our own.",
            hint="Correct the path, or fill it with `manage.py fetch_weights mobilenet_v2`.",
            id="catalog.W003",
        )
    ]


@register(TAG)
def debug_stays_at_home(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """W004: error pages with the site's insides, shown to others."""
    others = sorted(set(settings.ALLOWED_HOSTS) - LOCAL_HOSTS)
    if not settings.DEBUG or not others:
        return []
    return [
        Warning(
            f"DEBUG is on while the site answers to {', '.join(others)}: error pages show settings and code.",
            hint="Remove DEBUG from the environment, or set ALLOWED_HOSTS to localhost.",
            id="catalog.W004",
        )
    ]


@register(TAG, Tags.database)
def decisions_are_protected(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **_: Any
) -> list[CheckMessage]:
    """W005: the database would let decisions be changed or deleted."""
    from catalog.transfer.snapshot import has_unapplied_migrations

    from .append_only_triggers import missing_triggers

    found: list[CheckMessage] = []
    for alias in databases or ():
        try:
            # Where migrations wait, the triggers come with them.
            missing = [] if has_unapplied_migrations() else missing_triggers(connections[alias])
        except DatabaseError:
            continue  # whoever uses the database says so
        if missing:
            found.append(
                Warning(
                    f"The database lacks {', '.join(missing)}: it would let decisions be changed or deleted.",
                    hint="Run `manage.py migrate`, which creates the triggers again.",
                    id="catalog.W005",
                )
            )
    return found


@register(TAG, deploy=True)
def var_is_private(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """W006: other users of this machine can read the database, with its sessions and password hashes."""
    folder: Path = settings.VAR_DIR
    if not folder.is_dir() or not folder.stat().st_mode & 0o077:
        return []
    return [
        Warning(
            f"Other users of this machine can read {folder}, which holds sessions and password hashes.",
            hint=f"Start the site as the owner of that folder, or run: chmod 700 {folder}",
            id="catalog.W006",
        )
    ]
