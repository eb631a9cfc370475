"""Ports, folders and disks that a site cannot start with are named, with the way out."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from postersite.launcher import site_folder
from postersite.launcher.errors import StartError


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_a_taken_port_is_named_with_another(taken_port: int) -> None:
    with pytest.raises(StartError, match=rf"Port {taken_port} is already taken.*PORT={taken_port + 1}"):
        site_folder.check_port("127.0.0.1", taken_port)


def test_a_port_just_left_is_free(taken_port: int) -> None:
    with socket.create_connection(("127.0.0.1", taken_port)):
        pass
    free = site_folder.free_port(taken_port)
    assert free != taken_port
    site_folder.check_port("127.0.0.1", free)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "203.0.113.7"])
def test_an_address_of_another_machine(host: str) -> None:
    with pytest.raises(StartError, match=host):
        site_folder.check_port(host, 0)


def test_a_preferred_port_is_taken_when_free() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert site_folder.free_port(port) == port


def test_a_folder_is_made_when_it_can_be(tmp_path: Path) -> None:
    site_folder.check_writable(tmp_path / "deep" / "var")
    assert (tmp_path / "deep" / "var").is_dir()
    assert list((tmp_path / "deep" / "var").iterdir()) == []


def test_a_folder_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartError, match=r"Cannot write to .*file/var.*POSTERSITE_VAR"):
        site_folder.check_writable(tmp_path / "file" / "var")


def test_too_little_room(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"Only \d+ MB are free.*POSTERSITE_VAR"):
        site_folder.check_writable(tmp_path, room=2**62)


def test_one_at_a_time(tmp_path: Path) -> None:
    refused = pytest.raises(StartError, match=r"already running on .*process \d+")
    with site_folder.held(tmp_path), refused, site_folder.held(tmp_path):
        pytest.fail("held twice")
    with site_folder.held(tmp_path) as again:
        assert site_folder.MARK_FORM.fullmatch(again.mark)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.0.2.1", False),
    ],
)
def test_which_addresses_only_this_machine_reaches(host: str, expected: bool) -> None:
    assert site_folder.is_loopback(host) is expected
