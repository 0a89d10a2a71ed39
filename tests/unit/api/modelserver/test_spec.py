"""Validation of a ModelServer by the models and by the API server."""

import copy
import json
from typing import Any

import pytest
from epochal_api.crd import KINDS, MODEL_SERVERS, custom_resource_definition, schema
from epochal_api.modelserver.spec import InvalidModelServer, ModelServer, parse
from epochal_api.modelserver.status import ModelServerStatus
from epochal_api.read_status import read_status

from tests.kit.schema import broken_rules

SCHEMA = schema(ModelServer)
SHA = "a" * 64
OF_JOB: dict[str, Any] = {"trainingJobRef": {"name": "mnist"}}
OF_URI = {"uri": "s3://models/a.onnx", "sha256": SHA}
SMALLEST: dict[str, Any] = {
    "apiVersion": "epochal.dev/v1alpha1",
    "kind": "ModelServer",
    "metadata": {"name": "digits"},
    "spec": {"source": OF_JOB, "storage": {"secretRef": {"name": "credentials"}}},
}
KEYS = {"secretRef": {"name": "keys"}}


def changed(**spec: Any) -> dict[str, Any]:
    document = copy.deepcopy(SMALLEST)
    document["spec"] |= spec
    return document


def named(name: str) -> dict[str, Any]:
    return SMALLEST | {"metadata": {"name": name}}


def test_defaults() -> None:
    spec = parse(SMALLEST).spec
    assert spec.source.training_job_ref is not None
    assert spec.source.training_job_ref.model == "Best"
    assert (spec.images.mode, spec.classes, spec.replicas, spec.paused) == ("None", [], 1, False)
    assert (spec.batching.max_size, spec.batching.max_delay_microseconds) == (32, 0)
    assert spec.limits.model_dump() == {"requestBytes": 8388608, "imagePixels": 16777216, "queuedRequests": 256}
    assert (spec.auth, spec.tls, spec.autoscaling, spec.storage.endpoint) == (None, None, None, None)


def test_dump_round_trip() -> None:
    one = parse(changed(autoscaling={"maxReplicas": 3, "targetCPUUtilizationPercentage": 50}, auth=KEYS, classes=["a"]))
    assert one.dump()["spec"]["autoscaling"]["targetCPUUtilizationPercentage"] == 50
    assert parse(one.dump()) == one
    assert json.loads(json.dumps(one.dump())) == one.dump()


GOOD = [
    SMALLEST,
    changed(source={"trainingJobRef": {"name": "mnist", "model": "Last"}}),
    changed(source={"experimentRef": {"name": "search"}}),
    changed(source={"uri": "s3://models/digits/model.onnx", "sha256": SHA}),
    changed(source={"uri": "s3://models/a b/ü.keras", "sha256": SHA}),
    changed(source={"uri": "s3://models/model.onnx", "sha256": SHA, "signatureSha256": SHA}),
    changed(images={"mode": "Digit"}, classes=["zero", "eins, zwei"]),
    changed(replicas=0, paused=True),
    changed(autoscaling={"maxReplicas": 4}),
    changed(autoscaling={"minReplicas": 4, "maxReplicas": 4, "targetCPUUtilizationPercentage": 70}),
    changed(auth=KEYS, tls=KEYS),
    changed(resources={"requests": {"cpu": 1}, "limits": {"memory": "64Mi"}}),
    changed(scheduling={"nodeSelector": {"disk": "ssd"}}, imagePullSecrets=[{"name": "registry"}]),
    changed(batching={"maxSize": 1, "maxDelayMicroseconds": 500}, limits={"queuedRequests": 1}),
    named("a"),
    named("a" * 63),
]


@pytest.mark.parametrize("document", GOOD)
def test_valid_model_server(document: dict[str, Any]) -> None:
    assert parse(document).spec
    assert broken_rules(SCHEMA, document) == []


BAD = [
    (changed(source={}), "source: give one of trainingJobRef, experimentRef and uri"),
    (changed(source=OF_JOB | {"experimentRef": {"name": "s"}}), "give only one source, found trainingJobRef and exper"),
    (changed(source=OF_JOB | OF_URI), "give only one source, found trainingJobRef and uri"),
    (changed(source={"experimentRef": {"name": "s"}} | OF_URI), "give only one source, found experimentRef and uri"),
    (changed(source={"uri": "s3://models/a.onnx"}), "uri and sha256 must"),
    (changed(source=OF_JOB | {"sha256": SHA}), "uri and sha256 must"),
    (changed(source=OF_JOB | {"signatureSha256": SHA}), "signatureSha256 requires uri"),
    (changed(source={"uri": "s3://models/a.onnx", "sha256": SHA, "signatureSha256": "0"}), "source.signatureSha256"),
    (changed(source={"uri": "s3://models/a.h5", "sha256": SHA}), "source.uri"),
    (changed(source={"uri": "https://models/a.onnx", "sha256": SHA}), "source.uri"),
    (changed(source={"uri": "s3://models/a.onnx", "sha256": "A" * 64}), "source.sha256"),
    (changed(source={"trainingJobRef": {"name": "mnist", "model": "First"}}), "source.trainingJobRef.model"),
    (changed(source={"trainingJobRef": {"name": "mnist", "namespace": "other"}}), "namespace"),
    (changed(images={"mode": "Digits"}), "images.mode"),
    (changed(classes=["a\u202eb"]), "classes"),
    (changed(replicas=-1), "replicas"),
    (changed(autoscaling={"minReplicas": 3, "maxReplicas": 2}), "minReplicas must be at most maxReplicas"),
    (changed(autoscaling={"minReplicas": 0, "maxReplicas": 2}), "autoscaling.minReplicas"),
    (changed(batching={"maxSize": 0}), "batching.maxSize"),
    (changed(limits={"requestBytes": 0}), "limits.requestBytes"),
    (changed(auth={}), "auth.secretRef"),
    (changed(storage={}), "storage.secretRef"),
    (changed(storage={"secretRef": {"name": "x"}, "timeoutSeconds": 3}), "timeoutSeconds"),
    (changed(image="registry/server:1"), "image"),
]
RULES = (
    "source: give",
    "give only one source",
    "uri and sha256 must",
    "signatureSha256 requires uri",
    "source.uri",
    "source.sha256",
    "source.signatureSha256",
    "minReplicas must",
)
"""Messages of CEL rules. The API server checks other fields by types and bounds, or prunes them."""


@pytest.mark.parametrize(("document", "said"), BAD)
def test_invalid_model_server(document: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidModelServer) as refused:
        parse(document)
    assert said in str(refused.value)
    assert bool(broken_rules(SCHEMA, document)) is said.startswith(RULES)


def test_patch_with_two_sources_names_the_fields_to_set_to_null() -> None:
    (said,) = broken_rules(SCHEMA, changed(source=OF_JOB | OF_URI), SMALLEST)
    assert said == (
        "spec.source: give only one source, found trainingJobRef and uri: set trainingJobRef to null to serve uri, or "
        "set uri, sha256 and signatureSha256 to null to serve trainingJobRef"
    )


@pytest.mark.parametrize("name", ["9digits", "Digits", "my.digits", "digits-", "-digits", "a" * 64])
def test_name_is_a_dns_1035_label(name: str) -> None:
    (said,) = broken_rules(SCHEMA, named(name))
    assert "metadata.name must be a DNS-1035 label of at most 63 characters" in said


def test_scale_subresource() -> None:
    (version,) = custom_resource_definition(MODEL_SERVERS)["spec"]["versions"]
    scale = version["subresources"]["scale"]
    properties = version["schema"]["openAPIV3Schema"]["properties"]
    for path in scale.values():
        _, part, field = path.split(".")
        assert field in properties[part]["properties"]
    assert properties["spec"]["properties"]["replicas"]["default"] == 1, "without a value there is no scale"
    others = [custom_resource_definition(kind) for kind in KINDS if kind is not MODEL_SERVERS]
    assert all("scale" not in one["spec"]["versions"][0]["subresources"] for one in others)


def test_status_of_another_version_is_read_in_part() -> None:
    told = {"state": "Odd", "model": {"uri": "u", "sha256": "x"}, "replicas": 2, "later": 1}
    found = read_status(ModelServerStatus, told)
    assert (found.state, found.model, found.replicas) == (None, None, 2)
