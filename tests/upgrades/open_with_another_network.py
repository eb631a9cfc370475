"""Upgrade the site that POSTERSITE_VAR names to another bundled network, and print each stage as JSON.

    python -m tests.upgrades.open_with_another_network FOLDER

FOLDER gets the files of a release with another extractor and genre model. The stages are before the posters
are embedded again, after that, and at the end; each has the pages that do not open, the movies without
look-alikes, the extractor that look-alikes come from, the active genre model, and extractors with embeddings.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command

from ml import bundled


def main() -> None:
    folder = Path(sys.argv[1])
    released = release(folder)
    django.setup()
    from tests.catalog.genres.bundled_files import bundled_genres

    bundled_genres(released.parent, bias=(2, 2, -2))
    settings.ALLOWED_HOSTS = ["testserver"]
    call_command("setup", stdout=sys.stderr)

    from catalog import tasks

    from .open_site import finish_live_runs

    tasks.build_indexes()
    stages = [stage()]
    runs = finish_live_runs()
    tasks.build_indexes()
    stages.append(stage())
    runs |= finish_live_runs()
    tasks.build_indexes()
    call_command("setup", stdout=sys.stderr)
    runs |= finish_live_runs()
    stages.append(stage())
    json.dump({"stages": stages, "runs": runs}, sys.stdout)


def release(folder: Path) -> Path:
    """Make the extractor of another version, and this one an earlier one. Returns the genre model's path.

    Call it before modules use the paths of the bundled files.
    """
    previous = folder / "previous"
    previous.mkdir(parents=True)
    for file in (bundled.EXTRACTOR, *bundled.PREVIOUS.glob("*.tflite")):
        (previous / file.name).symlink_to(file)
    # Bytes after its end change the digest of a model, not its vectors.
    (folder / "postersite.tflite").write_bytes(bundled.EXTRACTOR.read_bytes() + b"another")
    bundled.PREVIOUS, bundled.EXTRACTOR = previous, folder / "postersite.tflite"
    bundled.GENRES = folder / "genres.npz"
    return bundled.GENRES


def stage() -> dict[str, Any]:
    from catalog.embeddings import extractors
    from catalog.genres import promotion
    from catalog.models import Embedding, Movie
    from catalog.similarity.search import lookalikes

    from .open_site import pages

    serving, model = extractors.default_extractor(), promotion.active_model()
    films = Movie.objects.filter(posters__is_primary=True, merged_into=None)
    return {
        "not_opened": {path: status for path, status in pages().items() if status != 200},
        "without_lookalikes": [str(film) for film in films if not lookalikes(film)],
        "serving": serving and serving.fingerprint,
        "model": model and [model.extractor.fingerprint, model.shipped],
        "embedded": sorted(set(Embedding.objects.values_list("extractor__fingerprint", flat=True))),
        "current": extractors.fingerprint("postersite"),
    }


if __name__ == "__main__":
    main()
