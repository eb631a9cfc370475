"""Files of genre models: a round trip, today's files, and refusal of invalid ones."""

import hashlib
import io
import json

import numpy as np
import pytest

from ml import bundled
from ml.genres.evidence.films import PARTS
from ml.genres.evidence.model_file import load_model, save_model
from ml.genres.head_file import ModelFileError, load_head, manifest_path, save_head
from tests.ml.genres.evidence.made_models import make_films, make_model
from tests.ml.genres.heads import make_head


@pytest.fixture
def saved(tmp_path):
    save_model(make_model(), tmp_path / "model.npz")
    return tmp_path / "model.npz"


def change_manifest(path, **changes):
    manifest = json.loads(manifest_path(path).read_text())
    manifest_path(path).write_text(json.dumps(manifest | changes))


def change_arrays(path, **changes):
    """Write other arrays and a manifest with their digest, as an attacker with write access could."""
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    for name, value in changes.items():
        if value is None:
            del arrays[name]
        else:
            arrays[name] = value(arrays[name]) if callable(value) else value
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    path.write_bytes(buffer.getvalue())
    change_manifest(path, weights_sha256=hashlib.sha256(buffer.getvalue()).hexdigest())


@pytest.mark.parametrize("parts", [PARTS, ("title",), ("poster", "title", "year"), ("year", "overview")])
def test_a_saved_model_is_read_back(tmp_path, parts):
    model = make_model(parts)
    digest = save_model(model, tmp_path / "model.npz")
    loaded = load_model(tmp_path / "model.npz", digest)
    before, after = model.score(make_films()), loaded.score(make_films())
    for name in vars(before):
        assert (getattr(before, name) == getattr(after, name)).all(), name
    assert (loaded.parts, loaded.genres, loaded.dims) == (model.parts, model.genres, model.dims)
    assert (loaded.extractor, loaded.recipe) == (model.extractor, "evidence")
    assert loaded.words(make_films(), 0, 1) == model.words(make_films(), 0, 1)


def test_the_bundled_model_reads_all_parts():
    model = load_model(bundled.GENRES)
    assert (model.parts, model.recipe, len(model.genres)) == (PARTS, "evidence", 19)
    assert len(model.combinations) == 15


def test_models_that_name_no_version_count_ngrams_as_version_1(saved):
    overview = load_model(saved).overview
    assert overview is not None
    assert overview.version > 1
    facts = json.loads(manifest_path(saved).read_text())["architecture"]
    change_manifest(saved, architecture={k: v for k, v in facts.items() if not k.endswith("_version")})
    overview = load_model(saved).overview
    assert overview is not None
    assert overview.version == 1


def test_a_head_over_posters_alone_is_read_too(tmp_path):
    path = tmp_path / "head.npz"
    save_head(make_head(), path)
    head, model = load_head(path), load_model(path)
    assert model.parts == ("poster",)
    vectors = np.random.default_rng(0).normal(size=(4, model.dims or 0)).astype(np.float32)
    films = make_films()
    films = type(films)(vectors, films.owners, films.titles, films.years, films.overviews)
    assert (model.score(films).scores == head.pooled_scores(vectors, films.owners)).all()


def test_a_head_is_not_a_dozen_parts(saved):
    with pytest.raises(ModelFileError, match="format version"):
        load_head(saved)


@pytest.mark.parametrize(
    "change",
    [
        {"title_hashes": lambda a: a[::-1]},
        {"title_hashes": lambda a: a.astype(np.int64)},
        {"overview_kernel": lambda a: a.astype(np.float32)},
        {"overview_kernel": lambda a: np.full_like(a, np.inf)},
        {"overview_idf": lambda a: -a},
        {"fusion_kernel": lambda a: a[1:]},
        {"fusion_bias": lambda a: np.full_like(a, np.nan)},
        {"prior": lambda a: np.full_like(a, np.nan)},
        {"tick": lambda a: np.full_like(a, np.nan)},
        {"poster_scale": lambda a: np.zeros_like(a)},
        {"year_kernel": lambda a: a[:, :1]},
        {"overview_least_known": np.array(2.0)},
        {"sure": None},
        {"more": np.zeros(1)},
        {"prior": np.array([{"a": 1}], dtype=object)},
    ],
)
def test_other_arrays_are_refused(saved, change):
    change_arrays(saved, **change)
    with pytest.raises(ModelFileError):
        load_model(saved)


@pytest.mark.parametrize(
    "change",
    [
        {"parts": ["poster", "poster"]},
        {"parts": ["overview", "poster"]},
        {"parts": "poster"},
        {"parts": []},
        {"kind": "linear-sigmoid"},
        {"genres": 10**9},
        {"genres": True},
        {"features": None},
        {"title_ngrams": -1},
        {"overview_ngrams": 10**12},
        {"overview_version": 10**12},
        {"title_version": [1]},
    ],
)
def test_other_manifests_are_refused(saved, change):
    facts = json.loads(manifest_path(saved).read_text())["architecture"]
    change_manifest(saved, architecture=facts | change)
    with pytest.raises(ModelFileError):
        load_model(saved)


def test_changed_truncated_missing_or_replaced_weights_are_refused(saved):
    content = saved.read_bytes()
    with pytest.raises(ModelFileError, match="replaced"):
        load_model(saved, "0" * 64)
    saved.write_bytes(content[:-200])
    with pytest.raises(ModelFileError, match="damaged or replaced"):
        load_model(saved)
    saved.unlink()
    with pytest.raises(ModelFileError, match="missing"):
        load_model(saved)


@pytest.mark.parametrize("content", [b"", b"[" * 100_000, b"[]", b"{}", b'{"format_version": 3}'])
def test_a_manifest_that_is_none_is_refused(saved, content):
    manifest_path(saved).write_bytes(content)
    with pytest.raises(ModelFileError):
        load_model(saved)
