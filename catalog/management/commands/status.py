"""`manage.py status`: shows the state of the site; exits with 1 if something is wrong."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.management.base import BaseCommand
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from redis import RedisError

from catalog.checks import site_messages
from catalog.counts import catalogue_counts
from catalog.embeddings import extractors, index_files
from catalog.embeddings.embedding import not_embedded
from catalog.genres import model_files, promotion
from catalog.models import GenreModel, Poster, Run
from catalog.posters.failing_hosts import failing_hosts
from catalog.posters.source_settings import requests_per_second
from catalog.posters.sources.registry import POSTER_SOURCES
from catalog.runs import kinds, lifecycle
from catalog.runs.progress import progress_of, rate
from catalog.similarity import search
from ml.genres.head_file import ModelFileError
from postersite.celery import app
from postersite.launcher import site_setup
from postersite.launcher.broker import host_of
from postersite.launcher.site_folder import SPACE_NEEDED
from postersite.redis_client import redis_client

# Whether the fact is as it should be, and its text.
Fact = tuple[bool, str]


def database() -> Iterator[Fact]:
    """The engine, whether it can be reached, and whether all migrations are applied."""
    place = connection.settings_dict.get("HOST") or connection.settings_dict["NAME"]
    try:
        executor = MigrationExecutor(connection)
        unapplied = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        yield False, f"{connection.vendor} at {place}: {str(error).strip()}"
        return
    yield True, f"{connection.vendor} at {place}"
    if unapplied:
        yield False, f"{len(unapplied)} unapplied migrations: run `manage.py migrate`"


def broker() -> Iterator[Fact]:
    """Whether the broker can be reached, and how many tasks are queued."""
    try:
        with redis_client(settings.REDIS_URL, 3) as client:
            facts: Any = client.info("server")
            queued = ", ".join(f"{client.llen(queue):,} tasks in {queue}" for queue in kinds.queues())
    except (RedisError, ValueError) as error:
        hint = "is `manage.py up` running?" if settings.EMBEDDED_BROKER else "see REDIS_URL"
        yield False, f"no response from {host_of(settings.REDIS_URL)}: {error}; {hint}"
        return
    kind = facts.get("server_name", "redis")
    version = facts.get("valkey_version", facts.get("redis_version", "?"))
    yield True, f"{kind} {version} at {host_of(settings.REDIS_URL)}, {queued}"


def workers() -> Iterator[Fact]:
    """The running workers, and whether every queue has one."""
    try:
        with app.connection_for_write() as link:
            link.ensure_connection(max_retries=1, timeout=3)
            responses = app.control.inspect(timeout=2, connection=link).active_queues() or {}
    except Exception as error:  # noqa: BLE001 - kombu raises errors of its transport
        yield False, f"no response: {error}"
        return
    served = set()
    for name, queues in sorted(responses.items()):
        names = [queue["name"] for queue in queues]
        served.update(names)
        yield True, f"{name} processes {', '.join(names)}"
    for queue in kinds.queues():
        if queue not in served:
            yield False, f"no worker processes the queue {queue}"


def catalogue() -> Iterator[Fact]:
    """Counts of movies, posters and suggestions."""
    counts = catalogue_counts()
    yield True, ", ".join(f"{number:,} {name}" for name, number in counts.items())


def embeddings() -> Iterator[Fact]:
    """How many posters each configured extractor has embedded, and which one look-alikes come from."""
    available, problems = extractors.available(extractors.configured_specs())
    posters = Poster.objects.filter(is_primary=True)
    total = posters.count()
    for spec, fingerprint in available.items():
        embedded = total - not_embedded(posters, [fingerprint]).count()
        yield True, f"{spec} has embedded {embedded:,} of {total:,} posters ({fingerprint})"
    yield from ((False, problem) for problem in problems)
    default = extractors.default_extractor()
    first = next(iter(available), None)
    if first is not None and default is not None and default.fingerprint != available[first]:
        earlier = f" ({default.fingerprint})" if default.spec == first else ""
        yield True, f"look-alikes come from {default}{earlier} until {first} has embedded nearly all posters"
    for extractor in search.extractors_in_use():
        waits = index_files.must_wait(extractor, default, is_embedding=True)
        if not waits and index_files.is_stale(extractor):
            yield True, f"the index of {extractor} is out of date: a worker will update it"


def genre_model() -> Iterator[Fact]:
    """The active genre model, its file, and which models read the extractor of an earlier version."""
    model = promotion.active_model()
    if model is None:
        yield True, "none is active: train one, or promote one in the admin"
        return
    try:
        model_files.load(model)
    except ModelFileError as error:
        yield False, str(error)
        return
    yield True, f"{model} is active, with {model.extractor}"
    yield from earlier_extractors()
    available, _ = extractors.available(extractors.required_specs())
    if model.extractor.fingerprint not in available.values():
        yield (
            False,
            f"{model.extractor.fingerprint} is not available any more, so new posters get no suggestions: "
            "promote another genre model in the admin",
        )


def earlier_extractors() -> Iterator[Fact]:
    """Genre models that read an earlier version of a configured extractor."""
    available, _ = extractors.available(extractors.configured_specs())
    models = GenreModel.objects.exclude(state=GenreModel.State.RETIRED).filter(extractor__spec__in=available)
    for model in models.exclude(extractor__fingerprint__in=available.values()).select_related("extractor"):
        fact = f"{model} reads an earlier {model.extractor} ({model.extractor.fingerprint})"
        if settings.EXTRACTORS:
            fact += (
                "; nothing replaces it automatically while POSTERSITE_EXTRACTORS is set: "
                "embed posters, then train a model or promote another one"
            )
        yield True, fact


def poster_sources() -> Iterator[Fact]:
    """The rate limits of enabled sources, and their failing hosts."""
    for name in settings.POSTER_SOURCES:
        if name in POSTER_SOURCES:
            rates = sorted(requests_per_second(POSTER_SOURCES[name]).items())
            yield True, f"{name}: at most {', '.join(f'{host} {rate:g}/s' for host, rate in rates)}"
    if not settings.POSTER_SOURCES:
        yield True, "none is enabled"
    yield from ((False, sentence) for sentence in failing_hosts())


def live_runs() -> Iterator[Fact]:
    """The runs in progress."""
    live = list(lifecycle.live_runs())
    for run in live:
        progress = progress_of(run)
        not_done = (
            f"{run.rows_not_taken:,} rows not imported"
            if run.kind == Run.IMPORT
            else f"{run.items_failed:,} failed"
        )
        counts = f"{run.done + run.failed:,} of {run.total:,}, {not_done}"
        yield True, f"{run}: {', '.join(filter(None, [counts, rate(progress.per_second), progress.text]))}"
    if not live:
        yield True, "none"


def disk() -> Iterator[Fact]:
    """The free space for the site's data."""
    free = shutil.disk_usage(settings.VAR_DIR).free
    yield free > SPACE_NEEDED, f"{free / 1024**3:.1f} GB free at {settings.VAR_DIR}"


def system_checks() -> Iterator[Fact]:
    """Messages of the site's system checks."""
    for message in site_messages():
        # `up` configures a source for the sample, which is not set in this shell.
        if message.id == "catalog.W001" and site_setup.has_sample():
            continue
        yield (
            not message.is_serious(checks.ERROR),
            f"{message.id} {message.msg} {message.hint or ''}".rstrip(),
        )


SECTIONS: dict[str, Callable[[], Iterator[Fact]]] = {
    "database": database,
    "broker": broker,
    "workers": workers,
    "catalogue": catalogue,
    "extractors": embeddings,
    "genres": genre_model,
    "sources": poster_sources,
    "live runs": live_runs,
    "disk": disk,
    "checks": system_checks,
}


class Command(BaseCommand):
    help = "Shows the state of database, broker, workers, runs and disk. Exits with 1 if something is wrong."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        wrong = False
        for section, facts in SECTIONS.items():
            try:
                found = list(facts())
            except (DatabaseError, OSError) as error:
                found = [(False, str(error).strip().partition("\n")[0])]
            for is_well, fact in found:
                wrong = wrong or not is_well
                mark = self.style.SUCCESS("ok   ") if is_well else self.style.ERROR("WRONG")
                self.stdout.write(f"{mark} {section:<10} {fact}")
        if wrong:
            raise SystemExit(1)
