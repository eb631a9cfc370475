"""The command behind `python -m ml.evaluation` and `manage.py evaluate`: options, progress bars, one line."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from ml.evaluation.candidates import ACTIVE, contender
from ml.evaluation.errors import EvaluationError
from ml.evaluation.evaluate import Question, evaluate
from ml.evaluation.heads import Teller
from ml.evaluation.report import prepare_folder, summary, versions, write_report
from ml.evaluation.vectors import Places

DONE, FAILED, BAD_INPUT, STOPPED = 0, 1, 2, 130


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options that both commands have; folders without a default are the caller's to fill in."""
    parser.add_argument(
        "--posters", type=Path, required=True, metavar="CSV", help="columns file, genres, ..."
    )
    parser.add_argument("--images", type=Path, required=True, metavar="DIR", help="folder of the files")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="DIR", help="folder of the report"
    )
    parser.add_argument("--model", default=ACTIVE, metavar="NAME", help="default: %(default)s")
    parser.add_argument("--against", metavar="NAME", help="another, measured on the same posters")
    parser.add_argument(
        "--fit", type=_share, metavar="SHARE", help="train recipes on this share, measure the rest"
    )
    parser.add_argument("--limit", type=_count, metavar="N", help="posters to use, drawn at random")
    parser.add_argument("--seed", type=_seed, default=0, metavar="S", help="default: %(default)s")
    parser.add_argument("--resamples", type=_count, default=1000, metavar="N", help="default: %(default)s")
    parser.add_argument(
        "--extractor", metavar="SPEC", help="of a model whose manifest can't tell, or a recipe"
    )
    parser.add_argument("--keep-duplicates", action="store_true", help="near-duplicates may be look-alikes")
    parser.add_argument(
        "--duplicates", type=_count, default=0, metavar="N", help="look for altered copies of N posters too"
    )
    parser.add_argument("--models", type=Path, metavar="DIR", help="genre models")
    parser.add_argument("--weights", type=Path, metavar="DIR", help="weight files of extractors")
    parser.add_argument("--exports", type=Path, metavar="DIR", help="exported extractors")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="vectors kept between evaluations")


def run(
    options: argparse.Namespace,
    places: Places,
    command: Sequence[str],
    active: Callable[[], Teller | None] | None = None,
) -> str:
    """Evaluate as the options say and write the report; gives the summary line.

    active finds the genre model a site has in use, or None if it has none.

    Raises EvaluationError if it can't be made.
    """
    prepare_folder(options.output)
    names = [options.model, *([options.against] if options.against else [])]
    contenders = [
        contender(name, places, active=active, extractor=options.extractor, fitting=options.fit is not None)
        for name in names
    ]
    question = Question(
        listing=options.posters,
        images=options.images,
        limit=options.limit,
        seed=options.seed,
        fit=options.fit,
        keep_duplicates=options.keep_duplicates,
        resamples=options.resamples,
        duplicates=options.duplicates,
    )
    report = evaluate(question, contenders, places, bar)
    report |= {"command": shlex.join(command), "versions": versions()}
    write_report(report, options.output)
    return summary(report, options.output)


@contextmanager
def bar(what: str, total: int) -> Iterator[Callable[[int], object]]:
    """A progress bar on stderr; in a log file it writes little more than its last line."""
    with tqdm(
        total=total or None,
        desc=what,
        unit="",
        file=sys.stderr,
        mininterval=0.3 if sys.stderr.isatty() else 30,
        bar_format="{desc:<32} {bar:24} {n_fmt}/{total_fmt} {rate_fmt}" if total else "{desc} {elapsed}",
    ) as shown:
        yield lambda done: shown.update(done - shown.n)


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m ml.evaluation`; returns the exit code: 0 done, 2 it can't be made, 130 interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m ml.evaluation",
        description="Measure an extractor and a genre model on labelled posters, without a site.",
    )
    add_options(parser)
    told = list(sys.argv[1:] if arguments is None else arguments)
    options = parser.parse_args(told)
    var = Path(os.environ.get("POSTERSITE_VAR") or "var")
    weights = options.weights or Path(os.environ.get("POSTERSITE_WEIGHTS") or var / "weights")
    places = Places(
        weights=weights,
        exports=options.exports or var / "extractors",
        models=options.models or var / "models",
        cache=options.cache or var / "evaluation",
    )
    try:
        line = run(options, places, ["python", "-m", "ml.evaluation", *told])
    except EvaluationError as error:
        sys.stderr.write(" ".join(str(error).split()) + "\n")
        return BAD_INPUT
    except MemoryError:
        sys.stderr.write("Memory ran out: use --limit, or a smaller extractor.\n")
        return FAILED
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted; vectors that were finished are kept for the next time.\n")
        return STOPPED
    sys.stdout.write(line + "\n")
    return DONE


def _count(text: str) -> int:
    return _whole(text, 1, 100_000_000)


def _seed(text: str) -> int:
    return _whole(text, 0, 2**32 - 1)


def _whole(text: str, low: int, high: int) -> int:
    if not (text.isascii() and text.isdigit() and low <= int(text[:12]) <= high):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {low} to {high}")
    return int(text)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share between 0 and 1")
    return share
