"""The shoe check: same-category precision@5 of raw pixels, Inception-v3, MobileNetV2 and our own extractor.

    python -m benchmarks.shoes --data FOLDER --weights FOLDER -o OUT [--limit N] [--seed S]

FOLDER of --data holds shoes/ and shoes.csv (file, category, subcategory). OUT gets shoes.json and the
article's figure for a high heel and a sneaker. Pictures are compared with all others and, because two shops
photograph differently, within each shop too. Near-duplicates (perceptual hashes at most 6 bits apart) are
excluded; beside each figure is the one that includes them. Inception's weights reach `mixed8`: its name here
stands for that layer, averaged, and not for the top that the article used.

Vectors are kept in --cache, 200 pictures at a time, so an interrupted run goes on where it stopped. The
figures show retailers' photographs: keep OUT out of the repository.
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
TOGETHER = 200
LAYER = "Inception-v3's weights reach mixed8; nothing above it is included."
FIGURES = {"high-heel": "myntra_20730.jpg", "sneaker": "myntra_10082.jpg"}
"""What the article asks for: each looks its part, which `subcategory` alone does not promise."""

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
    cache = options.cache or options.output / "cache"
    folders = Folders(options.weights, options.exports or cache / "extractors", cache, cache)
    shoes = read_shoes(options.data, options.limit, options.seed)
    with progress_bar("reading shoes", len(shoes)) as done:
        pictures = read_pictures([shoe.picture for shoe in shoes], cache, done)
    vectors, failed = embedded(shoes, folders)
    rows = [row for row in range(len(shoes)) if row not in failed and row not in pictures.unreadable]
    left_out = [shoes[row].picture.file for row in range(len(shoes)) if row not in set(rows)]
    shoes = [shoes[row] for row in rows]
    hashes = pictures.hashes[rows]
    vectors = {spec: values[rows] for spec, values in vectors.items()}

    again = {"resamples": options.resamples, "seed": options.seed}
    report: dict[str, Any] = {
        "n": len(shoes), "left_out": left_out, "at": AT, "note": LAYER, **again, "questions": {},
    }  # fmt: skip
    for question, chosen, labels in questions(shoes):
        report["questions"][question] = ask(
            hashes[chosen], {spec: each[chosen] for spec, each in vectors.items()}, labels, again
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
    """Vectors by extractor, each (n, dims), and the rows that some extractor could not see."""
    found, failed = {}, set()
    for spec in dict.fromkeys(candidate.extractor for candidate in CANDIDATES):
        parts = []
        with progress_bar(f"embedding by {spec}", len(shoes)) as done:
            for start in range(0, len(shoes), TOGETHER):
                chunk = [shoe.picture for shoe in shoes[start : start + TOGETHER]]
                vectors = vectors_of(spec, chunk, "float16", folders, lambda _: None)
                parts.append(vectors.values)
                failed |= {start + row for row in vectors.failed}
                done(start + len(chunk))
        found[spec] = np.concatenate(parts)
    return found, failed


def questions(shoes: Sequence[Shoe]) -> list[tuple[str, list[int], list[str]]]:
    """What is asked: a name, the shoes it is asked of, and their labels."""
    asked = [("all, category", list(range(len(shoes))), [shoe.category for shoe in shoes])]
    for shop in sorted({shoe.shop for shoe in shoes}):
        rows = [row for row, shoe in enumerate(shoes) if shoe.shop == shop]
        asked.append((f"{shop}, category", rows, [shoes[row].category for row in rows]))
        rows = [row for row in rows if shoes[row].subcategory]
        if rows:
            asked.append((f"{shop}, subcategory", rows, [shoes[row].subcategory for row in rows]))
    return [each for each in asked if len(each[1]) > AT]


def ask(
    hashes: npt.NDArray[np.uint64], vectors: dict[str, Floats], labels: list[str], again: dict[str, int]
) -> dict[str, Any]:
    """Precision@5 of every candidate with near-duplicates excluded and without, and of chance."""
    category, nobody = group_numbers(labels), np.full(len(labels), -1, dtype=np.int64)
    counts = {name: labels.count(name) for name in sorted(set(labels))}
    found: dict[str, Any] = {"n": len(labels), "labels": counts}
    for name, keep in (("excluded", False), ("kept", True)):
        relations = PosterRelations(hashes, nobody, nobody, keep_duplicates=keep)
        terms = {"random": random_precision(relations, category)}
        for each in CANDIDATES:
            near = lookalikes(vectors[each.extractor], each.search, relations, AT)
            terms[each.name] = precision(near, category)
        found[name] = {
            who: {
                "precision": mean_figure(mine, again),
                "minus_published": mean_figure(mine - terms[PUBLISHED], again),
            }
            for who, mine in terms.items()
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


def mean_figure(values: npt.NDArray[np.float64], again: dict[str, int]) -> dict[str, Any]:
    """The mean over pictures with its 95% interval."""
    found: dict[str, Any] = bootstrap(
        lambda weights: {"mean": weighted_means(weights, values)}, len(values), **again
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
    nobody = np.full(len(shoes), -1, dtype=np.int64)
    relations = PosterRelations(hashes, nobody, nobody)
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
    asked = shoes[query]
    lookalike_figure(
        asked.picture.path,
        lines,
        out,
        title=f"A {name.replace('-', ' ')}",
        query_caption=asked.subcategory or asked.category,
    )


def table(report: dict[str, Any]) -> str:
    """Precision@5 as Markdown: excluded, then in parentheses with near-duplicates kept."""
    asked = report["questions"]
    lines = [f"Precision@5, {report['n']} shoes. {LAYER}", ""]
    lines.append("| | " + " | ".join(f"{name} ({part['n']})" for name, part in asked.items()) + " |")
    lines.append("|---" * (1 + len(asked)) + "|")
    for who in ("random", *(each.name for each in CANDIDATES)):
        cells = []
        for part in asked.values():
            excluded, kept = (part[kind][who]["precision"] for kind in ("excluded", "kept"))
            interval = f"[{excluded['low']:.3f}, {excluded['high']:.3f}]"
            cells.append(f"{excluded['value']:.3f} {interval} ({kept['value']:.3f})")
        lines.append(f"| {who} | " + " | ".join(cells) + " |")
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
    parser.add_argument("--cache", type=Path, help="vectors kept between runs; default: OUT/cache")
    parser.add_argument("--exports", type=Path, help="exported extractors; default: in the cache")
    return parser.parse_args()


if __name__ == "__main__":
    main()
