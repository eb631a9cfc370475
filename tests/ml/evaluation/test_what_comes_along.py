"""`postersite` and, where a site has no genre model, `active`: what comes with Postersite is measured."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from catalog.sample.films import sample_films
from ml import bundled
from ml.evaluation.candidates import contender
from ml.evaluation.command import main
from ml.evaluation.errors import EvaluationError
from ml.evaluation.heads import read_shipped, read_teller
from ml.extractors.runtime import load_extractor, resolve_fingerprint
from ml.genres.head import load_head
from tests.ml.evaluation.made_models import DIMS, SPEC, save_head
from tests.ml.labelled_set.made_sets import labelled_posters, places, write_csv

ROOT = Path(__file__).resolve().parents[3]

NO_INTERNET = """
import socket

def refuse(*arguments, **options):
    raise AssertionError("an evaluation reached for the network")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
"""


def test_the_shipped_genre_model_reads_what_the_shipped_extractor_makes():
    head = load_head(bundled.GENRES)
    extractor = load_extractor("postersite", weights_dir=None, cache_dir=Path("unused"), threads=1)
    assert head.extractor == extractor.fingerprint
    assert head.weights.dims[0] == extractor.dims
    assert head.sure_thresholds is not None
    scores = head.scores(extractor.embed(np.random.default_rng(1).uniform(0, 255, (3, 288, 192, 3))))
    assert scores.shape == (3, len(head.genres)) and np.isfinite(scores).all()


def test_postersite_is_the_extractor_and_its_genre_model(tmp_path):
    found = contender("postersite", places(tmp_path))
    assert (found.extractor, found.precision) == ("postersite", "float16")
    assert found.teller and found.teller.extractor == "postersite"
    assert found.teller.head.genres == load_head(bundled.GENRES).genres
    assert found.teller.sure is not None
    assert "model-card" in found.note


def test_active_without_any_model_is_what_comes_along_and_says_so(tmp_path):
    for active in (None, lambda: None):
        found = contender("active", places(tmp_path), active=active)
        assert found.name == "active" and found.extractor == "postersite"
        assert found.teller and found.teller.facts["file"] == bundled.GENRES.name
        assert "what comes with Postersite stands for the active one" in found.note
    places(tmp_path).models.mkdir()
    assert contender("active", places(tmp_path)).extractor == "postersite"
    save_head(places(tmp_path).models)
    assert contender("active", places(tmp_path)).extractor == SPEC


@pytest.mark.parametrize("damage", ["another version", "missing", "cut short"])
def test_without_its_genre_model_postersite_still_finds_look_alikes(tmp_path, monkeypatch, damage):
    path = save_head(tmp_path / "other")
    if damage == "missing":
        path.unlink()
    if damage == "cut short":
        path.write_bytes(path.read_bytes()[:-100])
    monkeypatch.setattr(bundled, "GENRES", path)
    for name in ("postersite", "active"):
        found = contender(name, places(tmp_path))
        assert found.extractor == "postersite" and found.teller is None
        assert {"another version": "reads vectors of pixels-", "missing": "missing"}.get(
            damage, "damaged"
        ) in found.no_genres


def test_a_recipe_may_read_postersite(tmp_path):
    found = contender("logistic@postersite", places(tmp_path), fitting=True)
    assert (found.extractor, found.recipe, found.teller) == ("postersite", "logistic", None)


class TestASitesOwnExtractor:
    """A genre model trained over another file than the one that comes along."""

    @pytest.fixture
    def own(self, tmp_path: Path) -> Path:
        """A folder as `train_extractor` leaves it: the extractor, and a genre model over its vectors."""
        (tmp_path / "own").mkdir()
        file = tmp_path / "own" / "postersite.tflite"
        file.write_bytes(b"other weights")  # names and digests are looked at here, nothing is run
        save_head(tmp_path / "own", "genres", extractor=resolve_fingerprint(f"postersite:{file}", None))
        return tmp_path / "own"

    def test_its_file_is_found_beside_the_model(self, own):
        assert read_teller(own / "genres.npz", None).extractor == f"postersite:{own / 'postersite.tflite'}"
        found = contender(str(own), places(own))
        assert found.extractor.startswith("postersite:") and found.teller

    def test_elsewhere_it_must_be_named(self, own, tmp_path):
        moved = Path(shutil.move(own / "postersite.tflite", tmp_path / "mine.tflite"))
        with pytest.raises(EvaluationError, match="--extractor postersite:FILE"):
            read_teller(own / "genres.npz", None)
        assert (
            read_teller(own / "genres.npz", None, extractor=f"postersite:{moved}").head.weights.dims[0]
            == DIMS
        )

    def test_the_shipped_model_does_not_read_it(self, own):
        with pytest.raises(EvaluationError, match="name a model trained on those"):
            read_shipped(f"postersite:{own / 'postersite.tflite'}", None)
        found = contender(f"postersite:{own / 'postersite.tflite'}", places(own))
        assert found.teller is None and "without a genre model" in found.no_genres


@pytest.fixture
def arguments(tmp_path):
    listing, images = labelled_posters(tmp_path / "set", count=40, series=6)

    def told(*more: object) -> list[str]:
        folders = [f"--{name}={tmp_path / name}" for name in ("models", "weights", "exports", "cache")]
        fixed = [f"--posters={listing}", f"--images={images}", f"--output={tmp_path / 'report'}", *folders]
        return [*fixed, "--resamples=30", *map(str, more)]

    return told


def test_fitting_warns_that_postersite_may_have_seen_the_posters(arguments, tmp_path):
    assert main(arguments("--model=postersite", "--against=logistic@postersite", "--fit=0.6")) == 0
    found = json.loads((tmp_path / "report" / "report.json").read_text())
    assert "Trained elsewhere" in found["model"]["note"]
    assert "Its extractor was trained on posters elsewhere" in found["against"]["model"]["note"]
    assert found["model"]["extractor_fingerprint"] == found["against"]["model"]["extractor_fingerprint"]
    assert found["differences"]["genres"]["map"]["value"] is not None
    assert main(arguments("--model=pixels:8x12", "--against=histograms", "--fit=0.6")) == 0
    found = json.loads((tmp_path / "report" / "report.json").read_text())
    assert (found["model"]["note"], found["against"]["model"]["note"]) == ("", "")


@pytest.mark.process
def test_a_fresh_clone_without_database_weights_or_internet_measures_active(tmp_path):
    """As anybody would after `git clone`: the code alone, an empty home, nothing in the environment."""
    clone, home = tmp_path / "clone", tmp_path / "home"
    shutil.copytree(ROOT / "ml", clone / "ml", ignore=shutil.ignore_patterns("__pycache__"))
    home.mkdir()
    (home / "sitecustomize.py").write_text(NO_INTERNET)
    films = [film for film in sample_films() if film.is_tagged][:20]
    listing = write_csv(
        tmp_path / "posters.csv",
        [
            {
                "file": film.poster.name,
                "title": film.title,
                "year": film.year,
                "genres": "|".join(film.genres),
            }
            for film in films
        ],
    )
    told = ["--posters", str(listing), "--images", str(films[0].poster.parent), "--model", "active"]
    done = subprocess.run(
        [sys.executable, "-m", "ml.evaluation", *told, "-o", "report/"],
        cwd=clone,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"active on {len(films)} posters: macro F1 ")
    report = json.loads((clone / "report" / "report.json").read_text())
    assert report["n"] == len(films) and not report["posters"]["left_out"]
    assert report["model"]["extractor_fingerprint"] == resolve_fingerprint("postersite", None)
    assert "stands for the active one" in report["model"]["note"]
    for key in ("macro_f1_suggest", "map", "ece", "predict_everything_macro_f1"):
        assert report["genres"][key]["value"] is not None
    assert report["lookalikes"]["share_at_5"]["value"] is not None
    assert report["lookalikes"]["bytes_per_poster"]["value"] <= 512
    assert "stands for the active one" in (clone / "report" / "index.html").read_text()
