"""`manage.py evaluate`: the site's model by name, and sentences for what can't be measured."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from ml.extractors.registry import parse_spec
from tests.factories import ExtractorFactory, GenreModelFactory
from tests.ml.evaluation.made_models import DIMS, SPEC, save_model
from tests.ml.labelled_set.made_sets import GENRES, labelled_posters

pytestmark = pytest.mark.django_db


def evaluate(tmp_path: Path, *more: str) -> str:
    if not (tmp_path / "set").exists():
        labelled_posters(tmp_path / "set", count=24)
    out = io.StringIO()
    arguments = [
        "--posters",
        str(tmp_path / "set" / "posters.csv"),
        "--images",
        str(tmp_path / "set" / "images"),
    ]
    call_command(
        "evaluate", *arguments, "-o", str(tmp_path / "report"), "--resamples", "30", *more, stdout=out
    )
    return out.getvalue()


def active_model(fingerprint: str | None = None) -> Path:
    path = save_model(Path(settings.MODELS_DIR))
    # A newer file that nobody promoted is not the active model.
    save_model(Path(settings.MODELS_DIR), "newer", seed=1)
    facts = json.loads(path.with_suffix(".json").read_text())
    extractor = ExtractorFactory(
        spec=SPEC, fingerprint=fingerprint or parse_spec(SPEC).fingerprint(), dims=DIMS
    )
    GenreModelFactory(
        extractor=extractor,
        genres=list(GENRES),
        thresholds=[0.5] * 4,
        weights_file=path.name,
        weights_sha256=facts["weights_sha256"],
        state="active",
    )
    return path


@pytest.mark.slow
def test_active_is_the_sites_active_model(tmp_path: Path) -> None:
    path = active_model()
    out = evaluate(tmp_path)
    assert out.startswith("active on 24 posters: macro F1 ")
    assert out.count("\n") == 1
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert report["model"]["genre_model"]["file"] == path.name
    assert report["model"]["note"].startswith("The site's genre model ")
    assert (tmp_path / "report" / "index.html").is_file()


@pytest.mark.slow
def test_a_baseline_by_name_needs_no_model(tmp_path: Path) -> None:
    assert evaluate(tmp_path, "--model", "pixels").startswith("pixels on 24 posters: share@5 ")
    assert (Path(settings.VAR_DIR) / "evaluation").is_dir()


@pytest.mark.slow
def test_without_an_active_model_the_bundled_one_is_measured(tmp_path: Path) -> None:
    # A file that nobody promoted is not active, however new it is.
    save_model(Path(settings.MODELS_DIR))
    assert evaluate(tmp_path, "--evidence", "poster").startswith("active on 24 posters: macro F1 ")
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert report["model"]["extractor"] == "postersite"
    assert report["model"]["genre_model"]["evidence"] == ["poster"]
    assert report["model"]["note"].startswith("The site has no active genre model, so this is the bundled")


def test_what_cannot_be_measured_is_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="--fit") as error:
        evaluate(tmp_path, "--model", "recipe-genres")
    assert error.value.returncode == 2


def test_a_model_file_that_was_replaced_is_refused(tmp_path: Path) -> None:
    path = active_model()
    save_model(path.parent, path.stem, seed=5)
    with pytest.raises(CommandError, match="sha256"):
        evaluate(tmp_path)
