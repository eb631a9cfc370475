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
from ml.extractors.errors import ExtractorFailed
from ml.extractors.registry import UnknownExtractor
from ml.extractors.runtime import load_extractor
from ml.extractors.weights import WeightsUnavailable
from ml.files import write_json
from ml.genres.evidence.model_file import save_model
from ml.genres.evidence.training import EvidenceData, train_evidence
from ml.genres.recipes import EvidenceConfig
from ml.genres.training_set import TrainingDataError
from ml.labelled_set.array_cache import cached, listing_digest
from ml.labelled_set.listing import LabelledPoster, LabelledSetError

from .bundle import GENRES
from .errors import TrainingError
from .posters import Sources, read_posters

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
        "--more", type=Path, nargs=2, metavar=("CSV", "DIR"), help="further posters, as of the training"
    )
    parser.add_argument(
        "--texts", type=Path, required=True, metavar="CSV", help="imdb_id, overview and, if any, keywords"
    )
    parser.add_argument(
        "--work", type=Path, required=True, metavar="WORK", help="folder of the extractor's training"
    )
    parser.add_argument("--extractor", default="postersite", metavar="SPEC", help="default: the bundled one")
    parser.add_argument("--resamples", type=int, default=1000, metavar="N")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT")
    options = parser.parse_args(arguments)
    try:
        options.output.mkdir(parents=True, exist_ok=True)
        more = (options.more[0], options.more[1]) if options.more else None
        sources = Sources(options.posters, options.images, more, options.texts)
        data = read_data(sources, options.work, options.extractor)
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


def read_data(sources: Sources, work: Path, extractor: str) -> EvidenceData:
    """What is known of all films that are not in the test part, with the vectors of their posters.

    Raises LabelledSetError, SourceError, TrainingError, TrainingDataError, and what `load_extractor` raises.
    """
    posters = read_posters(sources, work, None, progress_bar)
    rows = posters.split.not_test
    vectors, fingerprint = _vectors([posters.posters[row] for row in rows.tolist()], extractor, work)
    return posters.evidence(rows, vectors, fingerprint)


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
