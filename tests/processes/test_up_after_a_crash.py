"""A killed `up`, a killed part, a closed terminal: nothing is left over, and the next start just works."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable

import pytest

from tests.processes.site import Site, wait_until

pytestmark = pytest.mark.process


def pid_of(site: Site, part: str) -> int:
    children = json.loads((site.var / "run" / "up.json").read_text())["children"]
    return int(children[part][0]) if part in children else 0


def test_a_killed_up_does_not_stand_in_the_way(make_site: Callable[..., Site]) -> None:
    site = make_site().start()
    assert site.process is not None
    site.process.kill()
    site.process.wait()
    # At once, while the parts of the killed one may still be on their way out.
    site.start()
    assert "Traceback" not in site.said

    beat = pid_of(site, "beat")
    os.kill(beat, signal.SIGKILL)
    wait_until(lambda: pid_of(site, "beat") not in (0, beat), "a killed part is started again")
    assert "beat ended by SIGKILL; starting it again" in site.said

    assert site.interrupt_group(signal.SIGHUP) == 0  # the terminal is closed
    assert site.processes() == []
