"""Errors of extractors."""


class ExtractorFailed(RuntimeError):
    """An extractor cannot be loaded, or computed numbers that are not finite."""
