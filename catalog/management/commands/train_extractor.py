"""Train the extractor `postersite` and its genre model anew, on any CSV of labelled posters."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ml.extractor_training.command import add_options, told_again
from ml.processes import dies_with_parent


class Command(BaseCommand):
    help = (
        "Trains the extractor `postersite` and its genre model on labelled posters, in a process of its own, "
        "and leaves them in WORK/shipped. Hours on a CPU, minutes on a GPU; Ctrl-C keeps what was learned, "
        "and --resume goes on. docs/training.md tells how, and what to do with the result."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        told = told_again(options, options["weights"] or self._weights())
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
            [sys.executable, "-m", "ml.extractor_training.training", *told],
            env=variables,
            stdin=subprocess.DEVNULL,
            preexec_fn=dies_with_parent(signal.SIGTERM),
        )
        code = self._waited_for(training)
        if code == -signal.SIGKILL:
            raise CommandError(
                "The training process was killed, most likely because memory ran out: lower pairs "
                "(--set pairs=12) and begin anew, or free some and go on with --resume."
            )
        if code:
            # It has said why, in a sentence of its own.
            sys.exit(code)

    def _weights(self) -> Any:
        return settings.WEIGHTS_DIR if settings.WEIGHTS_DIR.is_dir() else None

    def _waited_for(self, training: subprocess.Popen[bytes]) -> int:
        while True:
            try:
                return training.wait()
            except KeyboardInterrupt:
                # The terminal sent it to both; the training now writes its checkpoint.
                continue
