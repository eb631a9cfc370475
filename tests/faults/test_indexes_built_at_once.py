"""Several processes build the same look-alike index at the same moment: all find the same look-alikes."""

from __future__ import annotations

import pytest

from tests.faults.sites import Site

pytestmark = pytest.mark.process

BUILD = """
from functools import partial
from secrets import token_hex
from catalog.models import Extractor, Movie
from catalog.similarity.search import lookalikes
from catalog.embeddings.index_files import build, build_stale, is_stale
from tests.factories import EmbeddingFactory, ExtractorFactory, MovieFactory, PosterFactory
def start():
    extractor = ExtractorFactory(spec="pixels", fingerprint="p", dims=512)
    for n in range(30):
        EmbeddingFactory(extractor=extractor, poster__perceptual_hash=token_hex(8))
def build_and_add(number):
    for factory in (MovieFactory, PosterFactory):
        factory.reset_sequence(1000 * number)  # no two processes make the same film or picture
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
    assert len(lookalikes(movie, extractor, k=5)) == 5
def last():
    build_stale()
    print(len(lookalikes(Movie.objects.order_by("pk").first(), Extractor.objects.get(), k=1000)))
assert in_processes(start) == [0]
assert in_processes(*(partial(build_and_add, number) for number in (1, 2, 3))) == [0] * 3
assert in_processes(last) == [0]
"""


def test_building_while_others_build_and_add_is_harmless(site: Site) -> None:
    assert int(site.run_python(BUILD)) == 30 + 3 * 8 - 1
