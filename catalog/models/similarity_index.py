"""The current index files for similarity search, by extractor."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from .embedding import Extractor


class SimilarityIndex(models.Model):
    """The index files of an extractor, below INDEX_DIR. They can be built again at any time."""

    extractor = models.OneToOneField(
        Extractor, on_delete=models.CASCADE, primary_key=True, related_name="similarity_index"
    )
    folder = models.CharField(max_length=100)
    # Number and highest id of the embeddings that the index was built from.
    rows = models.PositiveIntegerField()
    last_embedding = models.BigIntegerField()
    built_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"index {self.folder} of {self.extractor}"
