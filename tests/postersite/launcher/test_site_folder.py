"""A site refuses folders, disks and ports that it cannot use, with a sentence that says what to do."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from postersite.launcher import site_folder
from postersite.launcher.errors import StartError


@pytest.fixture
def used_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


def test_a_used_port(used_port: int) -> None:
    with pytest.raises(StartError, match=rf"Port {used_port} .*PORT={used_port + 1}"):
        site_folder.check_port("127.0.0.1", used_port)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "203.0.113.7"])
def test_an_address_of_another_machine(host: str) -> None:
    with pytest.raises(StartError, match=host):
        site_folder.check_port(host, 0)


def test_a_free_port(used_port: int) -> None:
    free = site_folder.free_port(used_port)
    assert free != used_port
    assert site_folder.free_port(free) == free


def test_a_folder_is_created(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "var"
    site_folder.check_writable(folder)
    assert list(folder.iterdir()) == []


def test_a_folder_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartError, match=r"Cannot write to .*file/var.*POSTERSITE_VAR"):
        site_folder.check_writable(tmp_path / "file" / "var")


def test_too_little_space(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"Only \d+ MB are free.*POSTERSITE_VAR"):
        site_folder.check_writable(tmp_path, space=2**62)


def test_one_at_a_time(tmp_path: Path) -> None:
    refused = pytest.raises(StartError, match=rf"already running on .*process {os.getpid()}\b")
    for _ in range(2):
        with site_folder.lock(tmp_path), refused, site_folder.lock(tmp_path):
            pytest.fail("locked twice")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback(host: str) -> None:
    assert site_folder.is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "films.example"])
def test_addresses_that_others_reach(host: str) -> None:
    assert not site_folder.is_loopback(host)
