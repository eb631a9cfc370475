"""SIGKILL in the middle of training: the next training finishes the run and deletes the leftovers."""

from __future__ import annotations

import pytest

from tests.faults.sites import Site

pytestmark = pytest.mark.process

# `die` is killed when the training has its folder.
TRAIN = """
import signal, threading
from catalog.models import Run
from catalog.runs import lifecycle, local_worker
from tests.factories import EmbeddingFactory, ExtractorFactory, MovieFactory, PosterFactory
work_folders = pathlib.Path(os.environ["POSTERSITE_VAR"]) / "work"
def start():
    extractor = ExtractorFactory(dims=4)
    for number in range(60):
        poster = PosterFactory(movie=MovieFactory(genres=[("Drama", "Comedy")[number % 2]]))
        EmbeddingFactory(poster=poster, extractor=extractor, values=[number % 2, 1, number / 60, 0])
    lifecycle.start("train", params={"config": {"resamples": 20}}, queue=False)
def train():
    print(local_worker.process_run(Run.objects.get()).state)
def die():
    def kill():
        while not any(work_folders.glob("training-*/config.json")):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)
    threading.Thread(target=kill, daemon=True).start()
    train()
assert in_processes(start) == [0]
assert in_processes(die) == [-signal.SIGKILL]
[left] = work_folders.glob("training-*")
assert in_processes(train) == [0]
assert not left.exists() and not any(work_folders.glob("training-*"))
"""


def test_nothing_is_left_of_the_killed_training(site: Site) -> None:
    temporary = site.var / "tmp"
    temporary.mkdir()
    site.settings["TMPDIR"] = str(temporary)
    assert site.run_python(TRAIN) == "done"
    assert not any(temporary.iterdir())
