"""The documentation and deploy/ name the settings and commands that exist, all of them and no others."""

from __future__ import annotations

import re

import pytest
from django.core.management import get_commands

from postersite.env import BASE_DIR

DOCS = BASE_DIR / "docs"
SETTINGS = (DOCS / "settings.md").read_text()
PAGES = "".join(page.read_text() for page in [BASE_DIR / "README.md", *sorted(DOCS.glob("*.md"))])
READERS = (
    "postersite/settings.py",
    "postersite/env.py",
    "postersite/object_storage.py",
    "postersite/launcher/site_setup.py",
)
READER = (
    r"env\.\w+|whole_number|decimals_by_name|decimal|cron|choice|flag|folder|listed|environ\.get"
    r"|_choice|_matching|_url"
)
READ = re.compile(rf"""(?:{READER})\(\s*"([A-Z][A-Z0-9_]+)\"""")


def settings_read() -> set[str]:
    names = {name for path in READERS for name in READ.findall((BASE_DIR / path).read_text())}
    return names | {"PORT"}


def test_the_settings_table_is_complete_and_has_no_others() -> None:
    table = set(re.findall(r"^\| `([A-Z][A-Z0-9_]+)` \|", SETTINGS, re.MULTILINE))
    assert table == settings_read()


def test_the_example_file_names_settings_only() -> None:
    names = re.findall(r"^([A-Z_]+)=", (BASE_DIR / "deploy" / ".env.example").read_text(), re.MULTILINE)
    assert set(names) - settings_read() == {"POSTGRES_PASSWORD", "BROKER_PASSWORD"}


@pytest.mark.parametrize("command", sorted(set(re.findall(r"manage\.py (\w+)", PAGES))))
def test_every_command_named_exists(command: str) -> None:
    assert command in get_commands()
