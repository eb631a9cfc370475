"""The check as a run: it reports what it found, and repairs it if the site is set to."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.storage import default_storage

from catalog.integrity import checking
from catalog.integrity.consistency import CONSISTENT, Kind
from catalog.models import Run
from catalog.posters.primary import store_poster
from catalog.runs import leases, lifecycle
from tests.factories import MovieFactory, tiny_jpeg

pytestmark = pytest.mark.django_db


def checked() -> Run:
    run = checking.start_check()
    assert run is not None
    leases.process_batch(run.pk, checking.check_item)
    lifecycle.settle(run.pk)
    run.refresh_from_db()
    assert run.state == Run.State.DONE
    return run


def test_a_consistent_catalogue() -> None:
    assert checked().message == CONSISTENT


def test_findings_are_listed_on_the_run() -> None:
    poster = store_poster(MovieFactory(), tiny_jpeg(1, (600, 900)), source="upload")
    default_storage.delete(str(poster.thumbnail))
    run = checked()
    assert f"1 {Kind.SMALLER}" in run.message
    assert run.params["findings"][0].endswith(".jpg cannot be read: No such file or directory")
    assert not default_storage.exists(str(poster.thumbnail))


def test_findings_are_mended_if_the_site_is_set_to(settings: Any) -> None:
    settings.CHECK_MENDS = True
    poster = store_poster(MovieFactory(), tiny_jpeg(1, (600, 900)), source="upload")
    lost = store_poster(MovieFactory(), tiny_jpeg(2, (600, 900)), source="tmdb_page")
    default_storage.delete(str(poster.thumbnail))
    default_storage.delete(str(lost.file))
    checked()
    assert default_storage.exists(str(poster.thumbnail))
    fetching = Run.objects.get(kind="scrape")
    assert [item.movie for item in fetching.items.all()] == [lost.movie]
