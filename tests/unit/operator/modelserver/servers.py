"""ModelServers, their children and their sources, as the API server returns them."""

import copy
from dataclasses import replace
from typing import Any

from epochal_api.modelserver.spec import ModelServer, parse
from epochal_api.modelserver.status import ServedModel
from epochal_operator.modelserver import cache_transform
from epochal_operator.modelserver.children import CHILDREN, DEPLOYMENT
from epochal_operator.modelserver.deployment import deployment
from epochal_operator.modelserver.kind import model_servers
from epochal_operator.modelserver.observed import Observed
from epochal_operator.modelserver.resources import INPUTS_ANNOTATION, RESTARTED_ANNOTATION, TEMPLATE_ANNOTATION
from epochal_operator.modelserver.source import ResolvedModel
from epochal_operator.runtime.owners import ObservedChild

from tests.unit.operator.objects import INSTALLATION, NOW, at

UID = "5f0c6a52-0000-4000-8000-000000000013"
SHA, OTHER_SHA = "a" * 64, "b" * 64
URI, KERAS = "s3://models/digits/model.onnx", "s3://models/digits/model.keras"
KIND = model_servers(lambda: INSTALLATION, instance="test")
SPEC: dict[str, Any] = {
    "source": {"uri": URI, "sha256": SHA},
    "storage": {"secretRef": {"name": "credentials"}},
}
MODEL = ServedModel(uri=URI, sha256=SHA)
BY_KERAS = ServedModel(uri=KERAS, sha256=SHA, runtime="Keras")
CONVERTED = ServedModel(uri=KERAS, sha256=SHA)
FOLDER = "s3://results/vision/mnist/uid-of-mnist"


def document(status: Any = None, *, generation: int = 1, **spec: Any) -> dict[str, Any]:
    """Return a ModelServer as JSON; None omits a field of its spec."""
    metadata = {"name": "digits", "namespace": "vision", "uid": UID, "generation": generation, "resourceVersion": "41"}
    fields = copy.deepcopy(SPEC) | spec
    return {
        "apiVersion": "epochal.dev/v1alpha1",
        "kind": "ModelServer",
        "metadata": metadata,
        "spec": {name: value for name, value in fields.items() if value is not None},
        **({} if status is None else {"status": status}),
    }


def server(status: Any = None, **spec: Any) -> ModelServer:
    """Return a ModelServer; its status may be a model."""
    return parse(document(status.dump() if hasattr(status, "dump") else status, **spec))


def entry(model: str, letter: str, epoch: int = 9) -> dict[str, Any]:
    """Return an item of status.results.models of a TrainingJob."""
    return {"name": model, "uri": f"{FOLDER}/{model}", "epoch": epoch, "sha256": letter * 64}


def export(which: str, letter: str, name: str) -> dict[str, Any]:
    """Return an item of status.results.exports of a TrainingJob."""
    return {"model": which, "format": "onnx", "name": name, "uri": f"{FOLDER}/{name}", "sha256": letter * 64}


def training_job(state: str = "Complete", *, uid: str = "uid-of-mnist", **results: Any) -> dict[str, Any]:
    """Return a TrainingJob in a state; further arguments are fields of status.results."""
    conditions = [{"type": state, "status": "True", "reason": "Completed"}] if state in {"Complete", "Failed"} else []
    return {
        "metadata": {"name": "mnist", "namespace": "vision", "uid": uid, "generation": 1, "resourceVersion": "7"},
        "spec": {},
        "status": {
            "state": state,
            "conditions": conditions,
            "best": {"epoch": 9, "metric": "val_loss", "value": "0.04"},
            "results": {"uri": f"{FOLDER}/", "models": [entry("model.keras", "c")]} | results,
        },
    }


def live_deployment(
    of: ModelServer | None = None, model: ServedModel = MODEL, *, generation: int = 1, **status: Any
) -> dict[str, Any]:
    """Return the Deployment of a ModelServer as the API server stores it, with a status."""
    made = copy.deepcopy(deployment(of or server(), model, INSTALLATION))
    made["metadata"] |= {"uid": "deployment-uid", "resourceVersion": "42", "generation": generation}
    noted = {TEMPLATE_ANNOTATION: cache_transform.template_digest(made["spec"]["template"]), RESTARTED_ANNOTATION: ""}
    made["metadata"]["annotations"] |= noted
    return made | {"status": {"observedGeneration": generation} | status}


def rolled_out(count: int = 1) -> dict[str, Any]:
    """Return the status of a Deployment after its rollout."""
    return {"replicas": count, "readyReplicas": count, "updatedReplicas": count}


def replica_set(name: str = "digits-1", uid: str = "set-uid") -> dict[str, Any]:
    """Return a ReplicaSet of the Deployment."""
    owner = {"kind": "Deployment", "name": "digits", "uid": "deployment-uid", "controller": True}
    labels = {"epochal.dev/modelserver": "digits", "epochal.dev/modelserver-uid": UID}
    about = {"name": name, "namespace": "vision", "uid": uid, "resourceVersion": "43", "labels": labels}
    return {"metadata": about | {"ownerReferences": [owner]}}


def pod(
    name: str = "digits-1-a",
    *,
    of: ModelServer | None = None,
    model: ServedModel = MODEL,
    ready: bool = False,
    **status: Any,
) -> dict[str, Any]:
    """Return a pod of the Deployment; further arguments are fields of its status."""
    template = deployment(of or server(), model, INSTALLATION)["spec"]["template"]
    owner = {"kind": "ReplicaSet", "name": "digits-1", "uid": "set-uid", "controller": True}
    about = {
        "name": name,
        "namespace": "vision",
        "uid": f"uid-of-{name}",
        "resourceVersion": "44",
        "creationTimestamp": at(-60),
        "ownerReferences": [owner],
    }
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    return {
        "metadata": copy.deepcopy(template["metadata"]) | about,
        "spec": copy.deepcopy(template["spec"]) | {"nodeName": "node-1"},
        "status": {"phase": "Running", "conditions": conditions} | status,
    }


def container(name: str = "server", **state: Any) -> dict[str, Any]:
    """Return the status of a container in a state."""
    return {"name": name, "image": "epochal-server:test", "state": state}


def failed_container(message: str = "", code: int = 1, reason: str = "Error", name: str = "server") -> dict[str, Any]:
    """Return the status of a container that has failed and waits for its restart."""
    last = {"exitCode": code, "reason": reason, "message": message}
    waits = {"reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container"}
    return container(name, waiting=waits) | {"lastState": {"terminated": last}}


def termination_message(reason: str, message: str = "why") -> str:
    """Return a termination message."""
    return f'{{"reason": "{reason}", "message": "{message}"}}'


def observe(
    deployed: Any = None, *pods: Any, of: ModelServer | None = None, model: ServedModel = MODEL, source: Any = None
) -> Observed:
    """Return the observed state of a ModelServer: its Deployment, its pods, and all other children as desired."""
    children = []
    for one in CHILDREN:
        if one is DEPLOYMENT:
            children.append(ObservedChild(one, cache_transform.deployment(deployed) if deployed else None))
            continue
        wanted = one.build(of or server(), model, INSTALLATION, Observed(NOW)) if deployed and one.build else None
        about = {"uid": "u", "resourceVersion": "1"}
        thing = {**wanted, "metadata": {**wanted["metadata"], **about}} if wanted else None
        children.append(ObservedChild(one, thing))
    return Observed(NOW, source or ResolvedModel(model), tuple(children), tuple(map(cache_transform.pod, pods)))


def with_blocked_service(observed: Observed, cause: Any) -> Observed:
    """Return the observed state with a blocked Service."""
    children = [
        replace(one, blocked=cause) if one.type.resource.kind == "Service" else one for one in observed.children
    ]
    return replace(observed, children=tuple(children))


def inputs(deployed: Any) -> str:
    """Return the digest of the inputs of a Deployment's template."""
    return str(deployed["spec"]["template"]["metadata"]["annotations"][INPUTS_ANNOTATION])
