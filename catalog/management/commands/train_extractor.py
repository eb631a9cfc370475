"""`manage.py train_extractor`: trains the extractor `postersite` and its genre model."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ml.extractor_training.command import add_options, to_arguments
from ml.processes import dies_with_parent


class Command(BaseCommand):
    help = (
        "Trains the extractor `postersite` and its genre model on labelled posters, in a process of its own, "
        "and writes them to WORK/shipped. It takes hours on a CPU and minutes on a GPU; Ctrl-C writes a "
        "checkpoint, and --resume continues from it. See docs/training.md."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        arguments = to_arguments(options, options["weights"] or self._weights())
        root = str(settings.BASE_DIR)
        path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
        variables = {
            **os.environ,
            "PYTHONPATH": path,
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "KERAS_BACKEND": "tensorflow",
        }
        variables.pop("DJANGO_SETTINGS_MODULE", None)
        training = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", "ml.extractor_training", *arguments],
            env=variables,
            stdin=subprocess.DEVNULL,
            preexec_fn=dies_with_parent(signal.SIGTERM),
        )
        code = self._wait(training)
        if code == -signal.SIGKILL:
            raise CommandError(
                "The training process was killed, most likely because memory ran out: free memory and "
                "continue with --resume, or start again with fewer pairs (--set pairs=12)."
            )
        if code:
            # The process has written the error message.
            sys.exit(code)

    def _weights(self) -> Any:
        return settings.WEIGHTS_DIR if settings.WEIGHTS_DIR.is_dir() else None

    def _wait(self, training: subprocess.Popen[bytes]) -> int:
        while True:
            try:
                return training.wait()
            except KeyboardInterrupt:
                # The terminal sent it to both processes; the training process now writes its checkpoint.
                continue
