"""What the web process sets before anything else is imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SAYS = """
import postersite.wsgi, numpy, numkong, threadpoolctl
from django.db import connection
print(max((pool["num_threads"] for pool in threadpoolctl.threadpool_info()), default=1))
print(connection.settings_dict["CONN_MAX_AGE"])
"""


def test_numpy_and_numkong_start_no_threads_and_connections_stay_open(tmp_path: Path) -> None:
    # In a process of its own (2 s): numpy and numkong read the variables when they are first imported.
    unset = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    done = subprocess.run(
        [sys.executable, "-c", SAYS],
        env=environment | {"POSTERSITE_VAR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    threads, connection_age = done.stdout.split()
    assert (threads, int(connection_age) > 0) == ("1", True)
