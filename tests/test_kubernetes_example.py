"""deploy/kubernetes.yaml: pods get no more than they need, probes ask what they should, commands exist."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from django.core.management import get_commands

from postersite.env import BASE_DIR

TEXT = (BASE_DIR / "deploy" / "kubernetes.yaml").read_text()
OBJECTS: dict[tuple[str, str], dict[str, Any]] = {
    (each["kind"], each["metadata"]["name"].removeprefix("postersite-")): each
    for each in yaml.safe_load_all(TEXT)
}


def pod_of(each: dict[str, Any]) -> dict[str, Any]:
    spec = each["spec"]["jobTemplate"]["spec"] if each["kind"] == "CronJob" else each["spec"]
    found: dict[str, Any] = spec["template"]["spec"]
    return found


PODS = {
    name: pod_of(each) for (kind, name), each in OBJECTS.items() if kind in ("Deployment", "Job", "CronJob")
}


def test_each_part_is_there() -> None:
    assert set(PODS) == {"setup", "web", "worker-io", "worker-ml", "beat", "backup"}
    assert OBJECTS["Deployment", "beat"]["spec"]["replicas"] == 1
    assert OBJECTS["CronJob", "backup"]["spec"]["concurrencyPolicy"] == "Forbid"


@pytest.mark.parametrize("name", sorted(PODS))
def test_pods_get_no_more_than_they_need(name: str) -> None:
    pod = PODS[name]
    assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] == 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"]["memory"] and container["resources"]["requests"]["memory"]
    mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounted.keys() == {volume["name"] for volume in pod["volumes"]} and mounted["tmp"] == "/tmp"


def test_the_web_server_is_alive_without_a_database_and_ready_with_it() -> None:
    (web,) = PODS["web"]["containers"]
    assert web["livenessProbe"]["httpGet"]["path"] == web["startupProbe"]["httpGet"]["path"] == "/healthz"
    assert web["readinessProbe"]["httpGet"]["path"] == "/readyz"


@pytest.mark.parametrize("name", ["worker-io", "worker-ml", "beat"])
def test_probes_are_of_the_part_that_runs(name: str) -> None:
    (container,) = PODS[name]["containers"]
    command, check = container["command"], container["livenessProbe"]["exec"]["command"]
    assert command[:4] == ["celery", "-A", "postersite", "--quiet"]
    assert check[:3] == ["python", "manage.py", "health_check"] and check[2] in get_commands()
    if name == "beat":
        assert check[4:] == ["--schedule", command[command.index("--schedule") + 1]]
    else:
        assert check[3] == "worker" and f"{check[4]}@%h" == command[command.index("--hostname") + 1]
        assert command[command.index("--queues") + 1] == check[4]


@pytest.mark.parametrize("name", ["setup", "backup"])
def test_jobs_run_commands_that_exist(name: str) -> None:
    command = PODS[name]["containers"][0]["command"]
    assert command[:2] == ["python", "manage.py"] and command[2] in get_commands()


def test_secrets_come_from_the_cluster() -> None:
    """The file has no secret, so nobody runs a site with the example's passwords."""
    assert "Secret" not in {kind for kind, _ in OBJECTS}
    assert all(
        {"secretRef": {"name": "postersite"}} in pod["containers"][0]["envFrom"] for pod in PODS.values()
    )
    assert not {"SECRET_KEY", "DATABASE_URL", "REDIS_URL"} & set(OBJECTS["ConfigMap", "postersite"]["data"])


def test_the_service_reaches_the_web_pods() -> None:
    selector = OBJECTS["Service", "postersite"]["spec"]["selector"]
    assert OBJECTS["Deployment", "web"]["spec"]["template"]["metadata"]["labels"] == selector
    (web,) = PODS["web"]["containers"]
    assert {port["name"] for port in web["ports"]} >= {"http"}
