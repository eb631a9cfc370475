"""The command behind `python -m ml.evaluation` and `manage.py evaluate`: options and exit codes."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ml.command_line import BAD_INPUT, DONE, FAILED, print_error, progress_bar
from ml.evaluation.candidates import ACTIVE, candidate
from ml.evaluation.errors import EvaluationError
from ml.evaluation.evaluate import evaluate
from ml.evaluation.genre_models import GenreModel
from ml.evaluation.options import Options
from ml.evaluation.report import prepare_folder, summary, write_report
from ml.evaluation.vectors import Folders
from ml.genres.evidence.films import parse_evidence
from ml.labelled_set.listing import LabelledSetError
from ml.versions import versions

INTERRUPTED = 130


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options that both commands have. Folders without a default are set by the caller."""
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
    parser.add_argument(
        "--evidence",
        type=_evidence,
        default="all",
        metavar="PARTS",
        help="predict genres by poster, by poster,title,year or by all that is known (the default)",
    )
    parser.add_argument("--limit", type=_count, metavar="N", help="posters to use, drawn at random")
    parser.add_argument("--seed", type=_seed, default=0, metavar="S", help="default: %(default)s")
    parser.add_argument("--resamples", type=_count, default=1000, metavar="N", help="default: %(default)s")
    parser.add_argument(
        "--extractor", metavar="SPEC", help="of a model whose manifest does not name it, or of a recipe"
    )
    parser.add_argument("--keep-duplicates", action="store_true", help="near-duplicates may be look-alikes")
    parser.add_argument(
        "--duplicates", type=_count, default=0, metavar="N", help="also search altered copies of N posters"
    )
    parser.add_argument("--models", type=Path, metavar="DIR", help="genre models")
    parser.add_argument("--weights", type=Path, metavar="DIR", help="weight files of extractors")
    parser.add_argument("--exports", type=Path, metavar="DIR", help="exported extractors")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="cached vectors")


def run(
    options: argparse.Namespace,
    folders: Folders,
    command: Sequence[str],
    active: Callable[[], GenreModel | None] | None = None,
) -> str:
    """Evaluate as the options say and write the report. Returns the summary line.

    active gives the active genre model of a site, or None if it has none.

    Raises EvaluationError or LabelledSetError if it is not possible.
    """
    prepare_folder(options.output)
    candidates = [
        candidate(name, folders, active=active, extractor=options.extractor, fitting=options.fit is not None)
        for name in filter(None, (options.model, options.against))
    ]
    evaluated = Options(
        listing=options.posters,
        images=options.images,
        limit=options.limit,
        seed=options.seed,
        fit=options.fit,
        keep_duplicates=options.keep_duplicates,
        resamples=options.resamples,
        duplicates=options.duplicates,
        evidence=options.evidence,
    )
    report = evaluate(evaluated, candidates, folders, progress_bar)
    report |= {"command": shlex.join(command), "versions": versions()}
    write_report(report, options.output)
    return summary(report, options.output)


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m ml.evaluation`; returns the exit code: 0 done, 2 not possible, 130 interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m ml.evaluation",
        description="Measure an extractor and a genre model on labelled posters, without a site.",
    )
    add_options(parser)
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = parser.parse_args(given)
    var = Path(os.environ.get("POSTERSITE_VAR") or "var")
    weights = options.weights or Path(os.environ.get("POSTERSITE_WEIGHTS") or var / "weights")
    folders = Folders(
        weights=weights,
        exports=options.exports or var / "extractors",
        models=options.models or var / "models",
        cache=options.cache or var / "evaluation",
    )
    try:
        line = run(options, folders, ["python", "-m", "ml.evaluation", *given])
    except (EvaluationError, LabelledSetError) as error:
        return print_error(str(error), BAD_INPUT)
    except MemoryError:
        return print_error("Memory ran out. Use --limit, or a smaller extractor.", FAILED)
    except KeyboardInterrupt:
        return print_error("Interrupted. Finished vectors are cached for the next time.", INTERRUPTED)
    sys.stdout.write(line + "\n")
    return DONE


def _evidence(text: str) -> tuple[str, ...]:
    try:
        return parse_evidence(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


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
