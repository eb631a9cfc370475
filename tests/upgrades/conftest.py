"""The sites of the tests here are started and cleared away as those of tests/processes are."""

from tests.processes.conftest import make_site

__all__ = ["make_site"]
