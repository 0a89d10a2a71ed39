"""The operator's account can write only the children of ModelServers, with images of the chart."""

import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from epochal_api.modelserver.spec import ModelServer, parse
from epochal_api.modelserver.status import ServedModel
from epochal_operator.modelserver.children import CHILDREN
from epochal_operator.modelserver.observed import Observed

from tests.kit.as_operator import INSTALLATION, OPERATOR
from tests.kit.jobs import Namespace
from tests.kit.kubectl import Object, Refused, apply, kubectl

KERAS = ServedModel(uri="s3://models/model.keras", sha256="a" * 64)
MODELS = [
    KERAS,
    KERAS.model_copy(update={"runtime": "Keras"}),
    KERAS.model_copy(update={"uri": "s3://models/model.onnx"}),
]
KEYS = {"secretRef": {"name": "keys"}}
SERVER: Object = {
    "apiVersion": "epochal.dev/v1alpha1",
    "kind": "ModelServer",
    "metadata": {"name": "owner"},
    "spec": {
        "source": {"trainingJobRef": {"name": "there-is-none"}},
        "storage": {"secretRef": {"name": "minio-credentials"}, "caConfigMapRef": {"name": "authority"}},
        "autoscaling": {"maxReplicas": 2},
        "auth": KEYS,
        "tls": KEYS,
        "imagePullSecrets": [{"name": "registry"}],
        "scheduling": {"priorityClassName": "high", "tolerations": [{"key": "gpu", "operator": "Exists"}]},
    },
}
DENIED = "ValidatingAdmissionPolicy 'epochal-operator-servers' with binding 'epochal-operator-servers' denied request: "
Spoil = Callable[[Object], Any]
POD = "spec.template.spec"
CONTAINERS = f"{POD}.containers"


@pytest.fixture(scope="module")
def server(namespace: Namespace) -> ModelServer:
    """A ModelServer that is there, and waits: it owns nothing yet."""
    apply(SERVER, namespace=namespace.name)
    return parse(json.loads(kubectl("get", "msv", "owner", "--namespace", namespace.name, "--output=json")))


def built(server: ModelServer, model: ServedModel = KERAS) -> dict[str, Object]:
    """Returns all that it should own, by their kinds."""
    made = [child.build(server, model, INSTALLATION, Observed(datetime.now(UTC))) for child in CHILDREN if child.build]
    return {item["kind"]: json.loads(json.dumps(item)) for item in made if item is not None}


def create(namespace: Namespace, body: Object) -> None:
    """Creates something as the operator, by way of admission, but nothing is kept."""
    command = ["create", "--filename", "-", OPERATOR, "--namespace", namespace.name, "--dry-run=server"]
    kubectl(*command, stdin=json.dumps(body))


@pytest.mark.parametrize("model", MODELS, ids=["converted", "Keras", "ONNX"])
def test_the_children_of_a_model_server_are_admitted(
    namespace: Namespace, server: ModelServer, model: ServedModel
) -> None:
    for body in built(server, model).values():
        create(namespace, body)


def pod(one: Object) -> Object:
    found: Object = one["spec"]["template"]["spec"]
    return found


def on_pod(**fields: Any) -> Spoil:
    return lambda one: pod(one).update(fields)


def on_container(**fields: Any) -> Spoil:
    return lambda one: pod(one)["containers"][0].update(fields)


def on_starter(**fields: Any) -> Spoil:
    return lambda one: pod(one)["initContainers"][0].update(fields)


def on_template(**fields: Any) -> Spoil:
    return lambda one: [one["spec"]["template"]["metadata"][field].update(more) for field, more in fields.items()]


def volume(name: str, **source: Any) -> Spoil:
    return lambda one: pod(one)["volumes"].append({"name": name, **source})


def mount(of: str, name: str, **fields: Any) -> Spoil:
    """Mounts a volume once more, or otherwise than it is."""

    def spoil(one: Object) -> None:
        mounts = pod(one)[of][0]["volumeMounts"]
        there = next((item for item in mounts if item["mountPath"] == fields["mountPath"]), None)
        if there is None:
            mounts.append({"name": name, **fields})
        else:
            there.update(fields)

    return spoil


def probe(**fields: Any) -> Spoil:
    return on_container(livenessProbe=fields)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (on_pod(hostNetwork=True), f"{POD}: must set none of hostNetwork"),
        (on_pod(nodeName="master"), f"{POD}: must set none of hostNetwork"),
        (on_pod(automountServiceAccountToken=True), f"{POD}.automountServiceAccountToken: must be false"),
        (lambda one: pod(one).pop("securityContext"), f"{POD}.securityContext: must set runAsNonRoot"),
        (on_container(image="registry.example.com/evil:1"), f"{CONTAINERS}: must have the images"),
        (on_starter(image="registry.example.com/evil:1"), f"{CONTAINERS}: must have the images"),
        (on_container(command=["sh"]), f"{CONTAINERS}: must run the command epochal-server"),
        (on_starter(command=["epochal-server"]), f"{CONTAINERS}: must run the command epochal-server"),
        (on_container(args=["--config=/tmp/x"]), f"{CONTAINERS}: must set nothing but"),
        (on_container(envFrom=[{"secretRef": {"name": "any"}}]), f"{CONTAINERS}: must set nothing but"),
        (on_container(ports=[{"containerPort": 80, "hostPort": 80}]), f"{CONTAINERS}: must set nothing but"),
        (probe(exec={"command": ["sh"]}), f"{CONTAINERS}: must set nothing but"),
        (probe(httpGet={"host": "192.0.2.1", "port": 80}), f"{CONTAINERS}: must set nothing but"),
        (probe(tcpSocket={"host": "192.0.2.1", "port": 80}), f"{CONTAINERS}: must set nothing but"),
        (mount("containers", "config", mountPath="/opt/server/epochal_server"), f"{CONTAINERS}: must mount each"),
        (mount("containers", "auth", mountPath="/opt/server"), f"{CONTAINERS}: must mount each"),
        (mount("containers", "tls", mountPath="/etc/epochal-tls", subPath="x"), f"{CONTAINERS}: must mount each"),
        (mount("initContainers", "auth", mountPath="/etc/epochal-auth"),
         f"{POD}.initContainers: must not mount auth and tls"),
        (on_container(env=[{"name": "LD_PRELOAD", "value": "/tmp/x"}]), f"{CONTAINERS}: must set no variable"),
        (on_starter(env=[{"name": "LD_PRELOAD", "value": "/tmp/x"}]), f"{CONTAINERS}: must set no variable"),
        (on_starter(securityContext={}), f"{CONTAINERS}: must have a securityContext"),
        (lambda one: pod(one)["initContainers"].append(pod(one)["initContainers"][0] | {"name": "two"}),
         f"{POD}: must have one container, and one init container"),
        (volume("more", secret={"secretName": "any"}), f"{POD}.volumes: must be configMap"),
        (volume("more", hostPath={"path": "/"}), f"{POD}.volumes: must be configMap"),
        (volume("more", projected={"sources": []}), f"{POD}.volumes: must be configMap"),
        (on_template(labels={"app": "payments"}), "spec.template.metadata.labels: must be labels of Epochal"),
        (on_template(annotations={"vault.example.com/role": "x"}), "spec.template.metadata.annotations: must be"),
    ],
)  # fmt: skip
def test_other_pods_are_refused(namespace: Namespace, server: ModelServer, spoil: Spoil, message: str) -> None:
    changed = copy.deepcopy(built(server)["Deployment"])
    spoil(changed)
    with pytest.raises(Refused) as refused:
        create(namespace, changed)
    assert f"{DENIED}{message}" in str(refused.value)


@pytest.mark.parametrize(
    "kind", ["Deployment", "Service", "PodDisruptionBudget", "HorizontalPodAutoscaler", "NetworkPolicy"]
)
def test_nothing_is_written_that_no_modelserver_owns(namespace: Namespace, server: ModelServer, kind: str) -> None:
    body = built(server)[kind]
    nobodys = copy.deepcopy(body)
    nobodys["metadata"].pop("ownerReferences")
    others = copy.deepcopy(body)
    others["metadata"]["name"] = "other"
    for changed in (nobodys, others):
        with pytest.raises(Refused, match=r"metadata\.ownerReferences: must name the ModelServer of the same name"):
            create(namespace, changed)


SELECTS: dict[str, Spoil] = {
    "Service": lambda one: one["spec"].update(selector={"app": "payments"}),
    "PodDisruptionBudget": lambda one: one["spec"].update(selector={"matchLabels": {"app": "payments"}}),
    "NetworkPolicy": lambda one: one["spec"].update(podSelector={}),
}


@pytest.mark.parametrize("kind", SELECTS)
def test_selectors_of_foreign_pods_are_refused(namespace: Namespace, server: ModelServer, kind: str) -> None:
    changed = copy.deepcopy(built(server)[kind])
    SELECTS[kind](changed)
    with pytest.raises(Refused, match=r"must select pods by the label epochal\.dev/modelserver-uid"):
        create(namespace, changed)


def test_nothing_else_is_scaled(namespace: Namespace, server: ModelServer) -> None:
    changed = copy.deepcopy(built(server)["HorizontalPodAutoscaler"])
    changed["spec"]["scaleTargetRef"] = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "payments"}
    with pytest.raises(Refused, match=r"spec\.scaleTargetRef: must name the ModelServer"):
        create(namespace, changed)


@pytest.mark.parametrize("fields", [{"type": "LoadBalancer"}, {"type": "NodePort"}, {"externalIPs": ["192.0.2.1"]}])
def test_no_service_reaches_out(namespace: Namespace, server: ModelServer, fields: Object) -> None:
    changed = copy.deepcopy(built(server)["Service"])
    changed["spec"] |= fields
    with pytest.raises(Refused, match="must be of the type ClusterIP"):
        create(namespace, changed)


def test_the_policy_does_not_apply_to_other_users(namespace: Namespace) -> None:
    one = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "others"}, "spec": {"ports": [{"port": 80}]}}
    apply(one, namespace=namespace.name)
    as_operator = [OPERATOR, "--namespace", namespace.name, "--dry-run=server"]
    with pytest.raises(Refused, match=r"metadata\.ownerReferences: must name the ModelServer"):
        kubectl("patch", "service", "others", "--patch", '{"spec": {"selector": {"app": "x"}}}', *as_operator)
