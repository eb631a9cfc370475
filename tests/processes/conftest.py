"""Sites for the tests here. Their processes are killed at the end, whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.processes.site import Site


@pytest.fixture
def make_site(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """make_site(**environment) gives a Site in the test's own folder; not started yet."""
    made: list[Site] = []

    def make(**environment: str) -> Site:
        made.append(Site(tmp_path / "site-var", **environment))
        return made[-1]

    yield make
    for site in made:
        site.kill()
