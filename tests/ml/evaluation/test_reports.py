"""The whole command, without a site: report.json's keys, the page, the summary, errors, exit codes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ml.evaluation.command import main
from tests.ml.evaluation.made_models import save_evidence_model, save_model
from tests.ml.imaging.drawings import drawing, encoded
from tests.ml.labelled_set.made_sets import add_texts, labelled_posters, write_csv

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
GENRE_KEYS = {
    "macro_f1_suggest", "micro_f1_suggest", "samples_f1_suggest", "map", "macro_auc", "ece",
    "coverage_suggest", "sure_precision", "sure_recall", "sure_coverage", "predict_everything_macro_f1",
    "predict_everything_micro_f1", "macro_f1_gain",
}  # fmt: skip
LOOKALIKE_KEYS = {
    "share_at_5", "share_at_5_random", "share_at_5_lift", "ndcg_at_10", "ndcg_at_10_random",
    "franchise_recall_at_5", "franchise_recall_at_5_random", "series_recall_at_5",
    "series_recall_at_5_random", "never_recommended", "worst_hub", "bytes_per_poster",
}  # fmt: skip
ZERO = {"value": 0, "low": 0, "high": 0}
LIMITED = ("--limit=25", "--against=active")


def test_a_genre_model_has_every_key_as_value_and_interval(evaluate):
    found = evaluate().report
    assert found["n"] == 40
    assert found["genres"].keys() >= GENRE_KEYS | {"per_genre"}
    figures = [found["genres"][key] for key in GENRE_KEYS]
    figures += [found["lookalikes"][key] for key in LOOKALIKE_KEYS]
    for figure in figures:
        assert set(figure) == {"value", "low", "high"}
        assert figure["low"] <= figure["value"] <= figure["high"]
    assert found["lookalikes"]["bytes_per_poster"]["value"] == 2 * 8 * 12 * 3
    assert found["lookalikes"]["counts"]["franchise_queries"] == 6
    assert found["model"]["extractor"] == "pixels:8x12"
    assert found["model"]["genre_model"]["thresholds"]["Western"] == {"suggest": 0.5, "sure": None}
    assert found["seed"] == 0
    assert "--resamples=30" in found["command"]
    assert found["versions"].keys() >= {"python", "numpy"}
    assert found["duplicates"] is None and "<h2>Duplicates</h2>" not in evaluate().page


def test_the_summary_is_one_line(evaluate):
    printed = evaluate().printed
    assert printed.count("\n") == 1
    assert printed.startswith("active on 40 posters: macro F1 ")


def test_two_extractors_are_compared_by_look_alikes_and_duplicates_only(evaluate):
    evaluated = evaluate("--model=pixels", "--against=histograms", "--duplicates=5")
    found = evaluated.report
    assert found["genres"] is None and found["genre_curves"] is None
    assert found["genres_reason"]
    assert found["differences"]["genres"] is None and found["differences"]["genres_reason"]
    mine, theirs = found["lookalikes"], found["against"]["lookalikes"]
    assert mine["share_at_5_random"] == theirs["share_at_5_random"]
    difference = found["differences"]["lookalikes"]["share_at_5"]["value"]
    assert difference == pytest.approx(mine["share_at_5"]["value"] - theirs["share_at_5"]["value"])
    recall = found["duplicates"]
    assert (recall["n"], recall["among"]) == (5, 40)
    assert found["against"]["duplicates"]["alterations"].keys() == recall["alterations"].keys()
    assert found["differences"]["duplicates"]["everyday"]["both"]["value"] is not None
    assert "<h2>Duplicates</h2>" in evaluated.page


def test_a_model_does_not_differ_from_itself(evaluate):
    found = evaluate(*LIMITED, "--seed=7").report
    for part in ("genres", "lookalikes"):
        assert found["differences"][part]
        assert all(figure == ZERO for figure in found["differences"][part].values())
        assert found["against"][part] == found[part]
    assert set(found["differences"]["ratios"]) == {"franchise_recall_at_5", "series_recall_at_5"}


def test_slices_are_measured_where_there_are_enough_posters(evaluate):
    slices = evaluate().report["slices"]
    # Years run from 1950, one a poster: twenty are before 1970.
    assert slices["old"]["n"] == 20
    assert slices["old"]["genres"]["macro_f1_suggest"]["value"] is not None
    assert slices["old"]["lookalikes"]["share_at_5"]["value"] is not None
    for name in ("greyscale", "text_only", "non_english"):
        assert slices[name]["n"] == 0 and slices[name]["reason"]


@pytest.fixture(scope="module")
def with_texts(arguments, tmp_path_factory):
    """Options: a set whose posters have titles, years and overviews, and a model over all evidence."""
    folder = tmp_path_factory.mktemp("texts")
    listing, images = labelled_posters(folder, count=40)
    add_texts(listing)
    return (f"--posters={listing}", f"--images={images}", f"--model={save_evidence_model(folder)}")


def test_poster_only_stands_beside_all_evidence(evaluate, with_texts):
    evaluated = evaluate(*with_texts, "--against=active")
    found = evaluated.report
    evidence, gains = found["genres"]["evidence"], found["genres"]["evidence_gains"]
    assert [evidence[name]["n"] for name in ("poster", "poster_title_year", "all")] == [40, 40, 32]
    for name in ("macro_f1_suggest", "map", "ece", "corrections", "unchanged"):
        assert set(evidence["all"][name]) == {"value", "low", "high"}
    assert gains["all"]["n"] == 32 and gains["all"]["difference"]["corrections"]["value"] is not None
    assert found["model"]["genre_model"]["evidence"] == ["poster", "title", "year", "overview"]
    assert found["posters"]["ignored_columns"] == []
    # The other is over posters only.
    other = found["against"]["genres"]["evidence"]
    assert other["poster"]["n"] == 40 and other["all"]["map"]["reason"]
    assert found["differences"]["evidence"]["all"]["n"] == 32
    assert "poster, title, year" in evaluated.printed and "32 films with an overview" in evaluated.printed
    assert "Poster only, and with all evidence" in evaluated.page and "Genres by evidence" in evaluated.page
    fifties = found["slices"]["1950s"]
    assert fifties["n"] == fifties["evidence"]["poster"]["n"] == 10
    assert fifties["evidence"]["all"]["map"]["reason"].startswith("Fewer than")
    assert found["slices"]["old"]["evidence_gains"]["all"]["n"] == 16


def test_the_figures_by_another_evidence_can_be_chosen(evaluate, with_texts):
    alone = evaluate(*with_texts, "--evidence=poster").report
    together = evaluate(*with_texts, "--against=active").report
    assert alone["model"]["genre_model"]["evidence"] == ["poster"]
    assert alone["genres"]["evidence"] == together["genres"]["evidence"]
    for figures, name in ((alone, "poster"), (together, "all")):
        same = figures["genres"]["map"] == figures["genres"]["evidence"][name]["map"]
        assert same == (name == "poster")  # `all` covers the films with an overview only
    assert alone["genres"]["map"] != together["genres"]["map"]


def test_untrusted_text_is_escaped_and_bad_rows_are_reported(tmp_path, arguments):
    (tmp_path / "images").mkdir()
    rows = []
    for number in range(12):
        name = f"<script>alert({number})<!--.jpg"
        (tmp_path / "images" / name).write_bytes(encoded(drawing(number)))
        rows.append({"file": name, "genres": "<b>$Bold_</b>|Drama" if number % 2 else "Drama", "<i>": "x"})
    (tmp_path / "images" / "broken.jpg").write_bytes(b"nothing")
    rows += [{"file": name, "genres": "Drama", "<i>": ""} for name in ("<img src=x>", "broken.jpg", "../x")]
    listing = write_csv(tmp_path / "posters.csv", rows)
    model = save_model(tmp_path / "models", genres=("<b>$Bold_</b>", "Drama", '"><script>'))
    more = [f"--posters={listing}", f"--images={tmp_path / 'images'}", f"--output={tmp_path / 'report'}"]
    assert main([*arguments, *more, f"--model={model}"]) == 0

    page = (tmp_path / "report" / "index.html").read_text()
    assert "&lt;b&gt;$Bold_&lt;/b&gt;" in page and "&lt;img src=x&gt;" in page
    for banned in ("<script", "<b>", "<link", 'http-equiv="refresh', "url(", "onload", 'src="http'):
        assert banned not in page.lower(), banned
    assert page.count("<img ") == page.count('<img src="data:image/svg+xml;base64,') == 5
    figures = tmp_path / "report" / "figures"
    for name in ("abstention", "genre-f1", "precision-recall", "precision-recall-by-genre", "reliability"):
        ElementTree.parse(figures / f"{name}.svg")  # noqa: S314  our own file, and that it parses is the test
    assert "&lt;b&gt;$Bold_&lt;/b&gt;" in (figures / "genre-f1.svg").read_text()
    for line in (14, 15, 16):  # below twelve good rows and the header
        assert f"<td>{line}</td>" in page


def test_a_report_replaces_an_earlier_one_and_leaves_other_files(tmp_path, arguments, evaluate):
    out = tmp_path / "report"
    shutil.copytree(evaluate().folder, out)
    assert list((out / "figures").iterdir())
    (out / "mine.txt").write_text("stays")
    assert main([*arguments, f"--output={out}", "--model=pixels"]) == 0
    assert not list((out / "figures").iterdir())
    assert {path.name for path in out.iterdir()} == {"figures", "index.html", "mine.txt", "report.json"}


def test_the_same_seed_gives_the_same_report(evaluate):
    one, other = (evaluate(*LIMITED, f"--seed={seed}").report for seed in ("7", "07"))
    assert one["n"] == 25
    assert one | {"command": ""} == other | {"command": ""}


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (["--model=recipe-genres"], "--fit"),
        (["--model=nobody"], "'nobody'"),
        (["--model=models"], "'models'"),
        (["--model=pixels", "--posters=none.csv"], "none.csv"),
        (["--model=pixels", "--images=none"], "none"),
        (["--model=pixels", "--output=/dev/null/report"], "/dev/null/report"),
        (["--model=pixels", "--limit=1"], "too few"),
    ],
)
def test_what_is_not_possible_is_one_line_and_exit_code_2(arguments, capsys, more, why):
    assert main([*arguments, *more]) == 2
    assert why in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    "wrong", ["--fit=1", "--fit=x", "--limit=0", "--seed=-1", "--resamples=many", "--evidence=x"]
)
def test_an_invalid_option_is_refused_with_usage(arguments, capsys, wrong):
    with pytest.raises(SystemExit) as stopped:
        main([*arguments, wrong])
    assert stopped.value.code == 2
    assert "usage:" in capsys.readouterr().err


ISOLATED = """
import socket, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("django", "catalog", "postersite", "tensorflow", "keras"):
            raise ImportError(f"{name} is not installed")

def refuse(*arguments, **options):
    raise AssertionError("an evaluation opened a connection")

sys.meta_path.insert(0, Absent())
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
from ml.evaluation.command import main
sys.exit(main())
"""


def test_it_needs_neither_django_nor_tensorflow_nor_a_network(arguments):
    done = subprocess.run(
        [sys.executable, "-c", ISOLATED, *arguments, "--against=postersite"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("active on 40 posters")
