"""SIGKILL in the middle of training: the next training finishes the run and deletes the leftovers."""

from __future__ import annotations

import pytest

from tests.faults.sites import Site
from tests.processes.site import wait_until

pytestmark = pytest.mark.process

START = """
from catalog.runs import lifecycle
from tests.factories import EmbeddingFactory, ExtractorFactory, MovieFactory, PosterFactory
extractor = ExtractorFactory(dims=4)
for number in range(60):
    poster = PosterFactory(movie=MovieFactory(genres=[("Drama", "Comedy")[number % 2]]))
    EmbeddingFactory(poster=poster, extractor=extractor, values=[number % 2, 1, number / 60, 0])
lifecycle.start("train", params={"config": {"resamples": 20}}, queue=False)
"""
WORK = """
from catalog.models import Run
from catalog.runs import local_worker
print(local_worker.process_run(Run.objects.get()).state)
"""


def test_nothing_is_left_of_the_killed_training(site: Site) -> None:
    temporary = site.var / "tmp"
    temporary.mkdir()
    site.settings["TMPDIR"] = str(temporary)
    killed = site.start_python(START + WORK)
    wait_until(lambda: any(site.var.glob("work/training-*/config.json")), "the training's folder")
    killed.kill()
    killed.wait()
    [left] = site.var.glob("work/training-*")

    assert site.run_python(WORK) == "done"
    assert not left.exists() and not any(site.var.glob("work/training-*"))
    assert not any(temporary.iterdir())
