"""`manage.py setup` can be repeated, and shows the password the first time only."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command


def run() -> str:
    out = StringIO()
    call_command("setup", stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_it_can_be_repeated(settings: Any) -> None:
    first, second = run(), run()
    assert "password" in first and "password" not in second
    assert "The site is set up." in first and "The site is set up." in second
    assert (settings.STATIC_ROOT / "admin" / "css" / "base.css").is_file()


def test_a_folder_that_cannot_be_written(settings: Any, tmp_path: Any) -> None:
    (tmp_path / "file").write_text("")
    settings.VAR_DIR = tmp_path / "file" / "var"
    with pytest.raises(CommandError, match="Cannot write to"):
        run()
