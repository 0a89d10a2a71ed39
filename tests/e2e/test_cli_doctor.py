"""`epochal doctor` finds each fault on the cluster, and names its remedy."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kit import buckets
from tests.kit.jobs import Namespace, digits
from tests.kit.kubectl import Object, apply, get, kubectl, wait

QUOTA: Object = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "full"},
    "spec": {"hard": {"count/jobs.batch": "0"}},
}


def doctor(folder: Path, namespace: Namespace, job: Object | None, config: Object | None = None) -> tuple[int, str]:
    """Returns the exit code and the output of the command for a TrainingJob, perhaps with another kubeconfig."""
    arguments = []
    # A user's own keys and address, which the shell of the cluster may have, would hide a fault.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    if job is not None:
        (folder / "job.yaml").write_text(yaml.safe_dump(job))
        arguments = ["job.yaml"]
    if config is not None:
        (folder / "kubeconfig").write_text(yaml.safe_dump(config))
        environment["KUBECONFIG"] = str(folder / "kubeconfig")
    ended = subprocess.run(
        [sys.executable, "-m", "epochal", "doctor", *arguments, "--namespace", namespace.name],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=60,
    )
    return ended.returncode, ended.stdout + ended.stderr


def test_no_problem(tmp_path: Path, namespace: Namespace) -> None:
    code, output = doctor(tmp_path, namespace, digits())
    assert code == 0, output
    assert "a small object was written, read and deleted" in output
    assert "operator: epochal-system/epochal" in output
    assert "problem" not in output
    assert "the kinds of the cluster are" not in output  # the cluster has the fields of this version


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "secret": ({"storage__secretRef": {"name": "missing"}}, "there is no Secret missing"),
    "keys": ({"storage__secretRef": {"name": "incomplete"}}, "secretKey is missing"),
    "refused keys": (
        {"storage__secretRef": {"name": "wrong"}},
        "): set accessKey and secretKey",
    ),
    "bucket": ({"results__bucket": "no-such-bucket"}, "create the bucket, or correct its name"),
    "object": ({"data__train": {"object": "none.npz"}}, "has no object none.npz"),
    "address": ({"storage__endpoint": "http://localhost:9000"}, "which means the pod itself in a pod"),
    "service": ({"storage__endpoint": "http://none.minio.svc:9000"}, "there is no Service none in the namespace minio"),
    "port": ({"storage__endpoint": "http://minio.minio.svc:80"}, "has no port 80"),
    "GPU": ({"resources__limits": {"nvidia.com/gpu": 64}}, "no node has 64 nvidia.com/gpu"),
    "memory": ({"resources__requests": {"memory": "4Ti"}, "resources__limits": {}}, "no node has 4096.0Gi memory"),
    "queue": ({"scheduling__queueName": "gpus"}, "the cluster has no Kueue"),
}


@pytest.fixture(scope="module")
def secrets(namespace: Namespace) -> None:
    """Secrets that lack a key, or have keys that MinIO refuses."""
    wrong = buckets.secret("wrong", "nobody", "nothing-at-all")
    apply(buckets.secret("incomplete", "key", ""), wrong, namespace=namespace.name)


@pytest.mark.usefixtures("secrets")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_training_job(tmp_path: Path, namespace: Namespace, fault: str) -> None:
    changes, message = FAULTS[fault]
    code, output = doctor(tmp_path, namespace, digits(**changes))
    assert code == 1, output
    assert message in output
    lines = output.splitlines()
    problem = next(index for index, line in enumerate(lines) if line.startswith("problem"))
    # The remedy follows in a line of its own, and in the message of an error of the storage.
    assert lines[problem + 1].startswith(" " * 9) or "): " in lines[problem]


def test_a_quota(tmp_path: Path, namespace: Namespace) -> None:
    apply(QUOTA, namespace=namespace.name)
    wait(
        "the quota to be counted",
        lambda: (get("resourcequota", "full", namespace=namespace.name).get("status") or {}).get("used"),
        seconds=30,
    )
    try:
        code, output = doctor(tmp_path, namespace, digits())
    finally:
        kubectl("delete", "resourcequota", "full", "--namespace", namespace.name)
    assert code == 1, output
    assert "the ResourceQuota full leaves 0 of 0 count/jobs.batch" in output


def kubeconfig_of_tests() -> Object:
    config: Object = yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text())
    return config


def test_rights(tmp_path: Path, namespace: Namespace) -> None:
    """A user without rights: a ServiceAccount."""
    config = kubeconfig_of_tests()
    token = kubectl("create", "token", "default", "--namespace", namespace.name).strip()
    config["users"] = [{"name": user["name"], "user": {"token": token}} for user in config["users"]]
    code, output = doctor(tmp_path, namespace, None, config)
    assert code == 1, output
    assert "problem  rights: you may not create trainingjobs" in output
    assert "warning  nodes: cannot be checked: " in output


def test_no_api_server(tmp_path: Path, namespace: Namespace) -> None:
    config = kubeconfig_of_tests()
    for cluster in config["clusters"]:
        cluster["cluster"]["server"] = "https://127.0.0.1:9"
    code, output = doctor(tmp_path, namespace, None, config)
    assert code == 5, output
    assert "problem  API server: no connection to the API server https://127.0.0.1:9" in output
    assert "skipped  queue: " in output
