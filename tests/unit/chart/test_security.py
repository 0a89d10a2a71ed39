"""Pod security, permissions of the operator, and no secret in a manifest."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from epochal_api.modelserver.status import ServedModel
from epochal_operator.modelserver.deployment import deployment

from tests.unit.operator.modelserver.servers import BY_KERAS, CONVERTED, MODEL, server
from tests.unit.operator.objects import INSTALLATION

Render = Callable[..., Any]
Object = dict[str, Any]

RIGHTS = {
    ("epochal.dev", "trainingjobs", "get list watch create patch delete"),
    ("epochal.dev", "trainingjobs/status", "patch"),
    ("epochal.dev", "trainingjobs/finalizers", "update"),
    ("epochal.dev", "experiments", "get list watch delete"),
    ("epochal.dev", "experimentledgers", "get create patch"),
    ("epochal.dev", "experiments/status", "patch"),
    ("epochal.dev", "experiments/finalizers", "update"),
    ("epochal.dev", "modelservers", "get list watch"),
    ("epochal.dev", "modelservers/status", "patch"),
    ("epochal.dev", "modelservers/finalizers", "update"),
    ("batch", "jobs", "get list watch create patch delete"),
    ("apps", "deployments", "get list watch create update patch"),
    ("apps", "replicasets", "list watch"),
    ("", "services", "get list watch create patch"),
    ("policy", "poddisruptionbudgets", "get list watch create patch"),
    ("autoscaling", "horizontalpodautoscalers", "get list watch create patch delete"),
    ("networking.k8s.io", "networkpolicies", "get list watch create patch delete"),
    ("", "pods", "get list watch"),
    ("events.k8s.io", "events", "list watch create"),
}
KEYS = {"secretRef": {"name": "keys"}}
COMBINATIONS: list[Object] = [
    {},
    {"replicas": 3, "serviceMonitor": {"enabled": True}, "createNamespace": True},
    {"watchNamespaces": ["vision", "speech"]},
    {"serviceAccount": {"create": False, "name": "mine"}, "rbac": {"aggregate": False}},
]


def violations(pod: Object) -> list[str]:
    """Return the violations of the Pod Security level `restricted` by a pod.

    https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
    """
    found = [f"pod: {field}" for field in ("hostNetwork", "hostPID", "hostIPC") if pod.get(field)]
    allowed = {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
    found += [
        f"volume {volume['name']}" for volume in pod.get("volumes", []) if not volume.keys() - {"name"} <= allowed
    ]
    outer = pod.get("securityContext", {})
    for container in [*pod["containers"], *pod.get("initContainers", [])]:
        inner = container.get("securityContext", {})
        effective = outer | inner
        checks = {
            "privileged": not inner.get("privileged"),
            "allowPrivilegeEscalation": inner.get("allowPrivilegeEscalation") is False,
            "capabilities.drop": "ALL" in inner.get("capabilities", {}).get("drop", []),
            "capabilities.add": set(inner.get("capabilities", {}).get("add", [])) <= {"NET_BIND_SERVICE"},
            "runAsNonRoot": effective.get("runAsNonRoot") is True,
            "runAsUser": effective.get("runAsUser") != 0,
            "seccompProfile": effective.get("seccompProfile", {}).get("type") in {"RuntimeDefault", "Localhost"},
            "hostPort": not any("hostPort" in port for port in container.get("ports", [])),
        }
        found += [f"{container['name']}: {name}" for name, holds in checks.items() if not holds]
    return found


@pytest.mark.parametrize("values", COMBINATIONS)
def test_every_pod_is_restricted(render: Render, values: Object) -> None:
    pods = list(render(**values).pod_specs())
    assert pods
    assert [violations(pod) for pod in pods] == [[] for _ in pods]


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda pod, _: pod.update(hostNetwork=True), "pod: hostNetwork"),
        (lambda pod, _: pod.update(volumes=[{"name": "root", "hostPath": {"path": "/"}}]), "volume root"),
        (lambda pod, _: pod.pop("securityContext"), "operator: runAsNonRoot"),
        (lambda pod, _: pod["securityContext"].pop("seccompProfile"), "operator: seccompProfile"),
        (lambda _, own: own.pop("capabilities"), "operator: capabilities.drop"),
        (lambda _, own: own.update(runAsUser=0), "operator: runAsUser"),
        (lambda _, own: own.update(allowPrivilegeEscalation=True), "operator: allowPrivilegeEscalation"),
    ],
)
def test_violations_are_found(render: Render, spoil: Callable[[Object, Object], Any], complaint: str) -> None:
    pod = copy.deepcopy(render().one("Deployment")["spec"]["template"]["spec"])
    spoil(pod, pod["containers"][0]["securityContext"])
    assert complaint in violations(pod)


@pytest.mark.parametrize("model", [MODEL, BY_KERAS, CONVERTED], ids=["ONNX", "Keras", "converted"])
def test_every_pod_of_a_server_is_restricted(model: ServedModel) -> None:
    pod = deployment(server(auth=KEYS, tls=KEYS), model, INSTALLATION)["spec"]["template"]["spec"]
    assert violations(pod) == []
    everything = [*pod["containers"], *pod.get("initContainers", [])]
    assert all(container["securityContext"]["readOnlyRootFilesystem"] for container in everything)
    assert pod["automountServiceAccountToken"] is False


def test_root_file_system_is_read_only(render: Render) -> None:
    assert render().container()["securityContext"]["readOnlyRootFilesystem"] is True


@pytest.mark.parametrize("values", COMBINATIONS)
def test_no_secret_is_rendered(render: Render, values: Object) -> None:
    rendered = render(**values)
    secrets = [item for item in rendered.objects if item["kind"] == "Secret"]
    assert [item["metadata"]["name"] for item in secrets] == ["epochal-tls"]
    # Not even an empty `data`: whoever applies the manifest would own the field and empty it again.
    assert secrets[0].keys() == {"apiVersion", "kind", "metadata", "type"}
    assert "PRIVATE KEY" not in rendered.text
    assert "-----BEGIN" not in rendered.text


def test_operator_permissions(render: Render) -> None:
    rendered = render()
    assert _flat(rendered.one("ClusterRole")) == RIGHTS
    assert _flat(rendered.one("ClusterRole", "epochal-tokenreview")) == {
        ("authentication.k8s.io", "tokenreviews", "create")
    }
    own = rendered.one("Role")["rules"]
    assert [(rule["resources"], rule.get("resourceNames"), rule["verbs"]) for rule in own] == [
        (["secrets"], ["epochal-tls"], ["get", "update"]),
        (["leases"], ["epochal"], ["get", "update"]),
        (["leases"], None, ["create"]),
    ]


def test_an_operator_of_some_namespaces_reads_the_pods_of_its_own(render: Render) -> None:
    *_, last = render(watchNamespaces=["vision"]).one("Role")["rules"]
    assert last == {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}


def _flat(role: Object) -> set[tuple[str, str, str]]:
    rules = role["rules"]
    assert all(len(rule["apiGroups"]) == len(rule["resources"]) == 1 for rule in rules)
    return {(rule["apiGroups"][0], rule["resources"][0], " ".join(rule["verbs"])) for rule in rules}


@pytest.mark.parametrize("values", COMBINATIONS)
def test_no_wildcards_and_named_secrets_only(render: Render, values: Object) -> None:
    roles = [item for item in render(**values).objects if item["kind"] in {"Role", "ClusterRole"}]
    assert roles
    for role in roles:
        for rule in role["rules"]:
            assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]
            if "secrets" in rule["resources"]:
                assert role["kind"] == "Role"
                assert rule["resourceNames"] == ["epochal-tls"]


def test_permissions_only_in_watched_namespaces(render: Render) -> None:
    rendered = render(watchNamespaces=["vision", "speech"])
    bindings = [item for item in rendered.objects if item["kind"].endswith("RoleBinding")]
    granted = {
        (item["kind"], item["metadata"].get("namespace"), item["roleRef"]["kind"], item["roleRef"]["name"])
        for item in bindings
    }
    assert granted == {
        ("RoleBinding", "vision", "ClusterRole", "epochal"),
        ("RoleBinding", "speech", "ClusterRole", "epochal"),
        ("RoleBinding", "epochal-system", "Role", "epochal"),
        ("ClusterRoleBinding", None, "ClusterRole", "epochal-tokenreview"),
    }


@pytest.mark.parametrize("values", COMBINATIONS)
def test_permissions_are_bound_to_the_operator(render: Render, values: Object) -> None:
    rendered = render(**values)
    account = rendered.one("Deployment")["spec"]["template"]["spec"]["serviceAccountName"]
    subjects = [item["subjects"] for item in rendered.objects if item["kind"].endswith("RoleBinding")]
    assert subjects
    assert all(
        subject == [{"kind": "ServiceAccount", "name": account, "namespace": "epochal-system"}] for subject in subjects
    )


def test_user_roles_are_aggregated(render: Render) -> None:
    rendered = render()
    prefix = "rbac.authorization.k8s.io/aggregate-to-"
    added = {
        name: {
            label.removeprefix(prefix)
            for label in rendered.one("ClusterRole", name)["metadata"]["labels"]
            if prefix in label
        }
        for name in ("epochal-edit", "epochal-view")
    }
    assert added == {"epochal-edit": {"edit", "admin"}, "epochal-view": {"view"}}
    assert _flat(rendered.one("ClusterRole", "epochal-view")) == {
        ("epochal.dev", "trainingjobs", "get list watch"),
        ("epochal.dev", "trainingjobs/status", "get"),
        ("epochal.dev", "experiments", "get list watch"),
        ("epochal.dev", "experiments/status", "get"),
        ("epochal.dev", "experimentledgers", "get list watch"),
        ("epochal.dev", "modelservers", "get list watch"),
        ("epochal.dev", "modelservers/scale", "get"),
        ("epochal.dev", "modelservers/status", "get"),
    }
    verbs = "get list watch create update patch delete deletecollection"
    assert _flat(rendered.one("ClusterRole", "epochal-edit")) == {
        ("epochal.dev", "trainingjobs", verbs),
        ("epochal.dev", "trainingjobs/status", "get"),
        ("epochal.dev", "experiments", verbs),
        ("epochal.dev", "experiments/status", "get"),
        ("epochal.dev", "experimentledgers", "get list watch"),
        ("epochal.dev", "modelservers", verbs),
        ("epochal.dev", "modelservers/scale", "get update patch"),
        ("epochal.dev", "modelservers/status", "get"),
    }
