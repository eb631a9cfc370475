"""Upgrade the site that POSTERSITE_VAR names, export it, open all pages, finish its runs, and print JSON.

    python -m tests.upgrades.open_site FOLDER_OF_THE_EXPORT

The test starts this in a process of its own, because a test process already has another database.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import suppress

import django
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from django.urls import NoReverseMatch, reverse


def main() -> None:
    django.setup()
    call_command("setup", stdout=sys.stderr)
    call_command("export_catalogue", sys.argv[1], stdout=sys.stderr)
    settings.ALLOWED_HOSTS = ["testserver"]
    found = {"pages": pages(), "runs": finish_live_runs(), "not_found": not_found()}
    found["reviewer_may"] = permissions_of("reviewer")
    json.dump(found, sys.stdout)


def pages() -> dict[str, int]:
    """The status of every page and picture, by path, as an administrator sees it."""
    from django.contrib.auth import get_user_model

    client = Client(raise_request_exception=False)
    client.force_login(get_user_model().objects.get(username="admin"))
    return {path: client.get(path, follow=True).status_code for path in paths()}


def permissions_of(username: str) -> list[str]:
    from django.contrib.auth import get_user_model

    return sorted(get_user_model().objects.get(username=username).get_all_permissions())


def not_found() -> list[str]:
    """Movies that search does not find by their titles."""
    from catalog import search
    from catalog.models import Movie

    return [
        str(movie)
        for movie in Movie.objects.all()
        if movie not in search.find(movie.title, verbatim=True).movies
    ]


def paths() -> Iterator[str]:
    from django.apps import apps
    from django.contrib.admin.sites import site

    from catalog.models import Movie, Poster, Run

    yield from ("/", "/?q=a", "/compare/", "/runs/", "/api/movies", "/api/openapi.json", "/admin/")
    for movie in Movie.objects.all():
        yield f"/movie/{movie.pk}/"
        yield f"/api/movies/{movie.pk}"
    for run in Run.objects.all():
        yield f"/runs/{run.pk}/"
    for poster in Poster.objects.all():
        yield reverse("catalog:media", args=[poster.thumbnail.name])
    for model in apps.get_models():
        if not site.is_registered(model):
            continue
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        yield reverse(f"{name}_changelist")
        for key in model._default_manager.values_list("pk", flat=True)[:3]:
            with suppress(NoReverseMatch):  # the review queue and the duplicates have a page of their own
                yield reverse(f"{name}_change", args=[key])


def finish_live_runs() -> dict[int, str]:
    """The state in which each live run ends when it is worked off here."""
    from catalog.runs import lifecycle, local_worker

    return {run.pk: local_worker.process_run(run).state for run in lifecycle.live_runs()}


if __name__ == "__main__":
    main()
