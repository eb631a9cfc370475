"""System checks: problems of this installation, with hints for solving them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register, run_checks
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections

from catalog import search
from catalog.append_only_triggers import missing_triggers
from catalog.embeddings import vector_index
from catalog.posters.source_settings import missing_key, unknown_rate_names
from catalog.posters.sources.registry import POSTER_SOURCES
from catalog.transfer.snapshot import has_unapplied_migrations
from ml.extractors.registry import UnknownExtractor, parse_spec
from ml.genres.parts import parse_evidence

TAG = "postersite"
S3_PACKAGES = {"django-storages": "storages", "boto3": "boto3"}
# A key, or what a container or a profile has instead.
S3_CREDENTIALS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
LOCAL_HOSTS = {"localhost", "127.0.0.1", "[::1]", ".localhost"}


def site_messages() -> list[CheckMessage]:
    """The messages of all checks in this module, except silenced ones."""
    messages = run_checks(tags=[TAG], include_deployment_checks=True, databases=[DEFAULT_DB_ALIAS])
    return [message for message in messages if not message.is_silenced()]


@register(TAG)
def var_is_writable(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """E001: the data folder is not writable."""
    folder: Path = settings.VAR_DIR
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if existing.is_dir() and os.access(existing, os.W_OK | os.X_OK):
        return []
    return [
        Error(
            f"The data folder {folder} is not writable.",
            hint="Give this user write permission, or set POSTERSITE_VAR to another folder.",
            id="catalog.E001",
        )
    ]


@register(TAG)
def object_storage_can_be_used(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """E007, W008, W009: the bucket needs packages or credentials, or machines sign with different keys."""
    if "shared" not in settings.STORAGES:
        return []
    missing = [package for package, module in S3_PACKAGES.items() if find_spec(module) is None]
    found: list[CheckMessage] = []
    if missing:
        found.append(
            Error(
                f"POSTERSITE_STORAGE is s3, and {' and '.join(missing)} cannot be imported.",
                hint="Run `pip install -r requirements-s3.txt`, or remove the setting.",
                id="catalog.E007",
            )
        )
    if not any(os.environ.get(name) for name in S3_CREDENTIALS):
        found.append(
            Warning(
                "POSTERSITE_STORAGE is s3, and the environment has no credentials.",
                hint="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, unless the machine has a role.",
                id="catalog.W008",
            )
        )
    if not os.environ.get("SECRET_KEY"):
        found.append(
            Warning(
                "POSTERSITE_STORAGE is s3, and each machine signs sessions with a key of its own.",
                hint="Set the same SECRET_KEY on all machines.",
                id="catalog.W009",
            )
        )
    return found


@register(TAG)
def poster_sources_are_known(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """E002: a poster source is unknown."""
    return [
        Error(
            f"POSTERSITE_POSTER_SOURCES names {name!r}, which is not a poster source.",
            hint=f"Choose from: {', '.join(sorted(POSTER_SOURCES))}.",
            id="catalog.E002",
        )
        for name in settings.POSTER_SOURCES
        if name not in POSTER_SOURCES
    ]


@register(TAG)
def poster_sources_have_keys(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """E004: a poster source needs an API key that is not set."""
    missing = [
        missing_key(POSTER_SOURCES[name]) for name in settings.POSTER_SOURCES if name in POSTER_SOURCES
    ]
    return [
        Error(f"{sentence}.", hint="Or remove it from POSTERSITE_POSTER_SOURCES.", id="catalog.E004")
        for sentence in missing
        if sentence
    ]


@register(TAG)
def rate_limits_are_known(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """E005: a rate limit is for an unknown source or host."""
    hosts = sorted({host for source in POSTER_SOURCES.values() for host in source.hosts()})
    return [
        Error(
            f"POSTERSITE_REQUESTS_PER_SECOND names {name!r}, which is not a poster source or a host of one.",
            hint=f"Choose from: {', '.join([*sorted(POSTER_SOURCES), *hosts])}.",
            id="catalog.E005",
        )
        for name in unknown_rate_names()
    ]


# A deployment check, because most commands do not fetch posters.
@register(TAG, deploy=True)
def posters_can_be_fetched(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """W001, W002: there is no poster source, or requests do not name a contact."""
    if not settings.POSTER_SOURCES:
        known = ", ".join(sorted(POSTER_SOURCES))
        return [
            Warning(
                "No poster source is enabled, so posters cannot be fetched.",
                hint=f"Set POSTERSITE_POSTER_SOURCES to some of: {known}. Read the site's terms first.",
                id="catalog.W001",
            )
        ]
    if settings.REPLICA_URL or settings.CONTACT:
        return []
    return [
        Warning(
            "Posters are fetched from real sites, and requests do not name a contact for their owners.",
            hint="Set POSTERSITE_CONTACT to a mail address or a web page.",
            id="catalog.W002",
        )
    ]


@register(TAG)
def extractors_are_known(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """E003: an extractor is unknown."""
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
def evidence_is_known(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """E006: genre models are to read something that they cannot."""
    try:
        parse_evidence(settings.GENRE_EVIDENCE)
    except ValueError as error:
        return [
            Error(
                f"POSTERSITE_GENRE_EVIDENCE is {settings.GENRE_EVIDENCE!r}, which cannot be used.",
                hint=str(error),
                id="catalog.E006",
            )
        ]
    return []


@register(TAG)
def weights_folder_exists(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """W003: the weights folder in the settings does not exist."""
    folder: Path = settings.WEIGHTS_DIR
    # The default folder is created when weights are first fetched.
    if folder.is_dir() or folder == settings.VAR_DIR / "weights":
        return []
    return [
        Warning(
            f"POSTERSITE_WEIGHTS names {folder}, which is not a folder: only the bundled extractor works.",
            hint="Correct the path, or fetch weights with `manage.py fetch_weights mobilenet_v2`.",
            id="catalog.W003",
        )
    ]


@register(TAG)
def debug_is_local(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """W004: DEBUG is on for a site that others can reach."""
    hosts = sorted(set(settings.ALLOWED_HOSTS) - LOCAL_HOSTS)
    if not settings.DEBUG or not hosts:
        return []
    return [
        Warning(
            f"DEBUG is on for {', '.join(hosts)}: error pages show settings and code to everyone.",
            hint="Remove DEBUG from the environment, or set ALLOWED_HOSTS to localhost.",
            id="catalog.W004",
        )
    ]


@register(TAG, Tags.database)
def decisions_are_protected(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **_: Any
) -> list[CheckMessage]:
    """W005: the database lacks triggers that protect decisions."""
    found: list[CheckMessage] = []
    for alias in databases or ():
        try:
            # Migrations create the triggers.
            missing = [] if has_unapplied_migrations() else missing_triggers(connections[alias])
        except DatabaseError:
            continue  # the command that uses the database reports it
        if missing:
            found.append(
                Warning(
                    f"The database lacks {', '.join(missing)}: decisions could be changed or deleted.",
                    hint="Run `manage.py migrate`, which creates the triggers again.",
                    id="catalog.W005",
                )
            )
    return found


@register(TAG, Tags.database)
def postgresql_has_extensions(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **_: Any
) -> list[CheckMessage]:
    """W010: PostgreSQL lacks an extension that makes searches in large catalogues faster."""
    if DEFAULT_DB_ALIAS not in (databases or ()) or connections[DEFAULT_DB_ALIAS].vendor != "postgresql":
        return []
    try:
        if has_unapplied_migrations():
            return []  # migrations create the extensions
        has_trigrams, vectors = search.has_trigrams(), vector_index.missing()
    except DatabaseError:
        return []
    found: list[CheckMessage] = []
    if not has_trigrams:
        message = "PostgreSQL has no index of trigrams: searches for titles read all rows."
        hint = "Run `CREATE EXTENSION pg_trgm` as an administrator, then `manage.py rebuild_search`."
        found.append(Warning(message, hint=hint, id="catalog.W010"))
    if vectors:
        message = "PostgreSQL cannot search vectors: look-alikes are searched in index files."
        found.append(Warning(message, hint=vectors, id="catalog.W010"))
    return found


@register(TAG, deploy=True)
def var_is_private(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """W006: other users of this machine can read the data folder."""
    folder: Path = settings.VAR_DIR
    if not folder.is_dir() or not folder.stat().st_mode & 0o077:
        return []
    return [
        Warning(
            f"Other users of this machine can read {folder}, which holds sessions and password hashes.",
            hint=f"Start the site as the owner of the folder, or run: chmod 700 {folder}",
            id="catalog.W006",
        )
    ]
