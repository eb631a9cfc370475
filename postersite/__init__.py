"""Wiring of the Postersite project: settings, URLs, Celery, and the processes `make run` starts."""

from .celery import app as celery_app

__all__ = ["celery_app"]
