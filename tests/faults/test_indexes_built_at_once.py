"""Several processes build the same look-alike index at the same moment: all find the same look-alikes."""

from __future__ import annotations

import pytest

from tests.faults.sites import Site, output_of

pytestmark = pytest.mark.process

START = """
from secrets import token_hex
from tests.factories import EmbeddingFactory, ExtractorFactory
extractor = ExtractorFactory(spec="pixels", fingerprint="p", dims=512)
for n in range(30):
    EmbeddingFactory(extractor=extractor, poster__perceptual_hash=token_hex(8))
"""
BUILD = """
from secrets import token_hex
from catalog.models import Extractor, Movie
from catalog.similarity.search import lookalikes
from catalog.embeddings.index_files import build, is_stale
from tests.factories import EmbeddingFactory, MovieFactory, PosterFactory
for factory in (MovieFactory, PosterFactory):
    factory.reset_sequence(1000 * int(argv[0]))  # no two processes make the same film or picture
extractor = Extractor.objects.get()
movie = Movie.objects.order_by("pk").first()
meet(3)
while is_stale(extractor):
    build(extractor)
for _ in range(8):
    build(extractor)
    found = lookalikes(movie, extractor, k=100)
    assert len(found) >= 29, len(found)
    EmbeddingFactory(extractor=extractor, poster__perceptual_hash=token_hex(8))
print(len(lookalikes(movie, extractor, k=5)))
"""
LAST = """
from catalog.models import Extractor, Movie
from catalog.similarity.search import lookalikes
from catalog.embeddings.index_files import build_stale
build_stale()
print(len(lookalikes(Movie.objects.order_by("pk").first(), Extractor.objects.get(), k=1000)))
"""


def test_building_while_others_build_and_add_is_harmless(site: Site) -> None:
    site.run_python(START)
    processes = [site.start_python(BUILD, number) for number in (1, 2, 3)]
    assert [output_of(process) for process in processes] == ["5"] * 3
    assert int(site.run_python(LAST)) == 30 + 3 * 8 - 1
