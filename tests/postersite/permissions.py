"""Who else can read what a test has written."""

from __future__ import annotations

from pathlib import Path


def open_to_others(folder: Path) -> list[Path]:
    """What in `folder` group or others may read, write or enter; itself included."""
    found = (folder, *folder.rglob("*"))
    return [
        path for path in found if path.exists() and path.lstat().st_mode & 0o077 and not path.is_symlink()
    ]
