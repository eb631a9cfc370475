"""Errors of extractor training."""


class TrainingError(ValueError):
    """The extractor cannot be trained; the message says why and what to do."""


class TrainingInterrupted(Exception):
    """Training stopped on request; the message says how far it came and how to continue."""
