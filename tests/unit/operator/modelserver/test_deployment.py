"""The Deployment of a ModelServer, and the inputs of its pod template."""

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from epochal_api.modelserver import pod as server_pod
from epochal_api.modelserver.config import ServerConfig
from epochal_api.modelserver.pod import SERVER_ANNOTATION
from epochal_operator.modelserver.cache_transform import template_digest
from epochal_operator.modelserver.config import NoStorageEndpoint
from epochal_operator.modelserver.deployment import deployment, replacement
from epochal_operator.modelserver.model_annotation import MODEL_ANNOTATION
from epochal_operator.modelserver.resources import INPUTS_ANNOTATION, TEMPLATE_ANNOTATION
from epochal_server.serve import PROBE_WAIT_SECONDS

from tests.unit.operator.modelserver.servers import (
    BY_KERAS,
    CONVERTED,
    KERAS,
    MODEL,
    SHA,
    UID,
    URI,
    inputs,
    live_deployment,
    server,
)
from tests.unit.operator.objects import INSTALLATION

KEYS = {"secretRef": {"name": "keys"}}


def pod_of(built: Any) -> Any:
    return built["spec"]["template"]["spec"]


def server_config(built: Any) -> ServerConfig:
    return ServerConfig.model_validate_json(built["spec"]["template"]["metadata"]["annotations"][SERVER_ANNOTATION])


def test_rollout_keeps_all_pods_available() -> None:
    built = deployment(server(replicas=3), MODEL, INSTALLATION)
    assert built["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert built["spec"]["replicas"] == 3
    (container,) = pod_of(built)["containers"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/v2/health/ready"
    assert pod_of(built)["terminationGracePeriodSeconds"] > server_pod.GRACE_SECONDS


def test_readiness_probe_starts_at_once() -> None:
    (container,) = pod_of(deployment(server(), MODEL, INSTALLATION))["containers"]
    assert "startupProbe" not in container
    assert container["readinessProbe"]["timeoutSeconds"] > PROBE_WAIT_SECONDS
    assert container["livenessProbe"]["initialDelaySeconds"] >= 60, "a load may be slow"


def test_deployment_is_owned_and_selects_its_own_pods() -> None:
    built = deployment(server(), MODEL, INSTALLATION)
    (owner,) = built["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"], owner["controller"]) == ("ModelServer", "digits", UID, True)
    selector = built["spec"]["selector"]["matchLabels"]
    assert selector == {"epochal.dev/modelserver": "digits", "epochal.dev/modelserver-uid": UID}
    assert selector.items() <= built["spec"]["template"]["metadata"]["labels"].items()
    assert json.loads(built["metadata"]["annotations"][MODEL_ANNOTATION]) == {
        "uri": URI,
        "sha256": SHA,
        "runtime": "ONNX",
    }


def test_installation_labels_are_copied() -> None:
    one = server()
    one = one.model_copy(update={"metadata": one.metadata.model_copy(update={"labels": {"team": "ml", "other": "x"}})})
    built = deployment(one, MODEL, replace(INSTALLATION, labels=("team", "missing")))
    assert built["spec"]["template"]["metadata"]["labels"]["team"] == "ml"
    assert "other" not in built["metadata"]["labels"]


@pytest.mark.parametrize(
    ("model", "image", "memory", "path"),
    [
        (MODEL, "epochal-server:test", "512Mi", ""),
        (CONVERTED, "epochal-server:test", "512Mi", "/model/model.onnx"),
        (BY_KERAS, "epochal-trainer:test", "2Gi", ""),
    ],
)
def test_runtime_selects_image_and_memory(model: Any, image: str, memory: str, path: str) -> None:
    built = deployment(server(), model, INSTALLATION)
    (container,) = pod_of(built)["containers"]
    assert (container["image"], container["command"]) == (image, ["epochal-server"])
    assert container["resources"]["limits"]["memory"] == memory
    assert (server_config(built).runtime, server_config(built).path) == (model.runtime, path)
    starters = pod_of(built).get("initContainers", [])
    assert [one["command"] for one in starters] == ([["epochal-trainer", "convert"]] if path else [])
    for one in starters:
        mounts = {mount["name"]: mount.get("readOnly", False) for mount in one["volumeMounts"]}
        assert mounts == {"config": True, "model": False, "tmp": False}


@pytest.mark.parametrize(
    ("given", "memory"), [({}, "2Gi"), ({"memory": "1536Mi"}, "2Gi"), ({"memory": "10Gi"}, "10Gi")]
)
def test_conversion_memory_follows_the_limit_of_the_server(given: dict[str, str], memory: str) -> None:
    (converter,) = pod_of(deployment(server(resources={"limits": given}), CONVERTED, INSTALLATION))["initContainers"]
    assert converter["resources"] == {
        "requests": {"cpu": "100m", "memory": "1Gi"},
        "limits": {"cpu": "1", "memory": memory},
    }


@pytest.mark.parametrize(
    ("given", "requests", "limits"),
    [
        ({"limits": {"memory": "1Gi"}}, {"cpu": "1"}, {"cpu": "1", "memory": "1Gi"}),
        ({"requests": {"cpu": "2"}}, {"cpu": "2", "memory": "256Mi"}, {"memory": "512Mi"}),
        ({"requests": {"cpu": "2"}, "limits": {"memory": "1Gi"}}, {"cpu": "2"}, {"memory": "1Gi"}),
    ],
)
def test_resources_default_by_name(given: Any, requests: Any, limits: Any) -> None:
    built = deployment(server(resources=given), MODEL, INSTALLATION)
    assert pod_of(built)["containers"][0]["resources"] == {"requests": requests, "limits": limits}


def test_server_config_contains_the_spec() -> None:
    one = server(
        images={"mode": "Digit"},
        classes=["zero", "one"],
        batching={"maxSize": 8, "maxDelayMicroseconds": 5},
        limits={"requestBytes": 1, "imagePixels": 2, "queuedRequests": 3},
        storage={"endpoint": "https://s3.example.com", "region": "eu", "secretRef": {"name": "x"}},
        auth=KEYS,
        tls=KEYS,
    )
    model = MODEL.model_copy(update={"model": "Best", "signature": "s3://x/signature.json"})
    found = server_config(deployment(one, model, INSTALLATION))
    assert (found.name, found.namespace, found.images, found.classes) == ("digits", "vision", "Digit", ["zero", "one"])
    assert (found.batching.max_size, found.batching.max_delay_microseconds) == (8, 5)
    assert (found.limits.request_bytes, found.limits.image_pixels, found.limits.queued_requests) == (1, 2, 3)
    assert (found.storage.endpoint, found.storage.region) == ("https://s3.example.com", "eu")
    assert (found.source.model, found.source.signature) == ("Best", "s3://x/signature.json")
    assert (found.auth, found.tls, found.version) == (True, True, "1")


def test_server_config_omits_defaults() -> None:
    text = deployment(server(), MODEL, INSTALLATION)["spec"]["template"]["metadata"]["annotations"][SERVER_ANNOTATION]
    assert set(json.loads(text)) == {"name", "namespace", "source", "storage"}


def test_only_the_server_mounts_keys_and_certificate() -> None:
    built = deployment(server(auth=KEYS, tls=KEYS), CONVERTED, INSTALLATION)
    pod = pod_of(built)
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert [item["key"] for item in volumes["tls"]["secret"]["items"]] == ["tls.crt", "tls.key"]
    assert volumes["auth"]["secret"]["secretName"] == "keys"
    mounts = {mount["name"]: mount for mount in pod["containers"][0]["volumeMounts"]}
    assert mounts["auth"] == {"name": "auth", "mountPath": server_pod.AUTH_FOLDER, "readOnly": True}
    assert mounts["tls"]["mountPath"] == server_pod.TLS_FOLDER
    assert not {"auth", "tls"} & {mount["name"] for mount in pod["initContainers"][0]["volumeMounts"]}
    assert pod["containers"][0]["livenessProbe"]["httpGet"]["scheme"] == "HTTPS"
    plain = pod_of(deployment(server(), MODEL, INSTALLATION))
    assert "scheme" not in plain["containers"][0]["livenessProbe"]["httpGet"]
    assert not {"auth", "tls"} & {volume["name"] for volume in plain["volumes"]}


def test_pods_have_the_scheduling_of_the_spec() -> None:
    scheduling = {"nodeSelector": {"disk": "ssd"}, "priorityClassName": "high", "tolerations": [{"key": "infra"}]}
    one = server(scheduling=scheduling, serviceAccountName="model", imagePullSecrets=[{"name": "registry"}])
    pod = pod_of(deployment(one, MODEL, INSTALLATION))
    assert (pod["nodeSelector"], pod["priorityClassName"]) == ({"disk": "ssd"}, "high")
    assert (pod["serviceAccountName"], pod["imagePullSecrets"]) == ("model", [{"name": "registry"}])
    (spread,) = pod["topologySpreadConstraints"]
    assert spread["whenUnsatisfiable"] == "ScheduleAnyway"


def test_storage_endpoint_is_required() -> None:
    with pytest.raises(NoStorageEndpoint, match=r"spec\.storage\.endpoint is required"):
        deployment(server(), MODEL, replace(INSTALLATION, storage_endpoint=None))


OTHERS = replace(
    INSTALLATION, server_image="s:2", trainer_image="t:2", scratch_limit="1Gi", tmp_limit="1Gi", labels=("team",)
)


def test_inputs_exclude_settings_of_the_operator() -> None:
    for model in (MODEL, CONVERTED, BY_KERAS):
        assert inputs(deployment(server(), model, INSTALLATION)) == inputs(deployment(server(), model, OTHERS))


@pytest.mark.parametrize(
    "spec",
    [
        {"classes": ["a"]},
        {"images": {"mode": "Digit"}},
        {"batching": {"maxSize": 8}},
        {"limits": {"requestBytes": 8}},
        {"auth": KEYS},
        {"auth": {"secretRef": {"name": "other"}}},
        {"tls": KEYS},
        {"resources": {"limits": {"cpu": "2"}}},
        {"scheduling": {"nodeSelector": {"a": "b"}}},
        {"serviceAccountName": "other"},
        {"imagePullSecrets": [{"name": "x"}]},
        {"storage": {"secretRef": {"name": "other"}}},
        {"storage": {"secretRef": {"name": "credentials"}, "caConfigMapRef": {"name": "ca"}}},
        {"storage": {"secretRef": {"name": "credentials"}, "endpoint": "https://other"}},
    ],
)
def test_inputs_include_pod_fields(spec: Any) -> None:
    assert inputs(deployment(server(**spec), MODEL, INSTALLATION)) != inputs(deployment(server(), MODEL, INSTALLATION))


@pytest.mark.parametrize("spec", [{"replicas": 5}, {"paused": True}, {"autoscaling": {"maxReplicas": 3}}])
def test_inputs_exclude_scaling_fields(spec: Any) -> None:
    assert inputs(deployment(server(**spec), MODEL, INSTALLATION)) == inputs(deployment(server(), MODEL, INSTALLATION))


@pytest.mark.parametrize("model", [CONVERTED, BY_KERAS, MODEL.model_copy(update={"sha256": "f" * 64})])
def test_inputs_include_the_model(model: Any) -> None:
    assert inputs(deployment(server(), model, INSTALLATION)) != inputs(deployment(server(), MODEL, INSTALLATION))


def test_template_digest_ignores_only_foreign_annotations() -> None:
    before = live_deployment()["spec"]["template"]
    annotated, labelled, edited, ours = (copy.deepcopy(before) for _ in range(4))
    annotated["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"] = "now"
    labelled["metadata"]["labels"]["app"] = "web"
    edited["spec"]["containers"][0]["image"] = "another"
    ours["metadata"]["annotations"][INPUTS_ANNOTATION] = "f" * 64
    assert template_digest(annotated) == template_digest(before)
    assert len({template_digest(one) for one in (before, labelled, edited, ours)}) == 4


def test_replacement_keeps_fields_of_other_writers() -> None:
    found = live_deployment()
    found["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "3"
    found["metadata"]["labels"]["theirs"] = "yes"
    found["spec"]["template"]["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"] = "now"
    found["spec"]["minReadySeconds"] = 3
    found["spec"]["template"]["spec"]["hostNetwork"] = True
    built = replacement(found, deployment(server(replicas=2), BY_KERAS, INSTALLATION))
    annotations = built["spec"]["template"]["metadata"]["annotations"]
    assert annotations["kubectl.kubernetes.io/restartedAt"] == "now"
    assert annotations[INPUTS_ANNOTATION] == inputs(deployment(server(), BY_KERAS, INSTALLATION))
    assert "hostNetwork" not in pod_of(built)
    assert (built["spec"]["replicas"], built["spec"]["minReadySeconds"]) == (2, 3)
    assert (built["metadata"]["uid"], built["metadata"]["resourceVersion"]) == ("deployment-uid", "42")
    assert (built["metadata"]["labels"]["theirs"], built["status"]) == ("yes", found["status"])
    assert built["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"
    assert KERAS in built["metadata"]["annotations"][MODEL_ANNOTATION]
    assert TEMPLATE_ANNOTATION not in built["metadata"]["annotations"], "what it is like is not known yet"
