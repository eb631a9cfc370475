"""Wiring of the Postersite project: settings, URLs, Celery, and the processes `make run` starts."""

from .celery import app as celery_app

__version__ = "0.1.0"
__all__ = ["celery_app"]
