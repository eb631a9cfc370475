"""Train the bundled genre model over all evidence: `python -m ml.extractor_training.evidence`.

It needs the listing and folder of an extractor's training, because posters that the extractor learned from
must not choose thresholds, and those of the test part must not be used at all.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ml.command_line import BAD_INPUT, DONE, print_error, progress_bar
from ml.csv_files.files import SourceError
from ml.csv_files.rows import Row, read_rows
from ml.extractors.errors import ExtractorFailed
from ml.extractors.registry import UnknownExtractor
from ml.extractors.runtime import load_extractor
from ml.extractors.weights import WeightsUnavailable
from ml.files import write_json
from ml.genres.evidence.films import Films
from ml.genres.evidence.model_file import save_model
from ml.genres.evidence.training import EvidenceData, train_evidence
from ml.genres.recipes import EvidenceConfig
from ml.genres.training_set import TrainingDataError
from ml.labelled_set.array_cache import cached, listing_digest
from ml.labelled_set.listing import LabelledPoster, LabelledSetError, label_table, read_labelled_set
from ml.labelled_set.pictures import read_pictures

from .bundle import GENRES
from .errors import TrainingError
from .splits import TEST, TRAIN, group_posters, stored_split

FACTS = "evidence.json"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write genres.npz, genres.json and evidence.json (the figures) to the output folder; returns the exit
    code."""
    parser = argparse.ArgumentParser(
        prog="python -m ml.extractor_training.evidence",
        description="Train the genre model that is bundled with an extractor, over all evidence.",
    )
    parser.add_argument("--posters", type=Path, required=True, metavar="CSV", help="as of the training")
    parser.add_argument("--images", type=Path, required=True, metavar="DIR", help="folder of the files")
    parser.add_argument(
        "--texts", type=Path, required=True, metavar="CSV", help="imdb_id, overview and, if any, keywords"
    )
    parser.add_argument(
        "--work", type=Path, required=True, metavar="WORK", help="folder of the extractor's training"
    )
    parser.add_argument("--extractor", default="postersite", metavar="SPEC", help="default: the bundled one")
    parser.add_argument(
        "--calibrate-on",
        default="",
        metavar="BEGINNING",
        help="choose thresholds on files whose names begin so (the others have other genre frequencies)",
    )
    parser.add_argument(
        "--learned-from",
        default="",
        metavar="BEGINNING",
        help="files of the train part that the extractor learned from, by the beginning of their names",
    )
    parser.add_argument("--resamples", type=int, default=1000, metavar="N")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT")
    options = parser.parse_args(arguments)
    try:
        options.output.mkdir(parents=True, exist_ok=True)
        data = read_data(
            options.posters, options.images, options.texts, options.work, options.extractor,
            options.calibrate_on, options.learned_from,
        )  # fmt: skip
        trained = train_evidence(data, EvidenceConfig(resamples=options.resamples))
        sha256 = save_model(trained.model, options.output / GENRES)
        write_json(options.output / FACTS, trained.metrics | {"weights_sha256": sha256})
    except (
        ExtractorFailed, LabelledSetError, SourceError, TrainingDataError, TrainingError, UnknownExtractor,
        WeightsUnavailable,
    ) as error:  # fmt: skip
        return print_error(str(error), BAD_INPUT)
    except OSError as error:
        return print_error(f"{error.filename}: {error.strerror}.", BAD_INPUT)
    for name, figures in trained.metrics["combinations"].items():
        print(f"{name}: macro F1 {figures['macro_f1_suggest']['value']:.3f}, n {figures['n']}")  # noqa: T201
    return DONE


def read_data(
    listing: Path,
    images: Path,
    texts: Path,
    work: Path,
    extractor: str,
    calibrate_on: str = "",
    learned_from: str = "",
) -> EvidenceData:
    """The train and validation part of a listing, its vectors and its texts.

    Raises LabelledSetError, SourceError, TrainingError, TrainingDataError, and what `load_extractor` raises.
    """
    found = read_labelled_set(listing, images)
    with progress_bar("Reading posters", len(found.posters)) as show:
        pictures = read_pictures(found.posters, work, show)
    readable = [row for row in range(len(found.posters)) if row not in pictures.unreadable]
    posters = [found.posters[row] for row in readable]
    groups = group_posters(posters, pictures.subset(readable).hashes).groups
    genres, labels = label_table(posters)
    parts = np.array(stored_split(work, posters, groups, labels).names(len(posters)))
    kept = np.flatnonzero(parts != TEST)
    posters = [posters[row] for row in kept.tolist()]
    known = _texts(texts, {poster.movie.removeprefix("imdb_id ") for poster in posters})
    overviews, keywords = (
        [known.get(poster.movie.removeprefix("imdb_id "), ("", ""))[column] for poster in posters]
        for column in range(2)
    )
    vectors, fingerprint = _vectors(posters, extractor, work)
    return EvidenceData(
        Films(
            vectors,
            np.arange(len(posters)),
            [poster.title for poster in posters],
            np.array([poster.year or 0 for poster in posters], dtype=np.int64),
            overviews,
        ),
        labels[kept],
        groups[kept],
        genres,
        fingerprint,
        keywords,
        train_only=np.array([not poster.file.startswith(calibrate_on) for poster in posters]),
        seen=(parts[kept] == TRAIN) & np.array([poster.file.startswith(learned_from) for poster in posters]),
    )


def _texts(path: Path, wanted: set[str]) -> dict[str, tuple[str, str]]:
    """Overview and keywords by IMDb id, of the wanted ones."""
    found: dict[str, tuple[str, str]] = {}
    for row in read_rows(path, [{"imdb_id"}, {"overview"}], known=("keywords",)):
        if isinstance(row, Row) and row.cell("imdb_id") in wanted:
            found[row.cell("imdb_id")] = row.cell("overview"), row.cell("keywords").replace("|", "\n")
    return found


def _vectors(
    posters: Sequence[LabelledPoster], spec: str, cache: Path
) -> tuple[npt.NDArray[np.float32], str]:
    """Vectors (n, d) as a site stores them, and the extractor's fingerprint."""
    extractor = load_extractor(spec, weights_dir=None, cache_dir=cache)
    path = cache / f"vectors-{listing_digest(posters, extractor.fingerprint)[:16]}.npz"
    shape = (len(posters), extractor.dims)

    def compute() -> dict[str, npt.NDArray[np.float16]]:
        vectors = np.zeros(shape, dtype=np.float16)
        with progress_bar("Embedding", len(posters)) as show:
            for row, vector in extractor.embed_files([poster.path for poster in posters]):
                vectors[row] = vector
                show(row + 1)
        return {"vectors": vectors}

    vectors = cached(path, {"vectors": shape}, compute)["vectors"]
    return vectors.astype(np.float32), extractor.fingerprint


if __name__ == "__main__":
    sys.exit(main())
