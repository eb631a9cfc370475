"""Indexes of vectors in PostgreSQL, by extractor; the vectors are in a table that pgvector's types need."""

from __future__ import annotations

import numpy as np
from django.db import models

from .embedding import Extractor


class VectorIndex(models.Model):
    """An index that `catalog.embeddings.vector_index` has built or is building. Empty without pgvector."""

    # An index without an extractor is deleted by the next scheduled task.
    extractor = models.ForeignKey(
        Extractor, null=True, on_delete=models.SET_NULL, related_name="vector_indexes"
    )
    # The centre, float32, that was subtracted from all vectors; it stays the same until the next build.
    centre = models.BinaryField()
    # The number of vectors when it was built, and some of them, float16, for the penalties of later ones.
    rows = models.PositiveIntegerField()
    references = models.BinaryField()
    # When it was ready to be searched; null while it is built.
    built_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"vector index {self.pk} of {self.extractor}"

    def centre_array(self) -> np.ndarray:
        """The centre, float32, shape (dims,)."""
        return np.frombuffer(self.centre, dtype="<f4")

    def references_array(self) -> np.ndarray:
        """The references, float32, shape (number, dims)."""
        dims = len(self.centre) // 4
        return np.frombuffer(self.references, dtype="<f2").reshape(-1, dims).astype(np.float32)
