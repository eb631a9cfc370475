"""The Celery application. Run state lives in the database, so no result backend is set."""

import logging
import os
from contextlib import ExitStack
from typing import Any

from celery import Celery, Task
from celery.signals import (
    after_setup_logger,
    after_setup_task_logger,
    before_task_publish,
    task_postrun,
    task_prerun,
)
from django.conf import settings

from .logs import JsonFormatter, current_request_id, log_context

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "postersite.settings")

app = Celery("postersite")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["catalog"])
# config_from_object reads the transport options too late for the consumer's own copy of this one.
app.conf.visibility_timeout = app.conf.broker_transport_options.get("visibility_timeout")

_contexts: dict[str, ExitStack] = {}


@after_setup_logger.connect
@after_setup_task_logger.connect
def use_log_format(logger: logging.Logger, **_: Any) -> None:
    """Celery adds handlers with formatters of its own."""
    if settings.LOG_FORMAT == "json":
        for handler in logger.handlers:
            handler.setFormatter(JsonFormatter())


@before_task_publish.connect
def send_request_id(headers: dict[str, Any], **_: Any) -> None:
    """Send a task the id of the request that queues it. A task that queues another passes it on."""
    if request_id := current_request_id():
        headers["request_id"] = request_id


@task_prerun.connect
def enter_log_context(task_id: str, task: Task, args: tuple[Any, ...], **_: Any) -> None:
    """Log lines name the task, the request that queued it, and its run, whose id runs pass them."""
    ids = {"run_id": args[0]} if args else {}
    if request_id := task.request.get("request_id"):
        ids["request_id"] = request_id
    _contexts[task_id] = ExitStack()
    _contexts[task_id].enter_context(log_context(task=task.name, task_id=task_id, **ids))


@task_postrun.connect
def leave_log_context(task_id: str, **_: Any) -> None:
    if context := _contexts.pop(task_id, None):
        context.close()
