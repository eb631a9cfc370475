"""Several processes build the same look-alike index at the same moment: all find the same look-alikes."""

from __future__ import annotations

import time

import pytest

from tests.faults.sites import Site

pytestmark = pytest.mark.process

START = """
from secrets import token_hex
from tests.factories import EmbeddingFactory, ExtractorFactory
extractor = ExtractorFactory(spec="pixels", fingerprint="p", dims=512)
for n in range(60):
    EmbeddingFactory(extractor=extractor, poster__perceptual_hash=token_hex(8))
"""
ASK = """
import time
from secrets import token_hex
from catalog.models import Extractor, Movie
from catalog.similarity.search import lookalikes
from catalog.embeddings.index_files import build, build_stale, is_stale
from tests.factories import EmbeddingFactory, MovieFactory, PosterFactory
for factory in (MovieFactory, PosterFactory):
    factory.reset_sequence(1000 * int(argv[1]))  # no two processes make the same film or picture
extractor = Extractor.objects.get()
time.sleep(max(0.0, float(argv[0]) - time.time()))
movie = Movie.objects.order_by("pk").first()
while is_stale(extractor):
    build(extractor)
for _ in range(15):
    build(extractor)
    found = lookalikes(movie, extractor, k=100)
    assert len(found) >= 59, len(found)
    EmbeddingFactory(extractor=extractor, poster__perceptual_hash=token_hex(8))
found = lookalikes(movie, extractor, k=5)
print(*(each.movie.pk for each in found))
"""
LAST = """
from catalog.models import Extractor, Movie
from catalog.similarity.search import lookalikes
from catalog.embeddings.index_files import build, build_stale, is_stale
build_stale()
print(len(lookalikes(Movie.objects.order_by("pk").first(), Extractor.objects.get(), k=1000)))
"""


def test_building_while_others_build_and_add_is_harmless(site: Site) -> None:
    site.run_python(START)
    processes = [site.start_python(ASK, time.time() + 2.5, number) for number in (1, 2, 3)]
    for process in processes:
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        assert len(out.split()) == 5
    assert int(site.run_python(LAST)) == 60 + 3 * 15 - 1
