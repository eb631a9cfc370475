"""Run one of our modules in a Python process of its own, so that this one never carries TensorFlow."""

from __future__ import annotations

import os
import subprocess  # nosec - our own interpreter and modules only
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

FAILURE = "postersite-failure: "


class SubprocessFailed(RuntimeError):
    """The other process failed; the text is its own sentence, or the end of what it wrote."""


def run_in_subprocess(
    module: str,
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    timeout: float = 900,
) -> None:
    """Run `python -m module *arguments` to its end, quietly and on the CPU.

    A module reports a failure meant for a person by `report_failure` and a nonzero exit.

    Args:
        environment: variables added to this process's own.
        timeout: seconds before the process is killed.

    Raises:
        SubprocessFailed: it exited with an error or did not end in time.
    """
    root = str(Path(__file__).resolve().parent.parent)
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
    variables = {
        **os.environ,
        "PYTHONPATH": path,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
        "KERAS_BACKEND": "tensorflow",
        # Its own choice of kernels must not vary with the machine's optional ones.
        "TF_ENABLE_ONEDNN_OPTS": "0",
        **(environment or {}),
    }
    variables.pop("DJANGO_SETTINGS_MODULE", None)
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", module, *arguments],
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise SubprocessFailed(f"{module} did not end within {timeout:.0f} seconds.") from error
    if done.returncode == 0:
        return
    lines = done.stderr.splitlines()
    for line in reversed(lines):
        if line.startswith(FAILURE):
            raise SubprocessFailed(line.removeprefix(FAILURE))
    ending = " / ".join(line.strip() for line in lines[-3:]) or "it wrote nothing"
    raise SubprocessFailed(f"{module} ended with status {done.returncode}: {ending}")


def report_failure(error: BaseException) -> None:
    """Tell the process that ran this module, in one line, why it failed."""
    sys.stderr.write(f"\n{FAILURE}{' '.join(str(error).split())}\n")
