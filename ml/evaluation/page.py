"""The report as one self-contained page: tables and figures, light and dark, no script, nothing fetched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ml.evaluation import plots as drawing
from ml.evaluation.duplicates_part import duplicates_part
from ml.evaluation.plots import Mark
from ml.evaluation.tables import escaped, interval, number, signed, table

Report = Mapping[str, Any]

NOTES_SHOWN = 200
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"

_STYLE = Path(__file__).with_name("report.css").read_text(encoding="utf-8")

_GENRE_ROWS = (
    ("macro_f1_suggest", "Macro F1, <i>suggest</i>", "predict_everything_macro_f1"),
    ("micro_f1_suggest", "Micro F1, <i>suggest</i>", "predict_everything_micro_f1"),
    ("samples_f1_suggest", "F1 a poster, <i>suggest</i>", ""),
    ("map", "Mean average precision", ""),
    ("macro_auc", "Macro AUC", ""),
    ("ece", "Calibration error (ECE)", ""),
    ("coverage_suggest", "Posters that get a suggestion", ""),
    ("sure_precision", "Micro precision, <i>sure</i>", ""),
    ("sure_recall", "Micro recall, <i>sure</i>", ""),
    ("sure_coverage", "Posters with a sure genre", ""),
)
_LOOKALIKE_ROWS = (
    ("share_at_5", "Share@5", "share_at_5_random"),
    ("share_at_5_lift", "Share@5, lift over random", ""),
    ("ndcg_at_10", "nDCG@10", "ndcg_at_10_random"),
    ("franchise_recall_at_5", "Franchise recall@5", "franchise_recall_at_5_random"),
    ("never_recommended", "Never recommended", ""),
    ("worst_hub", "Worst hub", ""),
    ("bytes_per_poster", "Bytes a poster", ""),
)
SLICE_NAMES = {
    "greyscale": "Greyscale",
    "old": "Old",
    "text_only": "Text only",
    "non_english": "Not English",
}


def figures_of(report: Report) -> dict[str, str]:
    """The SVG elements of a report by file name; empty without genre figures."""
    curves, genres = report["genre_curves"], report["genres"]
    if curves is None:
        return {}
    line = curves["precision_recall"]
    marks = [
        Mark(point["recall"], point["precision"], name)
        for name, point in curves["operating_points"].items()
        if point["precision"] is not None and point["recall"] is not None
    ]
    bins, kept = curves["reliability"], curves["abstention"]
    by_genre = curves["precision_recall_per_genre"]
    panels = [
        (
            row["genre"],
            _pairs(by_genre[row["genre"]]["recall"], by_genre[row["genre"]]["precision"]),
            row["prevalence"],
        )
        for row in genres["per_genre"]
    ]
    return {
        "genre-f1": drawing.genre_bars(
            "F1 of each genre beside predicting it for everybody", genres["per_genre"]
        ),
        "precision-recall": drawing.curve(
            "Precision and recall over all genres",
            "recall",
            "precision",
            _pairs(line["recall"], line["precision"]),
            marks=marks,
        ),
        "reliability": drawing.curve(
            "Reliability: how often a score is right",
            "score",
            "share that is right",
            [(each["score"], each["frequency"]) for each in bins],
            guide=[(0, 0), (1, 1)],
            columns=[(each["from"] + 1 / 30, each["pairs"]) for each in bins],
        ),
        "abstention": drawing.curve(
            "Abstention: precision as fewer posters get a genre",
            "coverage (posters that still get a genre)",
            "micro precision",
            _pairs(kept["coverage"], kept["precision"]),
        ),
        "precision-recall-by-genre": drawing.small_curves("Precision and recall of each genre", panels),
    }


def page(report: Report, figures: Mapping[str, str]) -> str:
    """The whole page. Every text that came from outside (files, genres, reasons) is escaped."""
    model, posters = report["model"], report["posters"]
    against = report["against"]
    title = f"{model['name']} on {report['n']:,} posters"
    parts = [
        f"<h1>{escaped(model['name'])}</h1>",
        f'<p class="lead">{report["n"]:,} posters of {escaped(posters["csv"])}, '
        f"{len(posters['genres'])} genres{_against(against)}. Brackets hold 95% intervals.</p>",
        f'<p class="quiet">{escaped(model["note"])}</p>' if model["note"] else "",
        "<h2>Genres</h2>",
        *_genres(report, figures),
        "<h2>Look-alikes</h2>",
        *_lookalikes(report),
        *_differences(report),
        *duplicates_part(report),
        "<h2>Slices</h2>",
        *_slices(report["slices"]),
        "<h2>What was measured</h2>",
        *_provenance(report),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>{escaped(title)}</title><style>{_STYLE}{drawing.STYLE}</style></head>"
        f"<body>{''.join(parts)}</body></html>\n"
    )


def _genres(report: Report, figures: Mapping[str, str]) -> Iterable[str]:
    genres = report["genres"]
    if genres is None:
        yield f"<p>{escaped(report['genres_reason'])}</p>"
        return
    yield table(
        ("figure", "value", "predicting everything"),
        [
            (label, interval(name, genres[name]), interval(name, genres.get(beside)) if beside else "")
            for name, label, beside in _GENRE_ROWS
        ],
    )
    reason = genres["sure_precision"].get("reason")
    if reason:
        yield f'<p class="quiet">Sure: {escaped(reason)}</p>'
    yield (
        f'<p class="quiet">{genres["genres_a_poster"]:.2f} genres suggested a poster; '
        f"{genres['true_genres_a_poster']:.2f} true.</p>"
    )
    for what, names in (
        ("The model does not know, so never predicts", genres["unknown_to_the_model"]),
        ("The set does not have, so left out", genres["absent_from_the_set"]),
    ):
        if names:
            yield f'<p class="quiet">{what}: {escaped(", ".join(names))}.</p>'
    yield _figure(
        figures, "genre-f1", "Bars: F1 with its interval. Ticks: predicting the genre for every poster."
    )
    yield table(
        ("genre", "frequency", "F1", "everybody", "precision", "recall", "AP", "AUC", "evidence"),
        [_genre_row(row) for row in genres["per_genre"]],
        "Evidence: the interval of the gain over predicting the genre for everybody lies clearly above zero.",
    )
    yield '<div class="figures">'
    yield _figure(figures, "precision-recall", "All genres pooled, as the cut falls.")
    yield _figure(
        figures, "reliability", "On the dashed line scores are probabilities. Grey: how many pairs."
    )
    yield _figure(figures, "abstention", "One cut for all genres, rising from right to left.")
    yield "</div>"
    yield _figure(
        figures, "precision-recall-by-genre", "Precision (up) and recall (right). Dashed: frequency."
    )


def _genre_row(row: Mapping[str, Any]) -> tuple[str, ...]:
    evidence = '<span class="good">yes</span>' if row["evidence"] else '<span class="bad">no</span>'
    rest = [row["precision"], row["recall"], row["average_precision"], row["auc"]["value"]]
    return (
        escaped(row["genre"]),
        f"{row['prevalence']:.3f}",
        interval("f1", row["f1"]),
        f"{row['f1_predict_everything']:.3f}",
        *("–" if value is None else f"{value:.3f}" for value in rest),
        evidence if row["known"] else "unknown",
    )


def _lookalikes(report: Report) -> Iterable[str]:
    found = report["lookalikes"]
    yield table(
        ("figure", "value", "at random"),
        [
            (label, interval(name, found[name]), interval(name, found.get(beside)) if beside else "")
            for name, label, beside in _LOOKALIKE_ROWS
        ],
    )
    counts, near = found["counts"], report["posters"]["near_duplicates"]
    yield (
        f'<p class="quiet">Franchise recall asks {counts["franchise_queries"]:,} posters of '
        f"{counts['franchise_series']:,} series. The worst hub is {escaped(counts['worst_hub_file'])}. "
        f"Posters with a near-duplicate ({near['bits']} bits): {near['posters']:,}, "
        f"{near['as_lookalikes']} as look-alikes.</p>"
    )


def _differences(report: Report) -> Iterable[str]:
    apart, against = report["differences"], report["against"]
    if apart is None:
        return
    yield f"<h2>Compared with {escaped(apart['minus'])}</h2>"
    rows = []
    for part, listed in (("genres", _GENRE_ROWS), ("lookalikes", _LOOKALIKE_ROWS)):
        if apart[part] is None:
            continue
        rows += [
            (
                label,
                number(name, report[part][name]),
                number(name, against[part][name]),
                signed(name, apart[part][name]),
            )
            for name, label, _ in listed
            if name in apart[part]
        ]
    yield table(
        ("figure", escaped(report["model"]["name"]), escaped(apart["minus"]), "difference"),
        rows,
        "Paired: both on the same posters and the same resamples.",
    )
    if apart["genres"] is None:
        yield f'<p class="quiet">No genre figures to compare: {escaped(apart["genres_reason"])}</p>'


def _slices(slices: Mapping[str, Any]) -> Iterable[str]:
    for name, part in slices.items():
        yield f"<h3>{escaped(SLICE_NAMES.get(name, name))}: {part['n']:,} posters</h3>"
        yield f'<p class="quiet">{escaped(part["what"])}.</p>'
        if "reason" in part:
            yield f"<p>{escaped(part['reason'])}</p>"
            continue
        rows = [
            (label, interval(key, part[side][key]))
            for side, listed in (("genres", _GENRE_ROWS), ("lookalikes", _LOOKALIKE_ROWS))
            if side in part
            for key, label, _ in listed
            if key in part[side]
        ]
        yield table(("figure", "value"), rows)


def _provenance(report: Report) -> Iterable[str]:
    posters, model = report["posters"], report["model"]
    rows = [
        ("CSV, sha256", posters["csv_sha256"]),
        ("rows", f"{posters['rows']:,}; {report['n']:,} measured; {len(posters['left_out']):,} left out"),
        ("extractor", f"{model['extractor']}, {model['dims']:,} numbers as {model['stored_as']}"),
        ("fingerprint", model["extractor_fingerprint"]),
        ("neighbours", model["neighbours"]),
        ("seed, resamples", f"{report['seed']}, {report['resamples']:,}"),
        ("command", report["command"]),
        ("versions", ", ".join(f"{name} {version}" for name, version in report["versions"].items())),
    ]
    if posters["ignored_columns"]:
        rows.append(("columns not used", ", ".join(posters["ignored_columns"])))
    if report["split"]:
        split = report["split"]
        told = (
            f"{len(split['train_lines']):,} to train on, {len(split['test_lines']):,} measured; grouped by "
        )
        rows.append(("split", told + split["grouped_by"]))
    yield table(
        ("what", "value"),
        [(escaped(what), f"<code>{escaped(value)}</code>") for what, value in rows],
        text=True,
    )
    for what, notes in (("Rows left out", posters["left_out"]), ("Remarks", posters["remarks"])):
        if not notes:
            continue
        shown = [
            (str(note["line"]), escaped(note["file"]), escaped(note["reason"]))
            for note in notes[:NOTES_SHOWN]
        ]
        more = (
            f"<p>… and {len(notes) - NOTES_SHOWN:,} more in report.json.</p>"
            if len(notes) > NOTES_SHOWN
            else ""
        )
        listed = table(("line", "file", "reason"), shown, text=True)
        yield f"<details><summary>{what}: {len(notes):,}</summary>{listed}{more}</details>"


def _figure(figures: Mapping[str, str], name: str, caption: str) -> str:
    return f"<figure>{figures[name]}<figcaption>{caption}</figcaption></figure>"


def _against(against: Report | None) -> str:
    return f", compared with {escaped(against['model']['name'])}" if against else ""


def _pairs(xs: Sequence[float], ys: Sequence[float]) -> list[tuple[float, float]]:
    return list(zip(xs, ys, strict=True))
