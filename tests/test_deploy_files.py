"""The files in deploy/: lock files match requirements.txt, and containers get no more than they need."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands

from postersite.env import BASE_DIR

DEPLOY = BASE_DIR / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[a-z,]+\])?==([^\s;\\]+)", re.MULTILINE)
OURS = ("setup", "web", "worker-io", "worker-ml", "beat", "backup")


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(path: Path) -> dict[str, set[str]]:
    """Versions by package. A lock file may have several, each with a marker."""
    found: dict[str, set[str]] = {}
    for name, version in PIN.findall(path.read_text()):
        found.setdefault(canonical(name), set()).add(version)
    return found


DIRECT = pins(BASE_DIR / "requirements.txt") | pins(BASE_DIR / "requirements-s3.txt")
LOCK, WEB_LOCK = pins(DEPLOY / "requirements.lock"), pins(DEPLOY / "requirements-web.lock")
TRAINING_ONLY = {
    line for line in (DEPLOY / "training-only.txt").read_text().splitlines() if not line.startswith("#")
}


def test_every_requirement_is_locked_in_its_version() -> None:
    """If this fails, run `make lock`."""
    assert {name: LOCK.get(name) for name in DIRECT} == DIRECT


def test_the_web_lock_has_every_requirement_but_those_for_training() -> None:
    """If this fails, run `make lock`."""
    assert set(DIRECT) >= TRAINING_ONLY
    assert set(WEB_LOCK).isdisjoint(TRAINING_ONLY)
    assert set(DIRECT) - TRAINING_ONLY <= set(WEB_LOCK)
    assert {name: LOCK.get(name) for name in WEB_LOCK} == WEB_LOCK


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-web.lock"])
def test_every_locked_package_has_hashes(name: str) -> None:
    packages = re.split(r"\n(?=[a-z])", (DEPLOY / name).read_text())[1:]
    assert packages and all(re.match(r"\S+==\S+", package) for package in packages)
    assert [package for package in packages if "--hash=sha256:" not in package] == []


def test_images_install_what_is_locked_and_do_not_run_as_root() -> None:
    installs = re.findall(r"pip install (.*)", DOCKERFILE)
    assert len(installs) == 2
    assert all("--require-hashes" in install and install.endswith(".lock") for install in installs)
    stages = re.findall(r"^FROM (\S+) AS (\S+)$", DOCKERFILE, re.MULTILINE)
    assert [name for _, name in stages] == ["packages", "training-packages", "code", "training", "site"]
    assert stages[-1] == ("code", "site") and "COPY --from=packages " in DOCKERFILE.rpartition("FROM ")[2]
    assert re.search(r"^USER 10001$", DOCKERFILE.split(" AS code")[1].split("FROM ")[0], re.MULTILINE)


def test_every_copied_file_exists() -> None:
    for source in re.findall(r"^COPY (?!--from)(\S+) \S+$", DOCKERFILE, re.MULTILINE):
        assert (BASE_DIR / source).exists()


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_containers_get_no_more_than_they_need(name: str) -> None:
    service = SERVICES[name]
    assert service["user"] not in ("0", "root") and service["read_only"] is True
    assert service["cap_drop"] == ["ALL"] and "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"] and service["pids_limit"]
    assert any(mount.startswith("/tmp") for mount in service["tmpfs"])
    # What runs for ever says whether it is well.
    assert ("healthcheck" in service) == (service["restart"] != "no")


def test_only_the_web_server_has_a_port_and_on_loopback_alone() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["web"]
    assert SERVICES["web"]["ports"] == ["127.0.0.1:8000:8000"]
    assert COMPOSE["networks"]["data"] == {"internal": True}
    assert all(SERVICES[name]["networks"] == ["data"] for name in ("db", "broker"))


def test_database_and_broker_have_passwords_that_must_be_set() -> None:
    environment = SERVICES["web"]["environment"]
    assert "${POSTGRES_PASSWORD:?" in environment["DATABASE_URL"]
    assert "${BROKER_PASSWORD:?" in environment["REDIS_URL"]
    assert "requirepass $$REDISCLI_AUTH" in SERVICES["broker"]["command"][-1]
    assert "${BROKER_PASSWORD:?" in SERVICES["broker"]["environment"]["REDISCLI_AUTH"]


def test_every_queue_has_a_worker_and_there_is_one_beat() -> None:
    commands = [str(service.get("command", "")) for service in SERVICES.values()]
    queues = [queue for command in commands for queue in re.findall(r"--queues (\w+)", command)]
    assert sorted(queues) == ["io", "ml"]
    assert sum("--quiet beat" in command for command in commands) == 1
    assert not {"deploy", "scale"} & set(SERVICES["beat"])


@pytest.mark.parametrize("name", ["worker-io", "worker-ml", "beat"])
def test_health_checks_are_of_the_part_that_runs(name: str) -> None:
    check, command = SERVICES[name]["healthcheck"]["test"], SERVICES[name]["command"]
    assert check[:4] == ["CMD", "python", "manage.py", "health_check"] and check[3] in get_commands()
    assert f"--schedule {check[6]}" in command if name == "beat" else f"--hostname {check[5]}@%h" in command


@pytest.mark.parametrize("name", [name for name in OURS if name != "web"])
def test_commands_exist(name: str) -> None:
    command = shlex.split(SERVICES[name]["command"])
    if command[0] == "python":
        assert command[1] == "manage.py" and command[2] in get_commands()
    else:
        # Without its banner, which is no log line.
        assert command[:4] == ["celery", "-A", "postersite", "--quiet"]


def test_the_timer_starts_a_command_that_exists() -> None:
    service = (DEPLOY / "postersite-backup.service").read_text()
    found = re.search(r"^ExecStart=\S+ manage\.py (\w+) \S+ --keep \d+$", service, re.MULTILINE)
    assert found and found[1] in get_commands()
    assert re.search(r"^OnCalendar=", (DEPLOY / "postersite-backup.timer").read_text(), re.MULTILINE)


def test_images_are_pinned_by_the_registry_s_digests(tmp_path: Path) -> None:
    """No digests are in the repository: `deploy/pin-images` asks for them."""
    docker = tmp_path / "docker"
    docker.write_text('#!/bin/sh\ntest "$1 $2 $3" = "buildx imagetools inspect" && echo "sha256:0123"\n')
    docker.chmod(0o755)
    done = subprocess.run(
        [DEPLOY / "pin-images"],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    pinned = dict(line.split("=", 1) for line in done.stdout.splitlines())
    compose = (DEPLOY / "compose.yaml").read_text()
    defaults = dict(re.findall(r"\$\{([A-Z]+_IMAGE):-([^}]+)\}", compose))
    assert pinned == {name: f"{image}@sha256:0123" for name, image in defaults.items()}
    assert f"ARG PYTHON_IMAGE={defaults['PYTHON_IMAGE']}\n" in DOCKERFILE
