"""gunicorn's settings for every installation: `gunicorn --config python:postersite.web.gunicorn_settings`."""

import os
import shutil
import tempfile
from typing import Any

wsgi_app = "postersite.wsgi"
worker_class = "postersite.web.worker.Worker"
logger_class = "postersite.web.gunicorn_log.Logger"
workers = 2
threads = 4
timeout = 60
graceful_timeout = 8
control_socket_disable = True


def on_starting(server: Any) -> None:
    """Makes the folder in which the processes share their request counts, before they are forked."""
    folder = tempfile.mkdtemp(prefix="postersite-metrics-", dir=server.cfg.worker_tmp_dir)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder


def on_exit(server: Any) -> None:
    shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)
