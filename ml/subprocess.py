"""Run a module of this project in a subprocess, so that this process does not load TensorFlow."""

from __future__ import annotations

import os
import subprocess  # nosec - our own interpreter and modules only
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

FAILURE = "postersite-failure: "


class SubprocessFailed(RuntimeError):
    """The subprocess failed; the message is the one that it reported, or the end of its output."""


def run_in_subprocess(
    module: str,
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    timeout: float = 900,
) -> None:
    """Run `python -m module *arguments` to its end, quietly and on the CPU.

    The module reports a failure with `report_failure` and a nonzero exit code.

    Args:
        environment: additional environment variables.
        timeout: seconds before the process is killed.

    Raises:
        SubprocessFailed: it exited with an error or ran too long.
    """
    root = str(Path(__file__).resolve().parent.parent)
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
    variables = {
        **os.environ,
        "PYTHONPATH": path,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
        "KERAS_BACKEND": "tensorflow",
        # Results must not depend on the optional kernels of the machine.
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
    """Report a failure to the process that runs this module, as one line on standard error."""
    message = not_installed(error) if isinstance(error, ModuleNotFoundError) else str(error)
    sys.stderr.write(f"\n{FAILURE}{' '.join(message.split())}\n")


def not_installed(error: ModuleNotFoundError) -> str:
    """What to do about a missing package: web and workers do without TensorFlow."""
    return (
        f"{error.name} is not installed here. Install requirements.txt, or in containers run the worker with "
        "the image `training` (docs/deployment.md)."
    )
