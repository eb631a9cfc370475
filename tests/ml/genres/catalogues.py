"""Generated training data whose labels can, or cannot, be predicted from the features."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ml.genres.training_set import TrainingSet, training_set


def informative(
    rows: int = 240, features: int = 40, genres: int = 6, seed: int = 0, signal: float = 0.8
) -> TrainingSet:
    """Features that are a noisy linear picture of the labels; genres from frequent to rare."""
    random = np.random.default_rng(seed)
    frequency = np.linspace(0.45, 0.12, genres)
    labels = (random.random((rows, genres)) < frequency).astype(np.uint8)
    picture = random.normal(size=(genres, features))
    vectors = signal * labels @ picture + random.normal(size=(rows, features))
    return training_set(vectors, labels, names(genres), extractor="made-up-1")


def shuffled(data: TrainingSet, seed: int = 0) -> TrainingSet:
    """The same posters with other posters' labels."""
    return replace(data, labels=np.random.default_rng(seed).permutation(data.labels))


def names(count: int) -> list[str]:
    return ["Drama", "Comedy", "Action", "Thriller", "Horror", "Western", "Film-Noir", "Music"][:count]


def random_scores(
    rows: int, genres: int, seed: int = 0
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Labels, and scores rounded so that many are equal."""
    random = np.random.default_rng(seed)
    labels = (random.random((rows, genres)) < 0.3).astype(np.uint8)
    return labels, np.round(random.random((rows, genres)), 1).astype(np.float32)
