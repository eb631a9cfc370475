"""Errors that end the training of a genre head."""

from __future__ import annotations


class TrainingDiverged(RuntimeError):
    """Training cannot give finite numbers; the message says what to change."""


class TrainingStopped(Exception):
    """Training stopped on request. `history` holds the finished epochs, if the recipe has epochs."""

    def __init__(self, history: dict[str, list[float]]) -> None:
        after = f" after {len(history['loss'])} epochs" if history else ""
        super().__init__(f"Training was stopped{after}; no model was written.")
        self.history = history
