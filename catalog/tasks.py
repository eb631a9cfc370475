"""Celery entry points: each does one batch of a run and queues itself again while more is owed.

Nothing here, nor anything these modules import at their top, loads TensorFlow.
"""

from __future__ import annotations

from celery import Task, shared_task

from catalog.accounts import login_throttle, sessions
from catalog.duplicates import groups
from catalog.embeddings import embedding, index_files
from catalog.genres import decision_batches, suggestions, training
from catalog.integrity import checking
from catalog.posters import refresh, scraping
from catalog.runs import chunks, leases, lifecycle, recovery, schedules
from catalog.titles import undo

TRAINING_TIME_LIMIT_S = 3 * 3600
CHECK_TIME_LIMIT_S = 3 * 3600


def _continue(task: Task, run_id: int, owed: bool) -> None:
    planned = chunks.plan_ahead(run_id)
    lifecycle.settle(run_id)
    if owed or planned:
        task.delay(run_id)


@shared_task
def scrape_posters(run_id: int) -> None:
    """Fetch the next few posters of a run."""
    _continue(scrape_posters, run_id, leases.work(run_id, scraping.scrape_items))


@shared_task
def refresh_posters(run_id: int) -> None:
    """Ask about the next few movies whether their posters have changed."""
    _continue(refresh_posters, run_id, leases.work(run_id, refresh.refresh_items))


@shared_task
def embed_posters(run_id: int) -> None:
    """Embed the next batch of posters of a run."""
    _continue(embed_posters, run_id, leases.work(run_id, embedding.embed_items))


@shared_task(time_limit=TRAINING_TIME_LIMIT_S, soft_time_limit=TRAINING_TIME_LIMIT_S - 60)
def train_genre_model(run_id: int) -> None:
    """Train a genre model on the trusted labels."""
    _continue(train_genre_model, run_id, leases.work(run_id, training.train_item))


@shared_task
def label_movies(run_id: int) -> None:
    """Score the next batch of movies and store suggestions."""
    _continue(label_movies, run_id, leases.work(run_id, suggestions.label_items))


@shared_task
def find_duplicates(run_id: int) -> None:
    """Compare the next batch of posters with all others."""
    _continue(find_duplicates, run_id, leases.work(run_id, groups.find_items))


@shared_task(time_limit=CHECK_TIME_LIMIT_S, soft_time_limit=CHECK_TIME_LIMIT_S - 60)
def check_catalogue(run_id: int) -> None:
    """Compare the database with the files."""
    _continue(check_catalogue, run_id, leases.work(run_id, checking.check_item))


@shared_task
def start_new_arrivals() -> None:
    """Start a run when movies came in that have no poster."""
    schedules.start_new_arrivals()


@shared_task
def start_refresh() -> None:
    """Start a run when posters were not asked about for long."""
    schedules.start_refresh()


@shared_task
def start_check() -> None:
    """Start a check of the catalogue."""
    schedules.start_check()


@shared_task
def delete_expired_sessions() -> None:
    """Delete sessions that are over, and old notes about refused attempts to sign in."""
    sessions.delete_expired()
    login_throttle.delete_old_refusals()


@shared_task
def undo_import(run_id: int) -> None:
    """Take back the next part of an import."""
    _continue(undo_import, run_id, leases.work(run_id, undo.undo_item))


@shared_task
def preview_undo(run_id: int) -> None:
    """Look at the next part of an import that may be undone."""
    _continue(preview_undo, run_id, leases.work(run_id, undo.preview_item))


@shared_task
def decide_suggestions(run_id: int) -> None:
    """Take the next decisions of a batch."""
    _continue(decide_suggestions, run_id, leases.work(run_id, decision_batches.decide_item))


@shared_task
def undo_decisions(run_id: int) -> None:
    """Undo the next decisions of a batch."""
    _continue(undo_decisions, run_id, leases.work(run_id, decision_batches.undo_item))


@shared_task
def start_finding_duplicates() -> None:
    """Start a run when posters were embedded that nothing has compared yet."""
    if groups.is_due():
        lifecycle.start("duplicates")


@shared_task
def build_indexes() -> None:
    """Build the indexes of look-alikes that are missing or out of date."""
    index_files.build_stale()


@shared_task
def sweep() -> None:
    """Queue again what live runs still owe."""
    recovery.sweep()
