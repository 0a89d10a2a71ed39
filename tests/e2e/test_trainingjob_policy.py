"""`kubectl apply` refuses TrainingJobs with values that the installation does not allow."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kit.jobs import WAITING, Namespace, digits, search
from tests.kit.kubectl import Refused, apply, kubectl, wait

CHART = Path(__file__).parents[2] / "charts" / "epochal"
RELEASE = "lists-epochal"
VALUES = {
    "imageRegistry": "localhost",
    "storage": {"endpoint": "https://minio.minio.svc:9000", "requireTLS": True},
    "trainingJobPolicy": {
        "enabled": True,
        "serviceAccountNames": ["default", "trainer-*"],
        "priorityClassNames": ["low", "lists-*"],
        "images": ["registry.example.com/team/*", "localhost/epochal-trainer:dev"],
        "storageEndpoints": ["https://s3.example.com:*"],
        "nodeSelectorKeys": ["topology.kubernetes.io/*"],
        "tolerationKeys": ["nvidia.com/gpu"],
        "runtimeClassNames": ["nvidia"],
    },
}
TLS: dict[str, Any] = {"storage__endpoint": "https://minio.minio.svc:9000", "suspend": True}


@pytest.fixture(scope="module", autouse=True)
def _policy(namespace: Namespace) -> Iterator[None]:
    """The chart's policy, in the namespace of these tests alone. One TrainingJob was there before."""
    namespace.apply(digits("earlier", **WAITING, image="docker.io/other", serviceAccountName="other"))
    with applied("policy-allowed-values", VALUES, namespace):
        plain = {"storage__endpoint": "http://minio.minio.svc:9000", "suspend": True}
        wait("the policy to hold", lambda: not admitted(namespace, **plain), seconds=30)
        yield


@contextmanager
def applied(template: str, values: dict[str, Any], namespace: Namespace) -> Iterator[None]:
    """Has a policy of the chart hold in one namespace."""
    command = ["helm", "template", RELEASE, str(CHART), "--values=-", f"--show-only=templates/{template}.yaml"]
    text = subprocess.run(command, check=True, capture_output=True, text=True, input=json.dumps(values)).stdout
    policy, binding = yaml.safe_load_all(text)
    labels = {"kubernetes.io/metadata.name": namespace.name}
    binding["spec"]["matchResources"] = {"namespaceSelector": {"matchLabels": labels}}
    apply(policy, binding)
    try:
        yield
    finally:
        for manifest in (binding, policy):
            kubectl("delete", manifest["kind"], manifest["metadata"]["name"])


def admitted(namespace: Namespace, **changes: Any) -> bool:
    try:
        kubectl("create", "--dry-run=server", "--namespace", namespace.name, "--filename=-",
                stdin=json.dumps(digits("tried", **changes)))  # fmt: skip
    except Refused:
        return False
    return True


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"storage__endpoint": "http://minio.minio.svc:9000"},
            "spec.storage.endpoint: must be https here, found http://minio.minio.svc:9000",
        ),
        (
            {"serviceAccountName": "admin"},
            "spec.serviceAccountName: must be one that is allowed here (default, trainer-*), found admin",
        ),
        (
            {"imagePullSecrets": [{"name": "registry"}, {"name": "other"}]},
            "spec.imagePullSecrets: must not be set here, found registry, other",
        ),
        (
            {"scheduling__priorityClassName": "system-node-critical"},
            "scheduling.priorityClassName: must be one that is allowed here (low, lists-*), found system-node-critical",
        ),
        (
            {"scheduling__priorityClassName": RELEASE},
            f"spec.scheduling.priorityClassName: must not be {RELEASE}, which is reserved for the operator of Epochal",
        ),
        (
            {"image": "registry.example.com/teams/trainer:1"},
            "(registry.example.com/team/*, localhost/epochal-trainer:dev), found registry.example.com/teams/trainer:1",
        ),
        (
            {"storage__endpoint": "https://s3.example.com.attacker.example:443"},
            "(https://s3.example.com:*, https://minio.minio.svc:9000), found https://s3.example.com.attacker.example:443",
        ),
        (
            {"scheduling__runtimeClassName": "kata"},
            "spec.scheduling.runtimeClassName: must be one that is allowed here (nvidia), found kata",
        ),
        ({"scheduling__schedulerName": "other"}, "spec.scheduling.schedulerName: must not be set here, found other"),
        (
            {"scheduling__nodeSelector": {"node-role.kubernetes.io/control-plane": ""}},
            "must be one that is allowed here (topology.kubernetes.io/*), found node-role.kubernetes.io/control-plane",
        ),
        (
            {"scheduling__tolerations": [{"operator": "Exists"}]},
            "spec.scheduling.tolerations: must be one that is allowed here (nvidia.com/gpu), found *",
        ),
        ({"scheduling__affinity": {"nodeAffinity": {}}}, "spec.scheduling.affinity: must not be set here"),
        ({"network": None, "code": {"object": "model.py"}}, "spec.code: must not be set here"),
    ],
)
def test_forbidden_values_are_refused(namespace: Namespace, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(Refused) as refused:
        namespace.apply(digits(**(TLS | changes)))
    assert message in str(refused.value)


def test_a_template_may_name_no_more(namespace: Namespace) -> None:
    with pytest.raises(Refused) as refused:
        namespace.apply(search("named", {"image": "docker.io/other", "storage__endpoint": TLS["storage__endpoint"]}))
    assert "spec.template.spec.image: must be one that is allowed here" in str(refused.value)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"storage__endpoint": None},
        {"serviceAccountName": "trainer-1"},
        {"scheduling__priorityClassName": "low"},
        {"image": "registry.example.com/team/trainer:1"},
        {"image": "localhost/epochal-trainer:dev"},
        {"storage__endpoint": "https://s3.example.com:9000"},
        {"scheduling__nodeSelector": {"topology.kubernetes.io/zone": "a"}},
        {"scheduling__tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}]},
        {"scheduling__runtimeClassName": "nvidia"},
        {"scheduling__queueName": "team"},
    ],
)
def test_allowed_values_are_admitted(namespace: Namespace, changes: dict[str, Any]) -> None:
    assert admitted(namespace, **(TLS | changes))


def test_a_model_server_may_name_no_more(namespace: Namespace) -> None:
    spec = {
        "source": {"uri": "s3://models/model.onnx", "sha256": "a" * 64},
        "storage": {"endpoint": "https://169.254.169.254", "secretRef": {"name": "minio-credentials"}},
    }
    server = {"apiVersion": "epochal.dev/v1alpha1", "kind": "ModelServer", "metadata": {"name": "named"}, "spec": spec}
    with pytest.raises(Refused) as refused:
        namespace.apply(server)
    assert "spec.storage.endpoint: must be one that is allowed here" in str(refused.value)


def test_a_job_older_than_the_policy_runs_on(namespace: Namespace) -> None:
    namespace.patch({"activeDeadlineSeconds": 600}, "earlier")
    with pytest.raises(Refused, match=r"spec\.serviceAccountName: must be one that is allowed here"):
        namespace.patch({"serviceAccountName": "admin"}, "earlier")


def test_a_job_in_an_unwatched_namespace_is_admitted_with_a_warning(namespace: Namespace) -> None:
    command = ["kubectl", "create", "--dry-run=server", "--namespace", namespace.name, "--filename=-"]
    job = json.dumps(digits("unserved", **TLS))

    def warned() -> str | None:
        output = subprocess.run(command, check=True, capture_output=True, text=True, input=job).stderr
        return output if "Warning: " in output else None

    with applied("policy-watch-warning", {"imageRegistry": "localhost", "watchNamespaces": ["elsewhere"]}, namespace):
        warning = wait("the warning", warned, seconds=30)
    assert f"no operator reconciles TrainingJobs in {namespace.name}" in warning
    assert "watches elsewhere (Helm value watchNamespaces)" in warning
