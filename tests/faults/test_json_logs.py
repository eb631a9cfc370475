"""A worker and its beat write nothing but JSON, and name the run whose batch failed and its request."""

from __future__ import annotations

import json

import pytest

from tests.faults.sites import Site
from tests.processes.site import wait_until

pytestmark = pytest.mark.process

START = """
from catalog.models import Movie
from catalog.runs import lifecycle
from postersite.logs import log_context
import tests.faults.failing_kind
Movie.objects.create(title="film", tmdb_id=7_000_000)
with log_context(request_id="of the request"):
    print(lifecycle.start("stumble").pk)
"""


def test_every_line_is_json_and_names_task_run_and_request(site: Site) -> None:
    site.settings["POSTERSITE_LOG_FORMAT"] = "json"
    run = int(site.run_python(START))
    with site.worker("io", 1, beat=True, app="tests.faults.failing_kind", quiet=True):
        wait_until(
            lambda: site.value("SELECT state FROM catalog_run WHERE id = ?", run) == "failed", "the run"
        )
    lines = [json.loads(line) for line in (site.var / "worker.log").read_text().splitlines()]
    assert {"time", "level", "logger", "message", "process"} <= set.intersection(*map(set, lines))
    failed = [line for line in lines if line["logger"] == "catalog.runs.leases" and "exception" in line]
    assert failed and {line["run_id"] for line in failed} == {run}
    assert all(line["task_id"] and line["task"] == "tests.stumble" for line in failed)
    # Those of the sweep have none.
    assert "of the request" in {line.get("request_id") for line in failed}
