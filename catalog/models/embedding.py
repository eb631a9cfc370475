"""Feature extractors and embeddings. Vectors of different fingerprints are never compared."""

from __future__ import annotations

import numpy as np
from django.db import models
from django.db.models import Q

from .poster import Poster
from .validators import validate_fingerprint


class Extractor(models.Model):
    """A feature extractor: backbone, layer, pooling, resize filter, precision and digest of its weights."""

    spec = models.CharField(max_length=200, help_text="the extractor's name and options")
    fingerprint = models.CharField(max_length=200, unique=True, validators=[validate_fingerprint])
    dims = models.PositiveIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]
        constraints = [models.CheckConstraint(condition=Q(dims__gt=0), name="extractor_has_dims")]

    def __str__(self) -> str:
        return self.spec


class Embedding(models.Model):
    """The vector of a poster by an extractor, as little-endian float16."""

    poster = models.ForeignKey(Poster, on_delete=models.CASCADE, related_name="embeddings")
    extractor = models.ForeignKey(Extractor, on_delete=models.CASCADE, related_name="embeddings")
    vector = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["poster", "extractor"], name="one_embedding_per_poster_and_extractor"
            ),
        ]
        indexes = [models.Index(fields=["extractor", "id"])]

    def __str__(self) -> str:
        return f"{self.extractor} of poster {self.poster_id}"

    def as_array(self) -> np.ndarray:
        """The vector, float32, shape (dims,)."""
        return np.frombuffer(self.vector, dtype="<f2").astype(np.float32)
