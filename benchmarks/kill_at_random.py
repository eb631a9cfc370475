"""Kill processes of a site at random during runs of several kinds, then check that its data is consistent.

    python -m benchmarks.kill_at_random --var FOLDER [--kills 20] [--seed 0]

FOLDER is a copy of a site's var folder, of this version or an earlier one; if it does not exist, a site with
the sample catalogue is made there first. Its content changes. `manage.py up` serves it on loopback. Before
each kill a few runs are started: deleted vectors are computed again, another genre model is promoted, a model
is trained, suggestions are accepted and batches undone, titles are imported, duplicates are searched. SIGKILL
then hits a worker with its children, a single child, the broker, beat, the web server, or `up`.

At the end all runs must finish, and every counter, decision, index and file must be right. Prints a line for
each error; exits with status 1 if there is one.
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

from benchmarks._scratch_site import MANAGE, children_of, environment, free_port, superuser

LONGEST_GAP_S = 5.0
END_WITHIN_S = 900.0
MOST_LIVE_OF_A_KIND = 2
# `up` stops when a program ends five times within a minute.
KILLS_A_MINUTE = 3
TARGETS = ("worker-io", "worker-ml", "a child", "broker", "beat", "web", "up")


def main() -> None:
    options = _options()
    var: Path = options.var.resolve()
    os.environ |= environment(var, DATABASE_URL=f"sqlite:///{var / 'db.sqlite3'}", REDIS_URL="")
    draw = random.Random(options.seed)
    if not (var / "db.sqlite3").exists():
        make_sample = [*MANAGE, "up", "--once", "--port", str(free_port())]
        subprocess.run(make_sample, stdout=subprocess.DEVNULL, check=True)
    site = Site(var, free_port())
    site.start()
    import django

    django.setup()
    killed, started = Counter[str](), Counter[str]()
    try:
        kills: list[tuple[float, str]] = []
        while len(kills) < options.kills:
            started.update(start_runs(draw))
            time.sleep(draw.uniform(0.2, LONGEST_GAP_S))
            recent = Counter(name for moment, name in kills if moment > time.monotonic() - 60)
            target = draw.choice([name for name in TARGETS if recent[name] < KILLS_A_MINUTE])
            if site.kill(target, draw):
                kills.append((time.monotonic(), target))
                killed[target] += 1
        print(f"killed: {_counted(killed)}\nstarted: {_counted(started)}", flush=True)
        began = time.monotonic()
        wrong = list(unfinished_runs())
        print(f"all runs finished {time.monotonic() - began:.0f} s after the last kill", flush=True)
        wrong += inconsistencies()
    finally:
        site.stop()
    check = subprocess.run([*MANAGE, "check_catalogue", "--deep"], check=False)
    if check.returncode:
        wrong.append("check_catalogue --deep found a problem")
    print("\n".join(wrong) or "No error.")
    sys.exit(bool(wrong))


class Site:
    """`manage.py up` on a folder; it is started again when it was killed."""

    def __init__(self, var: Path, port: int) -> None:
        self.var, self.port = var, port
        self.up: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.var.parent.mkdir(parents=True, exist_ok=True)
        with self.var.with_suffix(".up.log").open("ab") as log:
            self.up = subprocess.Popen(
                [*MANAGE, "up", "--port", str(self.port)],
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
        """Process ids of the running programs, by name."""
        try:
            record = json.loads((self.var / "run" / "up.json").read_text())
        except (OSError, ValueError):
            return {}
        running = self.up is not None and record["pid"] == self.up.pid
        return {name: pid for name, (pid, _) in record["children"].items()} if running else {}

    def kill(self, target: str, draw: random.Random) -> bool:
        """Send SIGKILL; False when the target is not running."""
        assert self.up is not None
        assert self.up.poll() is None, "`up` has stopped"
        if target == "up":
            self.up.kill()
            self.up.wait()
            self.start()
            return True
        if target == "a child":
            workers = [pid for name, pid in self.programs().items() if name.startswith("worker")]
            children = [child for pid in workers for child in children_of(pid)]
            pids = [draw.choice(children)] if children else []
        else:
            pid = self.programs().get(target)
            pids = [] if pid is None else [pid, *children_of(pid)]
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return bool(pids)

    def stop(self) -> None:
        if self.up is not None and self.up.poll() is None:
            self.up.terminate()
            self.up.wait(60)


def start_runs(draw: random.Random) -> Iterator[str]:
    """Start a few runs, unless enough of their kind are live; yield what was started."""
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
    from catalog.genres.review import Selection
    from catalog.models import Suggestion

    waiting = Suggestion.objects.filter(state=Suggestion.State.PENDING).order_by()
    genres = sorted(set(waiting.values_list("genre", flat=True)))
    if not genres:
        return False
    with suppress(decision_batches.BatchError):
        decision_batches.start(Selection(genre=draw.choice(genres)), superuser())
        return True
    return False


def undo_batch(draw: random.Random) -> bool:
    from catalog.genres import decision_batches
    from catalog.models import DecisionBatch

    batches = list(DecisionBatch.objects.all())
    if not batches:
        return False
    with suppress(decision_batches.BatchError):
        decision_batches.start_undo(draw.choice(batches), superuser())
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


def unfinished_runs() -> Iterator[str]:
    """Wait for all runs to finish; an error for each that does not."""
    from catalog.runs import lifecycle

    deadline = time.monotonic() + END_WITHIN_S
    embedded = False
    while time.monotonic() < deadline:
        if not lifecycle.live_runs().exists():
            if embedded:
                return
            # Embeds what the last runs left to others.
            embedded = True
            lifecycle.start("embed", followed_by=["label"])
        time.sleep(1)
    for run in lifecycle.live_runs():
        yield f"{run} did not finish: {run.done} and {run.failed} of {run.total}"


def inconsistencies() -> Iterator[str]:
    """An error for each counter, decision, suggestion or index that is wrong."""
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
    # An item that was interrupted three times fails, as intended.
    for item in RunItem.objects.filter(state=state.FAILED).exclude(error=leases.ABANDONED)[:20]:
        yield f"{item} of {item.run} failed: {item.error}"
    for item in RunItem.objects.filter(state__in=chunks.OPEN).select_related("run")[:5]:
        yield f"{item} of {item.run} is {item.state}"
    valid = ReviewDecision.objects.filter(verdict="accepted", reversal=None).order_by()
    twice = valid.values("suggestion").annotate(times=Count("pk")).filter(times__gt=1).count()
    if twice:
        yield f"{twice} suggestions have two valid decisions"
    accepted = Suggestion.objects.filter(state=Suggestion.State.ACCEPTED).count()
    if accepted != valid.values("suggestion").distinct().count():
        yield f"{accepted} suggestions are accepted, by {valid.count()} decisions"
    model = GenreModel.objects.filter(state=GenreModel.State.ACTIVE).first()
    if model is not None:
        left = suggestions.scorable(suggestions.candidates(model), model)
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


def _counted(names: Counter[str]) -> str:
    return ", ".join(f"{name} {times}" for name, times in names.most_common())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--var", type=Path, required=True, help="a copy of a site's var folder, or a new one")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
