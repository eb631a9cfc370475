"""`manage.py setup` can be repeated, and shows the password the first time only, and in a terminal only."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from catalog import checks


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def run(out: StringIO | None = None) -> str:
    out = out or Terminal()
    call_command("setup", stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_it_can_be_repeated(settings: Any) -> None:
    first, second = run(), run()
    assert "password " in first and "password " not in second
    assert "The site is set up." in first and "The site is set up." in second
    assert (settings.STATIC_ROOT / "admin" / "css" / "base.css").is_file()


@pytest.mark.django_db
def test_a_log_gets_no_password() -> None:
    assert "password  " not in run(StringIO())
    assert "password  " in run()


@pytest.mark.django_db
def test_a_folder_of_an_earlier_version_becomes_private(settings: Any) -> None:
    var = settings.VAR_DIR
    for folder in (var, var / "media", var / "media" / "posters"):
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
    for file in (var / "db.sqlite3", var / "db.sqlite3-wal", var / "secret_key"):
        file.write_bytes(b"")
        file.chmod(0o644)
    outside = var.parent / "outside"
    outside.touch(mode=0o644)
    outside.chmod(0o644)
    (var / "link").symlink_to(outside)
    assert [message.id for message in checks.var_is_private(None)] == ["catalog.W006"]
    run()
    assert checks.var_is_private(None) == []
    assert [path for path in (var, *var.iterdir()) if path.lstat().st_mode & 0o077] == [var / "link"]
    assert outside.stat().st_mode & 0o777 == 0o644


def test_a_folder_that_cannot_be_written(settings: Any, tmp_path: Any) -> None:
    (tmp_path / "file").write_text("")
    settings.VAR_DIR = tmp_path / "file" / "var"
    with pytest.raises(CommandError, match="Cannot write to"):
        run()
