"""Worker and web processes never import TensorFlow: no task, URL or view does."""

from __future__ import annotations

import json
import subprocess
import sys

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
names = sorted({name.partition(".")[0] for name in sys.modules})
# The training runs in a process of its own.
import catalog.management.commands.train_extractor
assert not {"tensorflow", "keras"} & set(sys.modules)
print(json.dumps(names))
"""


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
