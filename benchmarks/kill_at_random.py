"""Kill processes of a site at random while runs of several kinds go on, and check afterwards that all fits.

    python -m benchmarks.kill_at_random --var FOLDER [--kills 20] [--seed 0] [--port 9340]

FOLDER is a *copy* of a site's var folder, of this version or an earlier one, or does not exist: then a site
with the invented sample catalogue is made there first. Its content is changed. `manage.py up` serves it on
loopback.
Before each blow a few runs are started: deleted vectors are made again, another genre model is promoted, a
model is trained, suggestions are accepted and batches undone, titles are imported, duplicates are searched.
SIGKILL then hits a worker with its children, a single child, the broker, beat, the web server, or `up`.

At the end all runs must come to an end, and no counter, decision, index or file may be wrong. Exit status 1
and a line for each thing that is.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.contrib.auth.models import User

ROOT = Path(__file__).resolve().parent.parent
LONGEST_GAP_S = 5.0
END_WITHIN_S = 900.0
MOST_LIVE_OF_A_KIND = 2
# `up` gives up on a program that ends five times within a minute.
BLOWS_A_MINUTE = 3
TARGETS = ("worker-io", "worker-ml", "a child", "broker", "beat", "web", "up")


def main() -> None:
    options = _options()
    var: Path = options.var.resolve()
    os.environ |= {
        "POSTERSITE_VAR": str(var),
        "DATABASE_URL": f"sqlite:///{var / 'db.sqlite3'}",
        "REDIS_URL": "",
        "DJANGO_SETTINGS_MODULE": "postersite.settings",
    }
    sys.path.insert(0, str(ROOT))
    draw = random.Random(options.seed)
    if not (var / "db.sqlite3").exists():
        make_sample = [sys.executable, "manage.py", "up", "--once", "--port", str(options.port)]
        subprocess.run(make_sample, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    site = Site(var, options.port)
    site.start()
    import django

    django.setup()
    killed, started = Counter[str](), Counter[str]()
    try:
        blows: list[tuple[float, str]] = []
        while len(blows) < options.kills:
            started.update(start_runs(draw))
            time.sleep(draw.uniform(0.2, LONGEST_GAP_S))
            recent = Counter(name for moment, name in blows if moment > time.monotonic() - 60)
            target = draw.choice([name for name in TARGETS if recent[name] < BLOWS_A_MINUTE])
            if site.kill(target, draw):
                blows.append((time.monotonic(), target))
                killed[target] += 1
        print(f"killed: {_counted(killed)}\nstarted: {_counted(started)}", flush=True)
        began = time.monotonic()
        wrong = list(never_ended())
        print(f"all runs over {time.monotonic() - began:.0f} s after the last blow", flush=True)
        wrong += what_is_wrong()
    finally:
        site.stop()
    check = subprocess.run([sys.executable, "manage.py", "check_catalogue", "--deep"], cwd=ROOT, check=False)
    if check.returncode:
        wrong.append("check_catalogue --deep found something")
    print("\n".join(wrong) or "Everything fits.")
    sys.exit(bool(wrong))


class Site:
    """`manage.py up` on a folder, started again when it was killed."""

    def __init__(self, var: Path, port: int) -> None:
        self.var, self.port = var, port
        self.up: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.var.parent.mkdir(parents=True, exist_ok=True)
        with self.var.with_suffix(".up.log").open("ab") as log:
            self.up = subprocess.Popen(
                [sys.executable, "manage.py", "up", "--port", str(self.port)],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + 300
        while not {"web", "beat", "worker-ml"} <= self.programs().keys():
            assert self.up.poll() is None and time.monotonic() < deadline, "the site does not start"
            time.sleep(0.2)

    def programs(self) -> dict[str, int]:
        """Process ids of what runs now, by name."""
        try:
            noted = json.loads((self.var / "run" / "up.json").read_text())
        except (OSError, ValueError):
            return {}
        running = self.up is not None and noted["pid"] == self.up.pid
        return {name: pid for name, (pid, _) in noted["children"].items()} if running else {}

    def kill(self, target: str, draw: random.Random) -> bool:
        """SIGKILL; False when the target does not run just now."""
        assert self.up is not None
        assert self.up.poll() is None, "`up` has given up"
        if target == "up":
            self.up.kill()
            self.up.wait()
            self.start()
            return True
        if target == "a child":
            workers = [pid for name, pid in self.programs().items() if name.startswith("worker")]
            children = [child for pid in workers for child in children_of(pid)]
            hit = [draw.choice(children)] if children else []
        else:
            pid = self.programs().get(target)
            hit = [] if pid is None else [pid, *children_of(pid)]
        for pid in hit:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return bool(hit)

    def stop(self) -> None:
        if self.up is not None and self.up.poll() is None:
            self.up.terminate()
            self.up.wait(60)


def children_of(pid: int) -> list[int]:
    """Child processes, of all threads of the process (Linux)."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*"):
        with suppress(OSError):
            found += map(int, task.joinpath("children").read_text().split())
    return found


def start_runs(draw: random.Random) -> Iterator[str]:
    """Start a few runs, unless enough of their kind are live; yields what was started."""
    from catalog.runs import lifecycle

    starters = {
        embed: "embed",
        promote: "label",
        train: "train",
        accept: "decide",
        undo_batch: "revert",
        import_titles: "undo",
        undo_import: "undo",
        compare: "duplicates",
    }
    for starter in draw.sample(list(starters), 4):
        live = lifecycle.live_runs().filter(kind=starters[starter]).count()
        if live < MOST_LIVE_OF_A_KIND and starter(draw):
            yield starter.__name__


def embed(draw: random.Random) -> bool:
    from catalog.models import Embedding
    from catalog.runs import lifecycle

    every = draw.randrange(20, 40)
    gone = [pk for pk in Embedding.objects.order_by().values_list("pk", flat=True) if pk % every == 0]
    for start in range(0, len(gone), 500):
        Embedding.objects.filter(pk__in=gone[start : start + 500]).delete()
    return lifecycle.start("embed", followed_by=["label"]).is_live


def promote(draw: random.Random) -> bool:
    from catalog.genres import promotion
    from catalog.models import GenreModel

    models = list(GenreModel.objects.exclude(state=GenreModel.State.ACTIVE))
    return bool(models) and draw.random() < 1 / 3 and promotion.promote(draw.choice(models)) is not None


def train(draw: random.Random) -> bool:
    from catalog.runs import lifecycle

    return draw.random() < 1 / 3 and lifecycle.start("train").is_live


def accept(draw: random.Random) -> bool:
    from catalog.genres import decision_batches
    from catalog.genres.selection import Selection
    from catalog.models import Suggestion

    waiting = Suggestion.objects.filter(state=Suggestion.State.PENDING).order_by()
    genres = sorted(set(waiting.values_list("genre", flat=True)))
    if not genres:
        return False
    with suppress(decision_batches.BatchError):
        decision_batches.start(Selection(genre=draw.choice(genres)), _reviewer())
        return True
    return False


def undo_batch(draw: random.Random) -> bool:
    from catalog.genres import decision_batches
    from catalog.models import DecisionBatch

    batches = list(DecisionBatch.objects.all())
    if not batches:
        return False
    with suppress(decision_batches.BatchError):
        decision_batches.start_undo(draw.choice(batches), _reviewer())
        return True
    return False


def import_titles(draw: random.Random) -> bool:
    from catalog.titles import importing
    from catalog.titles.formats.records import TitleRecord

    number = draw.randrange(10**6)
    rows = [TitleRecord(f"Killed {number} {n}", 1990, local_id=f"k{number}-{n}") for n in range(500)]
    importing.import_titles(iter(rows), "kill_at_random")
    return True


def undo_import(draw: random.Random) -> bool:
    from catalog.models import Run
    from catalog.titles import undo

    imports = list(Run.objects.filter(kind=Run.IMPORT, params__source="kill_at_random"))
    if not imports:
        return False
    with suppress(undo.UndoError):
        chosen = draw.choice(imports)
        undo.start_preview(chosen)
        undo.start(chosen)
        return True
    return False


def compare(draw: random.Random) -> bool:
    from catalog.models import Embedding
    from catalog.runs import lifecycle

    if draw.random() < 1 / 2 or not Embedding.objects.exists():
        return False
    return lifecycle.start("duplicates").is_live


def never_ended() -> Iterator[str]:
    """Wait for the end of all runs; a sentence for each that is still live."""
    from catalog.runs import lifecycle

    deadline = time.monotonic() + END_WITHIN_S
    embedded = False
    while time.monotonic() < deadline:
        if not lifecycle.live_runs().exists():
            if embedded:
                return
            # What the last runs left out because others were to see to it.
            embedded = True
            lifecycle.start("embed", followed_by=["label"])
        time.sleep(1)
    for run in lifecycle.live_runs():
        yield f"{run} never ended: {run.done} and {run.failed} of {run.total}"


def what_is_wrong() -> Iterator[str]:
    """A sentence for each counter, decision, suggestion or index that is not as it should be."""
    from django.db import connection
    from django.db.models import Count, Q

    from catalog.append_only_triggers import missing_triggers
    from catalog.embeddings import index_files
    from catalog.genres import suggestions
    from catalog.models import GenreModel, ReviewDecision, Run, RunItem, Suggestion
    from catalog.runs import chunks, kinds, leases
    from catalog.similarity import search

    state = RunItem.State
    of_many = Run.objects.filter(kind__in=[kind.name for kind in kinds.all_kinds() if kind.select]).annotate(
        items_done=Count("items", filter=Q(items__state=state.DONE)),
        items_not=Count("items", filter=Q(items__state=state.FAILED)),
    )
    for run in of_many:
        if (run.done, run.failed) != (run.items_done, run.items_not):
            yield f"{run} counted {run.done} and {run.failed}, its items {run.items_done} and {run.items_not}"
    # An item that was hit three times is given up, as it should be.
    for item in RunItem.objects.filter(state=state.FAILED).exclude(error=leases.ABANDONED)[:20]:
        yield f"{item} of {item.run} failed: {item.error}"
    for item in RunItem.objects.filter(state__in=chunks.OPEN).select_related("run")[:5]:
        yield f"{item} of {item.run} is {item.state}"
    standing = ReviewDecision.objects.filter(verdict="accepted", reversal=None).order_by()
    twice = standing.values("suggestion").annotate(times=Count("pk")).filter(times__gt=1).count()
    if twice:
        yield f"{twice} suggestions have two decisions that stand"
    accepted = Suggestion.objects.filter(state=Suggestion.State.ACCEPTED).count()
    if accepted != standing.values("suggestion").distinct().count():
        yield f"{accepted} suggestions are accepted, by {standing.count()} decisions"
    model = GenreModel.objects.filter(state=GenreModel.State.ACTIVE).first()
    if model is not None:
        left = suggestions.readable(suggestions.candidates(model.pk), model.pk)
        of_others = Suggestion.objects.filter(state=Suggestion.State.PENDING, movie__in=left).exclude(
            model=model
        )
        if of_others.exists():
            yield f"{of_others.count()} suggestions of other models than {model} are pending"
    for extractor in search.extractors_in_use():
        if index_files.is_stale(extractor):
            yield f"the index of {extractor} is out of date"
    for name in missing_triggers(connection):
        yield f"trigger {name} is missing"


def _reviewer() -> User:
    from django.contrib.auth import get_user_model

    return get_user_model().objects.get_or_create(username="kill-at-random", is_staff=True)[0]


def _counted(names: Counter[str]) -> str:
    return ", ".join(f"{name} {times}" for name, times in names.most_common())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--var", type=Path, required=True, help="a copy of a site's var folder, or a new one")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--port", type=int, default=9340)
    return parser.parse_args()


if __name__ == "__main__":
    main()
