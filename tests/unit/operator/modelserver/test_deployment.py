"""The Deployment of a ModelServer, and what of it stays as it is."""

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
from epochal_server.serve import SOON_SECONDS

from tests.unit.operator.modelserver.servers import (
    BY_KERAS,
    CONVERTED,
    KERAS,
    MODEL,
    SHA,
    UID,
    URI,
    inputs,
    live,
    server,
)
from tests.unit.operator.objects import INSTALLATION

KEYS = {"secretRef": {"name": "keys"}}


def pod_of(made: Any) -> Any:
    return made["spec"]["template"]["spec"]


def told(made: Any) -> ServerConfig:
    return ServerConfig.model_validate_json(made["spec"]["template"]["metadata"]["annotations"][SERVER_ANNOTATION])


def test_no_request_is_lost_in_a_rollout() -> None:
    made = deployment(server(replicas=3), MODEL, INSTALLATION)
    assert made["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert made["spec"]["replicas"] == 3
    (container,) = pod_of(made)["containers"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/v2/health/ready"
    assert pod_of(made)["terminationGracePeriodSeconds"] > server_pod.GRACE_SECONDS


def test_the_kubelet_asks_at_once_whether_a_server_is_ready_and_waits_for_the_answer() -> None:
    (container,) = pod_of(deployment(server(), MODEL, INSTALLATION))["containers"]
    assert "startupProbe" not in container
    assert container["readinessProbe"]["timeoutSeconds"] > SOON_SECONDS
    assert container["livenessProbe"]["initialDelaySeconds"] >= 60, "a load may be slow"


def test_it_is_the_model_servers_and_finds_no_pods_of_others() -> None:
    made = deployment(server(), MODEL, INSTALLATION)
    (owner,) = made["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"], owner["controller"]) == ("ModelServer", "digits", UID, True)
    selector = made["spec"]["selector"]["matchLabels"]
    assert selector == {"epochal.dev/modelserver": "digits", "epochal.dev/modelserver-uid": UID}
    assert selector.items() <= made["spec"]["template"]["metadata"]["labels"].items()
    assert json.loads(made["metadata"]["annotations"][MODEL_ANNOTATION]) == {
        "uri": URI,
        "sha256": SHA,
        "runtime": "ONNX",
    }


def test_labels_that_were_chosen_are_borne() -> None:
    one = server()
    one = one.model_copy(update={"metadata": one.metadata.model_copy(update={"labels": {"team": "ml", "other": "x"}})})
    made = deployment(one, MODEL, replace(INSTALLATION, labels=("team", "missing")))
    assert made["spec"]["template"]["metadata"]["labels"]["team"] == "ml"
    assert "other" not in made["metadata"]["labels"]


@pytest.mark.parametrize(
    ("model", "image", "memory", "path"),
    [
        (MODEL, "epochal-server:test", "512Mi", ""),
        (CONVERTED, "epochal-server:test", "512Mi", "/model/model.onnx"),
        (BY_KERAS, "epochal-trainer:test", "2Gi", ""),
    ],
)
def test_what_computes_decides_on_the_image(model: Any, image: str, memory: str, path: str) -> None:
    made = deployment(server(), model, INSTALLATION)
    (container,) = pod_of(made)["containers"]
    assert (container["image"], container["command"]) == (image, ["epochal-server"])
    assert container["resources"]["limits"]["memory"] == memory
    assert (told(made).runtime, told(made).path) == (model.runtime, path)
    starters = pod_of(made).get("initContainers", [])
    assert [one["command"] for one in starters] == ([["epochal-trainer", "convert"]] if path else [])
    for one in starters:
        mounts = {mount["name"]: mount.get("readOnly", False) for mount in one["volumeMounts"]}
        assert mounts == {"config": True, "model": False, "tmp": False}


@pytest.mark.parametrize(
    ("given", "memory"), [({}, "2Gi"), ({"memory": "1536Mi"}, "2Gi"), ({"memory": "10Gi"}, "10Gi")]
)
def test_what_converts_may_take_as_much_memory_as_the_server(given: dict[str, str], memory: str) -> None:
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
def test_what_the_spec_does_not_name_of_resources_is_the_default(given: Any, requests: Any, limits: Any) -> None:
    made = deployment(server(resources=given), MODEL, INSTALLATION)
    assert pod_of(made)["containers"][0]["resources"] == {"requests": requests, "limits": limits}


def test_a_server_is_told_all_that_it_needs() -> None:
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
    found = told(deployment(one, model, INSTALLATION))
    assert (found.name, found.namespace, found.images, found.classes) == ("digits", "vision", "Digit", ["zero", "one"])
    assert (found.batching.max_size, found.batching.max_delay_microseconds) == (8, 5)
    assert (found.limits.request_bytes, found.limits.image_pixels, found.limits.queued_requests) == (1, 2, 3)
    assert (found.storage.endpoint, found.storage.region) == ("https://s3.example.com", "eu")
    assert (found.source.model, found.source.signature) == ("Best", "s3://x/signature.json")
    assert (found.auth, found.tls, found.version) == (True, True, "1")


def test_what_is_the_default_is_not_written_down() -> None:
    text = deployment(server(), MODEL, INSTALLATION)["spec"]["template"]["metadata"]["annotations"][SERVER_ANNOTATION]
    assert set(json.loads(text)) == {"name", "namespace", "source", "storage"}


def test_keys_and_certificate_are_the_servers_alone() -> None:
    made = deployment(server(auth=KEYS, tls=KEYS), CONVERTED, INSTALLATION)
    pod = pod_of(made)
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


def test_pods_run_where_they_may() -> None:
    scheduling = {"nodeSelector": {"disk": "ssd"}, "priorityClassName": "high", "tolerations": [{"key": "infra"}]}
    one = server(scheduling=scheduling, serviceAccountName="model", imagePullSecrets=[{"name": "registry"}])
    pod = pod_of(deployment(one, MODEL, INSTALLATION))
    assert (pod["nodeSelector"], pod["priorityClassName"]) == ({"disk": "ssd"}, "high")
    assert (pod["serviceAccountName"], pod["imagePullSecrets"]) == ("model", [{"name": "registry"}])
    (spread,) = pod["topologySpreadConstraints"]
    assert spread["whenUnsatisfiable"] == "ScheduleAnyway"


def test_without_a_storage_there_is_none() -> None:
    with pytest.raises(NoStorageEndpoint, match=r"spec\.storage\.endpoint is required"):
        deployment(server(), MODEL, replace(INSTALLATION, storage_endpoint=None))


OTHERS = replace(
    INSTALLATION, server_image="s:2", trainer_image="t:2", scratch_limit="1Gi", tmp_limit="1Gi", labels=("team",)
)


def test_what_an_operator_brings_with_it_is_no_input() -> None:
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
def test_what_pods_are_made_of_is_an_input(spec: Any) -> None:
    assert inputs(deployment(server(**spec), MODEL, INSTALLATION)) != inputs(deployment(server(), MODEL, INSTALLATION))


@pytest.mark.parametrize("spec", [{"replicas": 5}, {"paused": True}, {"autoscaling": {"maxReplicas": 3}}])
def test_what_is_no_matter_of_pods_is_none(spec: Any) -> None:
    assert inputs(deployment(server(**spec), MODEL, INSTALLATION)) == inputs(deployment(server(), MODEL, INSTALLATION))


@pytest.mark.parametrize("model", [CONVERTED, BY_KERAS, MODEL.model_copy(update={"sha256": "f" * 64})])
def test_another_model_is_an_input(model: Any) -> None:
    assert inputs(deployment(server(), model, INSTALLATION)) != inputs(deployment(server(), MODEL, INSTALLATION))


def test_a_template_is_changed_by_whoever_changes_anything_but_annotations_of_their_own() -> None:
    before = live()["spec"]["template"]
    annotated, labelled, edited, ours = (copy.deepcopy(before) for _ in range(4))
    annotated["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"] = "now"
    labelled["metadata"]["labels"]["app"] = "web"
    edited["spec"]["containers"][0]["image"] = "another"
    ours["metadata"]["annotations"][INPUTS_ANNOTATION] = "f" * 64
    assert template_digest(annotated) == template_digest(before)
    assert len({template_digest(one) for one in (before, labelled, edited, ours)}) == 4


def test_it_is_written_anew_with_what_others_have_put_into_it() -> None:
    found = live()
    found["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "3"
    found["metadata"]["labels"]["theirs"] = "yes"
    found["spec"]["template"]["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"] = "now"
    found["spec"]["minReadySeconds"] = 3
    found["spec"]["template"]["spec"]["hostNetwork"] = True
    made = replacement(found, deployment(server(replicas=2), BY_KERAS, INSTALLATION))
    annotations = made["spec"]["template"]["metadata"]["annotations"]
    assert annotations["kubectl.kubernetes.io/restartedAt"] == "now"
    assert annotations[INPUTS_ANNOTATION] == inputs(deployment(server(), BY_KERAS, INSTALLATION))
    assert "hostNetwork" not in pod_of(made)
    assert (made["spec"]["replicas"], made["spec"]["minReadySeconds"]) == (2, 3)
    assert (made["metadata"]["uid"], made["metadata"]["resourceVersion"]) == ("deployment-uid", "42")
    assert (made["metadata"]["labels"]["theirs"], made["status"]) == ("yes", found["status"])
    assert made["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"
    assert KERAS in made["metadata"]["annotations"][MODEL_ANNOTATION]
    assert TEMPLATE_ANNOTATION not in made["metadata"]["annotations"], "what it is like is not known yet"
