"""A small WSGI application for a process of its own."""

from __future__ import annotations

import gc
import os
import resource
import time
from typing import Any

import django

django.setup()


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Responds with its process id, how many files that may open, and how many objects are never collected.

    To /slow after a second.
    """
    time.sleep(1 if environ["PATH_INFO"] == "/slow" else 0)
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{os.getpid()} {files} {gc.get_freeze_count()}".encode()]
