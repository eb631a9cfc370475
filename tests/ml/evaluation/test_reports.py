"""The whole command, without a site: report.json's keys, the page, the one line, errors in a sentence."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ml.evaluation.command import main
from tests.ml.evaluation.made_models import save_head
from tests.ml.imaging.drawings import drawing, encoded
from tests.ml.labelled_set.made_sets import labelled_posters, write_csv

ROOT = Path(__file__).resolve().parents[3]
GENRE_KEYS = {
    "macro_f1_suggest",
    "micro_f1_suggest",
    "map",
    "ece",
    "sure_precision",
    "sure_recall",
    "predict_everything_macro_f1",
}
LOOKALIKE_KEYS = {
    "share_at_5",
    "share_at_5_random",
    "ndcg_at_10",
    "franchise_recall_at_5",
    "never_recommended",
    "worst_hub",
    "bytes_per_poster",
}


@pytest.fixture
def arguments(tmp_path):
    listing, images = labelled_posters(tmp_path / "set", count=40, series=6)

    def told(*more: object) -> list[str]:
        folders = [f"--{name}={tmp_path / name}" for name in ("models", "weights", "exports", "cache")]
        fixed = [f"--posters={listing}", f"--images={images}", f"--output={tmp_path / 'report'}", *folders]
        return [*fixed, "--resamples=40", *map(str, more)]

    return told


def report(tmp_path: Path):
    return json.loads((tmp_path / "report" / "report.json").read_text())


def test_a_genre_model_has_every_key_as_value_and_interval(arguments, tmp_path, capsys):
    save_head(tmp_path / "models", sure_thresholds=[0.6, 0.6, 0.6, None])
    assert main(arguments()) == 0
    found = report(tmp_path)
    assert found["n"] == 40
    assert found["genres"].keys() >= GENRE_KEYS | {"per_genre"}
    assert found["lookalikes"].keys() >= LOOKALIKE_KEYS
    for figure in [found["genres"][key] for key in GENRE_KEYS] + [
        found["lookalikes"][k] for k in LOOKALIKE_KEYS
    ]:
        assert set(figure) == {"value", "low", "high"}
        assert figure["low"] <= figure["value"] <= figure["high"]
    assert found["lookalikes"]["bytes_per_poster"]["value"] == 2 * 8 * 12 * 3
    assert found["lookalikes"]["counts"]["franchise_queries"] == 6
    assert found["model"]["extractor"] == "pixels:8x12"
    assert found["model"]["genre_model"]["thresholds"]["Western"] == {"suggest": 0.5, "sure": None}
    assert found["seed"] == 0
    assert "--resamples=40" in found["command"]
    assert found["versions"].keys() >= {"python", "numpy"}
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert said.startswith("active on 40 posters: macro F1 ")


def test_an_extractor_has_no_genre_figures_and_says_why(arguments, tmp_path, capsys):
    assert main(arguments("--model=histograms")) == 0
    found = report(tmp_path)
    assert found["genres"] is None
    assert "without a genre model" in found["genres_reason"]
    assert found["lookalikes"]["share_at_5"]["value"] is not None
    assert capsys.readouterr().out.startswith("histograms on 40 posters: share@5 ")


def test_a_model_against_itself_differs_by_nothing(arguments, tmp_path):
    path = save_head(tmp_path / "models", sure_thresholds=[0.6] * 4)
    assert main(arguments("--against", path)) == 0
    found = report(tmp_path)
    for part in ("genres", "lookalikes"):
        assert found["differences"][part]
        for name, figure in found["differences"][part].items():
            assert figure == {"value": 0, "low": 0, "high": 0}, name
        assert found["against"][part] == found[part]


def test_two_extractors_are_compared_on_the_same_posters(arguments, tmp_path):
    assert main(arguments("--model=pixels", "--against=histograms", "--limit=30", "--seed=4")) == 0
    found = report(tmp_path)
    assert found["n"] == 30
    mine, theirs = found["lookalikes"], found["against"]["lookalikes"]
    assert mine["share_at_5_random"] == theirs["share_at_5_random"]
    apart = found["differences"]["lookalikes"]["share_at_5"]["value"]
    assert apart == pytest.approx(mine["share_at_5"]["value"] - theirs["share_at_5"]["value"])
    assert found["differences"]["genres"] is None


def test_slices_are_measured_where_there_are_enough_posters(arguments, tmp_path):
    save_head(tmp_path / "models")
    assert main(arguments()) == 0
    slices = report(tmp_path)["slices"]
    # Years run from 1950, one a poster: twenty are before 1970.
    assert slices["old"]["n"] == 20
    assert slices["old"]["genres"]["macro_f1_suggest"]["value"] is not None
    assert slices["old"]["lookalikes"]["share_at_5"]["value"] is not None
    assert slices["greyscale"]["n"] < 10
    assert "too few" in slices["greyscale"]["reason"]
    assert slices["text_only"]["n"] == 0
    assert "neither a column `language`" in slices["non_english"]["reason"]


def test_bad_rows_are_reported_with_line_and_reason_and_the_rest_go_on(arguments, tmp_path):
    listing = tmp_path / "set" / "posters.csv"
    rows = listing.read_text().splitlines()
    (tmp_path / "set" / "images" / "2.jpg").write_bytes(b"nothing")
    rows.insert(5, "gone.jpg,Drama,,1950")
    listing.write_text("\n".join([*rows, "../../etc/passwd,Drama,,", "0.jpg,Drama,,"]))
    assert main(arguments("--model=pixels")) == 0
    found = report(tmp_path)
    assert found["n"] == 39
    notes = {note["line"]: (note["file"], note["reason"]) for note in found["posters"]["left_out"]}
    assert sorted(notes) == [4, 6, 43, 44]
    assert notes[4] == ("2.jpg", "This file is not an image.")
    assert "no such file" in notes[6][1]
    assert "leaves the folder" in notes[43][1]
    assert "line 2" in notes[44][1]


def test_the_page_is_one_file_without_scripts_and_escapes_what_came_from_outside(tmp_path, arguments):
    images, rows = tmp_path / "set" / "images", []
    for number in range(12):
        name = f"<script>alert({number})<!--.jpg"
        (images / name).write_bytes(encoded(drawing(number)))
        rows.append({"file": name, "genres": "<b>Bold</b>|Drama" if number % 2 else "Drama", "<i>": "x"})
    rows.append({"file": "<img src=x>", "genres": "Drama", "<i>": ""})
    write_csv(tmp_path / "set" / "posters.csv", rows)
    save_head(tmp_path / "models", genres=("<b>Bold</b>", "Drama", '"><script>'))
    assert main(arguments()) == 0
    page = (tmp_path / "report" / "index.html").read_text()
    lowered = page.lower()
    for banned in ("<script", "<b>", "<img", "<link", 'http-equiv="refresh', "src=", "url(", "onload"):
        assert banned not in lowered.replace("&lt;img src=x&gt;", ""), banned
    assert "&lt;b&gt;Bold&lt;/b&gt;" in page
    assert "&lt;img src=x&gt;" in page
    assert "prefers-color-scheme: dark" in page
    figures = sorted((tmp_path / "report" / "figures").glob("*.svg"), key=lambda path: path.stem)
    assert [path.stem for path in figures] == [
        "abstention",
        "genre-f1",
        "precision-recall",
        "precision-recall-by-genre",
        "reliability",
    ]
    for path in figures:
        root = ElementTree.parse(path).getroot()  # noqa: S314  our own file, and that it parses is the test
        assert root.tag == "{http://www.w3.org/2000/svg}svg"


def test_a_report_replaces_an_earlier_one_and_leaves_other_files(arguments, tmp_path):
    save_head(tmp_path / "models")
    assert main(arguments()) == 0
    (tmp_path / "report" / "mine.txt").write_text("stays")
    assert main(arguments("--model=pixels")) == 0
    assert not list((tmp_path / "report" / "figures").iterdir())
    left = {path.name for path in (tmp_path / "report").iterdir()}
    assert left == {"figures", "index.html", "mine.txt", "report.json"}


def test_the_same_seed_gives_the_same_report(arguments, tmp_path):
    save_head(tmp_path / "models")
    reports = []
    for _ in range(2):
        assert main(arguments("--limit=25", "--seed=7")) == 0
        reports.append((tmp_path / "report" / "report.json").read_bytes())
    assert reports[0] == reports[1]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (["--model=recipe-genres"], "--fit"),
        (["--model=nobody"], "There is no extractor 'nobody'"),
        (["--model=models"], "There is no extractor 'models'"),
        (["--model=pixels", "--posters=none.csv"], "none.csv can't be read"),
        (["--model=pixels", "--images=none"], "There is no folder none"),
        (["--model=pixels", "--output=/dev/null/report"], "can't be written"),
        (["--model=pixels", "--limit=1"], "too few to measure"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_exit_code_2(arguments, capsys, more, why):
    assert main(arguments(*more)) == 2
    said = capsys.readouterr().err
    assert why in said.splitlines()[-1]


@pytest.mark.parametrize("wrong", ["--fit=1", "--fit=x", "--limit=0", "--seed=-1", "--resamples=many"])
def test_a_senseless_option_is_refused_with_usage(arguments, capsys, wrong):
    with pytest.raises(SystemExit) as stopped:
        main(arguments(wrong))
    assert stopped.value.code == 2
    assert "usage:" in capsys.readouterr().err


WITHOUT_DJANGO = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("django", "catalog", "postersite", "tensorflow", "keras", "matplotlib"):
            raise ImportError(f"{name} is not installed")
sys.meta_path.insert(0, Absent())
from ml.evaluation.command import main
sys.exit(main())
"""


def test_it_runs_where_neither_django_nor_tensorflow_can_be_imported(arguments, tmp_path):
    save_head(tmp_path / "models")
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_DJANGO, *arguments("--against=histograms")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("active on 40 posters")
    assert report(tmp_path)["against"]["model"]["name"] == "histograms"


def test_python_m_tells_what_is_missing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "ml.evaluation", "--posters", "a.csv"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "--images" in done.stderr
