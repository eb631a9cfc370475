"""Celery entry points: each does one batch of a run and queues itself again while more is owed.

Nothing here, nor anything these modules import at their top, loads TensorFlow.
"""

from __future__ import annotations

from celery import Task, shared_task

from catalog.services import claims, duplicates, embedding, labelling, runs, scraping, sweeping, training

TRAINING_TIME_LIMIT_S = 3 * 3600


def _continue(task: Task, run_id: int, owed: bool) -> None:
    runs.settle(run_id)
    if owed:
        task.delay(run_id)


@shared_task
def scrape_posters(run_id: int) -> None:
    """Fetch the next few posters of a run."""
    _continue(scrape_posters, run_id, claims.work(run_id, scraping.scrape_items))


@shared_task
def embed_posters(run_id: int) -> None:
    """Embed the next batch of posters of a run."""
    _continue(embed_posters, run_id, claims.work(run_id, embedding.embed_items))


@shared_task(time_limit=TRAINING_TIME_LIMIT_S, soft_time_limit=TRAINING_TIME_LIMIT_S - 60)
def train_genre_model(run_id: int) -> None:
    """Train a genre model on the trusted labels."""
    _continue(train_genre_model, run_id, claims.work(run_id, training.train_item))


@shared_task
def label_movies(run_id: int) -> None:
    """Score the next batch of movies and store suggestions."""
    _continue(label_movies, run_id, claims.work(run_id, labelling.label_items))


@shared_task
def find_duplicates(run_id: int) -> None:
    """Compare the next batch of posters with all others."""
    _continue(find_duplicates, run_id, claims.work(run_id, duplicates.find_items))


@shared_task
def start_finding_duplicates() -> None:
    """Start a run when posters were embedded that nothing has compared yet."""
    if duplicates.is_due():
        runs.start("duplicates")


@shared_task
def sweep() -> None:
    """Queue again what live runs still owe."""
    sweeping.sweep()
