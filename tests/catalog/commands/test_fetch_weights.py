"""`manage.py fetch_weights`: what cannot be fetched is named, and the rest of the names are still tried."""

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
    said = refusal("resnet_9000")
    assert "resnet_9000" in said and "mobilenet_v2" in said


def test_every_name_is_tried() -> None:
    said = refusal("resnet_9000", "histograms")
    assert "resnet_9000" in said and "histograms needs no weights" in said


def test_a_folder_that_cannot_be_made(settings: Any, tmp_path: Any) -> None:
    (tmp_path / "file").write_text("")
    settings.WEIGHTS_DIR = tmp_path / "file" / "weights"
    assert f"cannot be kept in {settings.WEIGHTS_DIR}" in refusal("mobilenet_v2")
