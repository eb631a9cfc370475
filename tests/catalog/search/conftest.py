"""Search with the trigram index and without."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, transaction

from catalog.search import _indexing


@pytest.fixture(params=["with trigrams", "without"])
def either_index(request: Any, db: None) -> Iterator[None]:
    """The test runs twice: with the trigram index, if the database supports it, and without."""
    if request.param == "with trigrams":
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in _indexing._REMOVAL[connection.vendor]:
            cursor.execute(statement)
    assert not _indexing.has_trigrams()
    yield
