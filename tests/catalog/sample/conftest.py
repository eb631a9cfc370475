"""A replica site with one film."""

from collections.abc import Iterator

import pytest

from catalog.sample.site import ReplicaSite
from tests.catalog.sample.pictures import film


@pytest.fixture
def site() -> Iterator[ReplicaSite]:
    """Serves `film()`, which is /movie/701 and /title/tt8000001/."""
    with ReplicaSite([film()]) as site:
        yield site
