"""gunicorn's own log, in the format of the site's."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from gunicorn.glogging import Logger as BaseLogger

from postersite.logs import JsonFormatter


class Logger(BaseLogger):
    """JSON with POSTERSITE_LOG_FORMAT=json, else gunicorn's lines."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        if settings.LOG_FORMAT == "json":
            for handler in (*self.error_log.handlers, *self.access_log.handlers):
                if getattr(handler, "_gunicorn", False):
                    handler.setFormatter(JsonFormatter())
