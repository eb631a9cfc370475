"""Formats of log lines: text, or one JSON object per line with the ids of request, task and run."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

FORMATS = ("text", "json")
# Line ends and what a terminal obeys: nobody may begin a log line with what they send us. A tab is harmless.
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")
_context: ContextVar[Mapping[str, Any]] = ContextVar("log_context", default={})  # noqa: B039  never changed


@contextmanager
def log_context(**ids: Any) -> Iterator[None]:
    """Add `ids` to every JSON line that this thread writes in the block."""
    token = _context.set({**_context.get(), **ids})
    try:
        yield
    finally:
        _context.reset(token)


def current_request_id() -> str:
    """The id of the request that this thread serves, or that queued the task it runs; "" if there is none."""
    return str(_context.get().get("request_id", ""))


class TextFormatter(logging.Formatter):
    """Lines of text. A message is one line, whatever it contains; a traceback may follow."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = _CONTROL.sub(lambda found: ascii(found[0])[1:-1], record.message)
        return super().formatMessage(record)


class JsonFormatter(logging.Formatter):
    """One JSON object per line, in ASCII."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
            **_context.get(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = record.stack_info
        return json.dumps(line, default=str)
