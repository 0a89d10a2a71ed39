"""The API server admits every kind of object that the operator can create, with the operator's rights and policies."""

import json
import subprocess
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from epochal_api.experiment import spec as experiment
from epochal_api.modelserver import spec as modelserver
from epochal_api.modelserver.status import ServedModel
from epochal_api.trainingjob import spec as trainingjob
from epochal_operator.experiment.ledger.stored import StoredLedger, append_events, experiment_ledger
from epochal_operator.experiment.report.job import report_job
from epochal_operator.modelserver.children import CHILDREN
from epochal_operator.modelserver.observed import Observed
from epochal_operator.runtime.events import Event, event_object
from epochal_operator.trainingjob.job.batch_job import batch_job
from epochal_operator.trainingjob.reasons import Reason
from epochal_operator.trainingjob.resources import TRAINING_JOBS
from epochal_operator.web.pod_auth import token_review

from tests.kit import operator
from tests.kit.as_operator import INSTALLATION, OPERATOR
from tests.kit.jobs import Namespace, digits, search
from tests.kit.kubectl import Object, Refused, kubectl

ROOT = Path(__file__).parents[2]
SHA = "a" * 64
MODELS = {
    "ONNX": ServedModel(uri="s3://models/model.onnx", sha256=SHA),
    "Keras": ServedModel(uri="s3://models/model.keras", sha256=SHA, runtime="Keras"),
    "converted": ServedModel(uri="s3://models/model.keras", sha256=SHA),
}


def stored(document: Object, namespace: str) -> Object:
    """Return a document with the metadata that the API server would give it."""
    return document | {
        "metadata": document["metadata"]
        | {"namespace": namespace, "uid": str(uuid.uuid4()), "generation": 1, "resourceVersion": "1"}
    }


def training(namespace: str) -> list[Object]:
    """Return the Jobs of a TrainingJob and of an Experiment's report."""
    searching = stored(search("searching"), namespace)
    return [
        batch_job(trainingjob.parse(stored(digits("job"), namespace)), INSTALLATION),
        report_job(searching, (), experiment.parse(searching).spec, INSTALLATION),
    ]


def trials(namespace: str) -> list[Object]:
    """Return a TrainingJob as an Experiment owns it."""
    searching = stored(search("searching"), namespace)
    owner = {key: searching[key] for key in ("apiVersion", "kind")}
    owner |= {key: searching["metadata"][key] for key in ("name", "uid")} | {"controller": True}
    trial = digits("searching-0-r0", suspend=True)
    trial["metadata"] |= {"labels": {"epochal.dev/experiment": "searching"}, "ownerReferences": [owner]}
    return [trial]


def ledgers(namespace: str) -> list[Object]:
    """Return the ledger of an Experiment."""
    searching = stored(search("searching"), namespace)
    ledger = append_events(StoredLedger(owner=searching["metadata"]["uid"]), ())
    return [dict(experiment_ledger(searching, ledger))]


def serving(namespace: str) -> list[Object]:
    """Return every child of ModelServers that set each optional field, for each runtime."""
    keys = {"secretRef": {"name": "keys"}}
    spec: Object = {
        "source": {"uri": "s3://models/model.onnx", "sha256": SHA},
        "storage": {
            "secretRef": {"name": "minio-credentials"},
            "caConfigMapRef": {"name": "authority", "key": "ca.crt"},
        },
        "auth": keys,
        "tls": keys,
        "replicas": 2,
    }
    scaled = {key: value for key, value in spec.items() if key != "replicas"} | {
        "autoscaling": {"minReplicas": 1, "maxReplicas": 3}
    }
    document = {"apiVersion": "epochal.dev/v1alpha1", "kind": "ModelServer", "metadata": {"name": "server"}}
    found: list[Any] = []
    for variant in (spec, scaled):
        server = modelserver.parse(stored(document | {"spec": variant}, namespace))
        for model in MODELS.values():
            found += [
                child.build(server, model, INSTALLATION, Observed(datetime.now(UTC)))
                for child in CHILDREN
                if child.build
            ]
    return [child for child in found if child]


def events(namespace: str) -> list[Object]:
    """Return an Event about a TrainingJob."""
    about = stored(digits("job"), namespace)["metadata"]
    event = Event(type="Normal", reason=Reason.COMPLETED, note="trained 1 epoch", key="1")
    return [event_object(event, TRAINING_JOBS, about, instance="test", now=datetime.now(UTC))]


def leases(_: str) -> list[Object]:
    """Return the Lease of the leader, in the operator's own namespace."""
    metadata = {"name": "epochal-tried", "namespace": operator.NAMESPACE}
    return [{"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": {}}]


BUILDERS: dict[str, Callable[[str], list[Object]]] = {
    "deployments.apps": serving,
    "events.events.k8s.io": events,
    "experimentledgers.epochal.dev": ledgers,
    "horizontalpodautoscalers.autoscaling": serving,
    "jobs.batch": training,
    "leases.coordination.k8s.io": leases,
    "networkpolicies.networking.k8s.io": serving,
    "poddisruptionbudgets.policy": serving,
    "services": serving,
    "tokenreviews.authentication.k8s.io": lambda _: [token_review("none", "epochal.dev")],
    "trainingjobs.epochal.dev": trials,
}
"""For each resource that the operator may create: the objects as the operator builds them."""


def creatable() -> set[str]:
    """Return the resources that the operator's roles allow it to create."""
    names = ["clusterrole/epochal", "clusterrole/epochal-tokenreview", "role/epochal"]
    found = [kubectl("get", name, f"--namespace={operator.NAMESPACE}", "--output=json") for name in names]
    roles = [json.loads(text) for text in found]
    return {
        f"{resource}.{group}" if group else resource
        for role in roles
        for rule in role["rules"]
        if "create" in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


def plural(body: Object) -> str:
    """Return the name of an object's resource with its group, as RBAC has it."""
    kind, group = body["kind"].lower(), body["apiVersion"].rpartition("/")[0]
    name = f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}s"
    return f"{name}.{group}" if group else name


def test_every_resource_with_the_right_to_create_is_tried() -> None:
    assert set(BUILDERS) == creatable()


@pytest.mark.parametrize("resource", BUILDERS)
def test_a_created_object_is_admitted(namespace: Namespace, resource: str) -> None:
    bodies = [body for body in BUILDERS[resource](namespace.name) if plural(body) == resource]
    assert bodies
    for body in bodies:
        create(body)


@pytest.mark.parametrize(
    ("volume", "items"),
    [
        ("auth", [{"key": "password", "path": "key"}]),
        ("tls", [{"key": "password", "path": "tls.crt"}]),
        ("tls", [{"key": "tls.crt", "path": "config.json"}]),
    ],
)
def test_a_server_gets_no_other_key_of_a_secret(namespace: Namespace, volume: str, items: list[Object]) -> None:
    deployment = next(body for body in serving(namespace.name) if body["kind"] == "Deployment")
    (found,) = (item for item in deployment["spec"]["template"]["spec"]["volumes"] if item["name"] == volume)
    found["secret"]["items"] = items
    with pytest.raises(Refused, match=r"spec\.template\.spec\.volumes: must not set items for auth"):
        create(deployment)


def test_an_upgrade_admits_the_images_of_the_running_operator() -> None:
    """The old operator leads until the new one is ready: it still writes Deployments with its own images."""
    command = [
        *("helm", "template", "epochal", str(ROOT / "charts/epochal"), f"--namespace={operator.NAMESPACE}"),
        *(f"--values={ROOT / 'tests/cluster/values.yaml'}", "--set=serverImage.tag=next", "--dry-run=server"),
        "--show-only=templates/policy-operator-server.yaml",
    ]
    policy, _ = yaml.safe_load_all(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    rules = " ".join(rule["expression"] for rule in policy["spec"]["validations"])
    assert "'localhost/epochal-server:next'" in rules
    assert "'localhost/epochal-server:dev'" in rules
    assert policy["metadata"]["annotations"]["epochal.dev/images"].split() == [
        "localhost/epochal-server:next",
        "localhost/epochal-trainer:dev",
    ]


def create(body: Object) -> None:
    """Create an object as the operator, with admission, but without keeping it."""
    command: list[Any] = ["create", "--filename=-", OPERATOR, "--dry-run=server", "--validate=false"]
    kubectl(*command, stdin=json.dumps(body))
