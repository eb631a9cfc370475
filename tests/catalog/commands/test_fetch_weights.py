"""`manage.py fetch_weights` reports names that cannot be fetched, and tries the others."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import CommandError, call_command


def refusal(*names: str) -> str:
    with pytest.raises(CommandError) as raised:
        call_command("fetch_weights", *names)
    return str(raised.value)


def test_an_extractor_without_weights() -> None:
    assert "pixels needs no weights" in refusal("pixels")


def test_an_unknown_name_lists_the_known() -> None:
    message = refusal("resnet_9000")
    assert "resnet_9000" in message and "mobilenet_v2" in message


def test_every_name_is_tried() -> None:
    message = refusal("resnet_9000", "histograms")
    assert "resnet_9000" in message and "histograms needs no weights" in message


def test_a_folder_that_cannot_be_made(settings: Any, tmp_path: Any) -> None:
    (tmp_path / "file").write_text("")
    settings.WEIGHTS_DIR = tmp_path / "file" / "weights"
    assert f"cannot be stored in {settings.WEIGHTS_DIR}" in refusal("mobilenet_v2")
