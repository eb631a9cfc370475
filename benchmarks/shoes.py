"""Precision@5 of shoe categories: raw pixels, Inception-v3, MobileNetV2 and our extractor.

    python -m benchmarks.shoes --data FOLDER --weights FOLDER -o OUT [--limit N] [--seed S]

FOLDER of --data holds shoes/ and shoes.csv (file, category, subcategory). OUT gets shoes.json and the
article's figure for a high heel and a sneaker. Pictures are compared with all others and, because two shops
photograph differently, within each shop too. Near-duplicates (perceptual hashes at most 6 bits apart) are
excluded; the values with them are in parentheses. Inception's weights reach `mixed8`: its vectors are that
layer, averaged, not the top layer that the article used.

Vectors are stored in OUT/cache, 200 pictures at a time, so an interrupted run continues where it stopped.
The figures show retailers' photographs: do not commit OUT.
"""

import argparse
import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.command_line import progress_bar
from ml.evaluation.candidates import search_of
from ml.evaluation.vectors import Folders, vectors_of
from ml.grouping import PosterRelations, group_numbers
from ml.imaging.comparison_figure import lookalike_figure
from ml.labelled_set.listing import LabelledPoster, sample
from ml.labelled_set.pictures import read_pictures
from ml.search.lookalike_metrics import NO_NEIGHBOUR, Search, lookalikes
from ml.stats import bootstrap, ratio, weighted_means

AT = 5
BATCH = 200
LAYER = "Inception-v3's weights reach mixed8; nothing above it is included."
FIGURES = {"high-heel": "myntra_20730.jpg", "sneaker": "myntra_10082.jpg"}
"""Typical examples, chosen by hand: `subcategory` alone does not guarantee that."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Candidate:
    name: str
    extractor: str
    search: Search


CANDIDATES = (
    Candidate("raw pixels", "pixels", Search("exact", "euclidean")),
    Candidate("Inception mixed8, ball tree", "inception_v3:mixed8:avg", Search("ball_tree", "euclidean")),
    Candidate("Inception mixed8, cosine", "inception_v3:mixed8:avg", Search("exact", "cosine")),
    Candidate("MobileNetV2", "mobilenet_v2", Search("exact", "cosine")),
    Candidate("postersite", "postersite", search_of("postersite")),
)
PUBLISHED = CANDIDATES[1].name


@dataclass(frozen=True)
class Shoe:
    picture: LabelledPoster
    shop: str
    category: str
    subcategory: str


def main() -> None:
    options = _options()
    options.output.mkdir(parents=True, exist_ok=True)
    cache = options.output / "cache"
    folders = Folders(options.weights, cache / "extractors", cache, cache)
    shoes = read_shoes(options.data, options.limit, options.seed)
    with progress_bar("reading shoes", len(shoes)) as done:
        pictures = read_pictures([shoe.picture for shoe in shoes], cache, done)
    vectors, failed = embedded(shoes, folders)
    rows = [row for row in range(len(shoes)) if row not in failed and row not in pictures.unreadable]
    left_out = [shoes[row].picture.file for row in range(len(shoes)) if row not in set(rows)]
    shoes = [shoes[row] for row in rows]
    hashes = pictures.hashes[rows]
    vectors = {spec: values[rows] for spec, values in vectors.items()}

    resampling = {"resamples": options.resamples, "seed": options.seed}
    report: dict[str, Any] = {
        "n": len(shoes), "left_out": left_out, "at": AT, "note": LAYER, **resampling, "comparisons": {},
    }  # fmt: skip
    for comparison, chosen, labels in comparisons(shoes):
        report["comparisons"][comparison] = compare(
            hashes[chosen], {spec: each[chosen] for spec, each in vectors.items()}, labels, resampling
        )
    for name, file in FIGURES.items():
        draw(name, file, shoes, hashes, vectors, options.output / f"{name}.png")
    (options.output / "shoes.json").write_text(json.dumps(report, indent=1))
    print(table(report))


def read_shoes(data: Path, limit: int | None, seed: int) -> list[Shoe]:
    """The shoes of shoes.csv whose picture is there, or `limit` of them drawn at random, with those of the
    figures."""
    with (data / "shoes.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    shoes = {}
    for line, row in enumerate(rows, start=2):
        path = data / "shoes" / row["file"]
        if path.is_file() and row["category"]:
            picture = LabelledPoster(line, row["file"], path, (row["category"],))
            shoes[picture] = Shoe(picture, row["file"].split("_")[0], row["category"], row["subcategory"])
    if not shoes:
        raise SystemExit(f"{data} holds no shoes.csv whose pictures are in shoes/.")
    drawn = {*sample(list(shoes), limit, seed), *(each for each in shoes if each.file in FIGURES.values())}
    return [shoe for picture, shoe in shoes.items() if picture in drawn]


def embedded(shoes: Sequence[Shoe], folders: Folders) -> tuple[dict[str, Floats], set[int]]:
    """Vectors by extractor, each (n, dims), and the rows that some extractor could not embed."""
    found, failed = {}, set()
    for spec in dict.fromkeys(candidate.extractor for candidate in CANDIDATES):
        parts = []
        with progress_bar(f"embedding by {spec}", len(shoes)) as done:
            for start in range(0, len(shoes), BATCH):
                chunk = [shoe.picture for shoe in shoes[start : start + BATCH]]
                vectors = vectors_of(spec, chunk, "float16", folders, lambda _: None)
                parts.append(vectors.values)
                failed |= {start + row for row in vectors.failed}
                done(start + len(chunk))
        found[spec] = np.concatenate(parts)
    return found, failed


def comparisons(shoes: Sequence[Shoe]) -> list[tuple[str, list[int], list[str]]]:
    """Each comparison: its name, its shoes as rows, and their labels."""
    found = [("all, category", list(range(len(shoes))), [shoe.category for shoe in shoes])]
    for shop in sorted({shoe.shop for shoe in shoes}):
        rows = [row for row, shoe in enumerate(shoes) if shoe.shop == shop]
        found.append((f"{shop}, category", rows, [shoes[row].category for row in rows]))
        rows = [row for row in rows if shoes[row].subcategory]
        if rows:
            found.append((f"{shop}, subcategory", rows, [shoes[row].subcategory for row in rows]))
    return [each for each in found if len(each[1]) > AT]


def compare(
    hashes: npt.NDArray[np.uint64], vectors: dict[str, Floats], labels: list[str], resampling: dict[str, int]
) -> dict[str, Any]:
    """Precision@5 of every candidate and of chance, with near-duplicates excluded and included."""
    category, none = group_numbers(labels), np.full(len(labels), -1, dtype=np.int64)
    counts = {name: labels.count(name) for name in sorted(set(labels))}
    found: dict[str, Any] = {"n": len(labels), "labels": counts}
    for kind, keep in (("excluded", False), ("included", True)):
        relations = PosterRelations(hashes, none, none, keep_duplicates=keep)
        terms = {"random": random_precision(relations, category)}
        for each in CANDIDATES:
            near = lookalikes(vectors[each.extractor], each.search, relations, AT)
            terms[each.name] = precision(near, category)
        found[kind] = {
            name: {
                "precision": mean_figure(values, resampling),
                "minus_published": mean_figure(values - terms[PUBLISHED], resampling),
            }
            for name, values in terms.items()
        }
    return found


def precision(neighbours: npt.NDArray[np.int64], category: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Each picture's precision, (n,): the share of its neighbours (n, k) that are of its own category."""
    present = neighbours != NO_NEIGHBOUR
    same = present & (category[neighbours] == category[:, None])
    return ratio(same.sum(axis=1), present.sum(axis=1))


def random_precision(relations: PosterRelations, category: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """The precision that neighbours drawn at random from those allowed would have, (n,)."""
    allowed = [~relations.excluded(row) for row in range(len(relations))]
    same = [(category[rows] == category[row]).sum() for row, rows in enumerate(allowed)]
    return ratio(same, [rows.sum() for rows in allowed])


def mean_figure(values: npt.NDArray[np.float64], resampling: dict[str, int]) -> dict[str, Any]:
    """The mean over pictures with its 95% interval."""
    found: dict[str, Any] = bootstrap(
        lambda weights: {"mean": weighted_means(weights, values)}, len(values), **resampling
    )
    return found["mean"]


def draw(
    name: str,
    file: str,
    shoes: Sequence[Shoe],
    hashes: npt.NDArray[np.uint64],
    vectors: dict[str, Floats],
    out: Path,
) -> None:
    """The article's figure: one shoe and its five nearest by every candidate, near-duplicates excluded."""
    query = next((row for row, shoe in enumerate(shoes) if shoe.picture.file == file), None)
    if query is None:
        print(f"{file} is not among the shoes: no figure of a {name}.")
        return
    none = np.full(len(shoes), -1, dtype=np.int64)
    relations = PosterRelations(hashes, none, none)
    lines = {}
    for each in CANDIDATES:
        values = vectors[each.extractor]
        near = lookalikes(values, each.search, relations, AT)[query]
        lines[each.name] = [
            (
                shoes[row].picture.path,
                _distance(values[query], values[row], each.search),
                shoes[row].subcategory or shoes[row].category,
            )
            for row in near
            if row >= 0
        ]
    shown = shoes[query]
    lookalike_figure(
        shown.picture.path,
        lines,
        out,
        title=f"A {name.replace('-', ' ')}",
        query_caption=shown.subcategory or shown.category,
    )


def table(report: dict[str, Any]) -> str:
    """Precision@5 as Markdown, near-duplicates excluded; in parentheses with them."""
    parts = report["comparisons"]
    lines = [f"Precision@5, {report['n']} shoes. {LAYER}", ""]
    lines.append("| | " + " | ".join(f"{name} ({part['n']})" for name, part in parts.items()) + " |")
    lines.append("|---" * (1 + len(parts)) + "|")
    for name in ("random", *(each.name for each in CANDIDATES)):
        cells = []
        for part in parts.values():
            excluded, included = (part[kind][name]["precision"] for kind in ("excluded", "included"))
            interval = f"[{excluded['low']:.3f}, {excluded['high']:.3f}]"
            cells.append(f"{excluded['value']:.3f} {interval} ({included['value']:.3f})")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _distance(one: Floats, other: Floats, search: Search) -> float:
    a, b = one.astype(np.float64), other.astype(np.float64)
    if search.metric == "cosine":
        return float(1 - a @ b / (np.linalg.norm(a) * np.linalg.norm(b) or 1.0))
    return float(np.linalg.norm(a - b))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Same-category precision@5 on photographs of shoes.")
    parser.add_argument("--data", type=Path, required=True, help="folder with shoes/ and shoes.csv")
    parser.add_argument("--weights", type=Path, required=True, help="folder of ConvNet weights")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--limit", type=int, help="shoes to use, drawn at random")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resamples", type=int, default=1000)
    return parser.parse_args()


if __name__ == "__main__":
    main()
