"""ModelServers in a simulated cluster, from the model to the rollouts."""

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any
from unittest.mock import AsyncMock

import pytest
from epochal_api.modelserver.pod import SERVER_ANNOTATION
from epochal_operator.modelserver.model_annotation import MODEL_ANNOTATION
from epochal_operator.modelserver.model_metadata import MetadataClient
from epochal_operator.modelserver.resources import RESTARTED_ANNOTATION
from epochal_operator.runtime.api.errors import AdmissionFailed

from tests.kit.fake.objects import Refusal
from tests.unit.operator.modelserver.cluster import KEY, OWNED, Cluster
from tests.unit.operator.modelserver.servers import (
    FOLDER,
    KERAS,
    OTHER_SHA,
    SHA,
    URI,
    entry,
    export,
    failed_container,
    termination_message,
    training_job,
)
from tests.unit.operator.objects import INSTALLATION, at

OF_JOB: dict[str, Any] = {"source": {"trainingJobRef": {"name": "mnist"}}}
OF_EXPERIMENT: dict[str, Any] = {"source": {"experimentRef": {"name": "search"}}}
ONNX: dict[str, Any] = {
    "exports": [export("Last", "d", "model.onnx")],
    "signature": {"uri": f"{FOLDER}/signature.json", "sha256": "5" * 64},
}


def server_config(cluster: Cluster) -> Any:
    """Return the server configuration of the Deployment's pods."""
    return json.loads(template(cluster)["metadata"]["annotations"][SERVER_ANNOTATION])


def template(cluster: Cluster) -> Any:
    return cluster.get("deployments")["spec"]["template"]


def put_training_job(cluster: Cluster, job: Any) -> None:
    """Create a TrainingJob, in place of an earlier TrainingJob of its name."""
    metadata = {"name": job["metadata"]["name"], "labels": job["metadata"].get("labels", {})}
    if any(one["metadata"]["name"] == metadata["name"] for one in cluster.objects.list("trainingjobs")):
        cluster.objects.delete("trainingjobs", "vision", metadata["name"])
    cluster.objects.create("trainingjobs", "vision", {"metadata": metadata, "spec": {}})
    status = {"status": job["status"]}
    cluster.objects.patch("trainingjobs", "vision", metadata["name"], status, subresource="status")


async def train(cluster: Cluster, job: Any) -> None:
    put_training_job(cluster, job)
    await cluster.settle()


async def serving(**spec: Any) -> Cluster:
    cluster = Cluster(**spec)
    await cluster.settle()
    return cluster


async def test_a_model_from_a_bucket_is_served() -> None:
    cluster = await serving(replicas=2)
    assert cluster.owned() == {"deployments", "services", "poddisruptionbudgets"}
    status = cluster.status
    assert (status["state"], status["url"]) == ("Ready", "http://digits.vision.svc")
    assert (status["replicas"], status["readyReplicas"], status["display"]["ready"]) == (2, 2, "2/2")
    assert status["model"] == {"uri": URI, "sha256": SHA, "runtime": "ONNX", "rolledOutTime": at(0)}
    assert "previous" not in status
    uid = cluster.get()["metadata"]["uid"]
    assert status["selector"] == f"epochal.dev/modelserver=digits,epochal.dev/modelserver-uid={uid}"
    assert cluster.condition("Ready") == ("True", "Serving")
    assert cluster.condition("Progressing") == ("True", "RolledOut")
    assert cluster.condition("Reconciling") == ("False", "RolledOut")
    assert cluster.condition("Stalled") == ("False", "Progressing")
    assert cluster.events() == ["RolledOut"]
    assert server_config(cluster)["source"] == {"uri": URI, "sha256": SHA}


async def test_the_log_names_changed_annotations(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await serving()
    names = ("epochal.dev/template-sha256", "epochal.dev/restarted-at")
    changes = ", ".join(f"metadata.annotations[{name}]" for name in names)
    assert f"changed the Deployment: {changes}" in caplog.messages


@pytest.mark.parametrize("dies_after", [1, 2, 3])
async def test_operator_crash_after_each_write(dies_after: int) -> None:
    cluster = Cluster(replicas=2, autoscaling={"maxReplicas": 4})
    await cluster.settle(dies_after=dies_after)
    assert cluster.deaths > 1
    assert cluster.owned() == {*OWNED} - {"networkpolicies"}
    assert cluster.condition("Ready") == ("True", "Serving")
    deployed = cluster.get("deployments")["metadata"]["generation"]
    await cluster.restart()
    assert cluster.get("deployments")["metadata"]["generation"] == deployed


async def test_no_change_without_a_difference() -> None:
    cluster = await serving(autoscaling={"maxReplicas": 4}, auth={"secretRef": {"name": "keys"}})
    cluster.boot()
    assert await cluster.reconcile() is None
    assert cluster.kube.writes == []


async def test_waits_for_training_job_then_rolls_out() -> None:
    cluster = await serving(**OF_JOB)
    assert (cluster.status["state"], cluster.owned()) == ("Waiting", set())
    assert cluster.condition("Progressing") == ("True", "WaitsForTrainingJob")
    assert "TrainingJob mnist (spec.source.trainingJobRef) does not exist" in cluster.message("Ready")
    await train(cluster, training_job("Running"))
    assert "is Running" in cluster.message("Ready")
    await train(cluster, training_job("Complete", **ONNX))
    assert cluster.status["state"] == "Ready"
    assert cluster.status["model"] == {
        "uri": f"{FOLDER}/model.onnx",
        "sha256": "d" * 64,
        "runtime": "ONNX",
        "model": "Last",
        "signature": f"{FOLDER}/signature.json",
        "signatureSha256": "5" * 64,
        "trainingJobName": "mnist",
        "trainingJobUID": cluster.objects.get("trainingjobs", "vision", "mnist")["metadata"]["uid"],
        "rolledOutTime": at(0),
    }
    assert server_config(cluster)["source"]["signatureSha256"] == "5" * 64
    assert "initContainers" not in template(cluster)["spec"]
    assert cluster.events() == ["WaitsForTrainingJob", "RolledOut"]


async def test_deleted_training_job_keeps_serving_and_a_new_one_rolls_out() -> None:
    cluster = await serving(**OF_JOB)
    await train(cluster, training_job("Complete", **ONNX))
    cluster.objects.delete("trainingjobs", "vision", "mnist")
    before = cluster.get("deployments")
    await cluster.restart()
    assert cluster.get("deployments") == before
    assert cluster.status["state"] == "Ready"

    cluster.objects.delete("deployments", "vision", "digits")
    await cluster.settle()
    assert server_config(cluster)["source"]["sha256"] == "d" * 64, "the status remembers it"

    await train(cluster, training_job("Running"))
    assert (cluster.status["state"], server_config(cluster)["source"]["sha256"]) == ("Ready", "d" * 64)
    await train(cluster, training_job("Complete", exports=[export("Last", "e", "model.onnx")]))
    assert server_config(cluster)["source"]["sha256"] == "e" * 64
    assert cluster.condition("Progressing") == ("True", "RolledOut")


async def test_failed_retraining_is_reported_while_the_old_model_serves() -> None:
    cluster = await serving(**OF_JOB)
    await train(cluster, training_job("Complete", **ONNX))
    await train(cluster, training_job("Failed"))
    assert (cluster.status["state"], server_config(cluster)["source"]["sha256"]) == ("Degraded", "d" * 64)
    assert cluster.condition("Progressing") == ("False", "TrainingJobFailed")
    assert "the pods serve mnist (Last)" in cluster.message("Progressing")
    await train(cluster, training_job("Running"))
    assert (cluster.status["state"], cluster.condition("Progressing")) == ("Ready", ("True", "RolledOut"))


async def test_later_details_of_a_training_start_no_rollout() -> None:
    cluster = await serving(**OF_JOB)
    await train(cluster, training_job())
    assert template(cluster)["spec"]["initContainers"][0]["command"] == ["epochal-trainer", "convert"]
    before = cluster.get("deployments")
    job = cluster.objects.get("trainingjobs", "vision", "mnist")
    results = job["status"]["results"] | ONNX
    cluster.objects.patch("trainingjobs", "vision", "mnist", {"status": {"results": results}}, subresource="status")
    await cluster.settle()
    assert cluster.get("deployments") == before


async def test_later_signature_digest_starts_no_rollout() -> None:
    cluster = await serving(**OF_JOB)
    await train(cluster, training_job("Complete", **ONNX | {"signature": {"uri": f"{FOLDER}/signature.json"}}))
    job = cluster.objects.get("trainingjobs", "vision", "mnist")
    results = job["status"]["results"] | ONNX
    cluster.objects.patch("trainingjobs", "vision", "mnist", {"status": {"results": results}}, subresource="status")
    before = cluster.get("deployments")
    await cluster.restart()
    assert cluster.get("deployments") == before
    assert cluster.condition("Progressing") == ("True", "RolledOut")


async def test_other_model_of_a_deleted_training_waits() -> None:
    last = {"source": {"trainingJobRef": {"name": "mnist", "model": "Last"}}}
    cluster = await serving(**last)
    await train(cluster, training_job(models=[entry("model.keras", "c", 10), entry("best.keras", "d", 9)]))
    assert cluster.condition("Progressing") == ("True", "RolledOut")
    cluster.objects.delete("trainingjobs", "vision", "mnist")
    await cluster.settle()
    assert cluster.condition("Progressing") == ("True", "RolledOut")
    await cluster.update(source={"trainingJobRef": {"name": "mnist", "model": "Best"}})
    assert (cluster.status["state"], server_config(cluster)["source"]["sha256"]) == ("Ready", "c" * 64)
    assert cluster.condition("Progressing") == cluster.condition("Reconciling") == ("True", "WaitsForTrainingJob")
    assert "the pods serve mnist (Last)" in cluster.message("Progressing")


async def test_best_trial_is_served_once_the_experiment_is_complete() -> None:
    cluster = await serving(**OF_EXPERIMENT)
    assert cluster.condition("Progressing") == ("True", "WaitsForExperiment")
    spec = {"objective": {"metric": "val_loss", "goal": "Minimize"}}
    cluster.objects.create("experiments", "vision", {"metadata": {"name": "search"}, "spec": spec})

    def search(state: str, job: str, letter: str) -> None:
        one = training_job(models=[entry("model.keras", "c", 3), entry("best.keras", letter)])
        one["metadata"] |= {"name": job, "labels": {"epochal.dev/experiment": "search"}}
        put_training_job(cluster, one)
        best = {"trial": 1, "jobName": job, "value": "0.1"}
        status = {"state": state, "best": best}
        cluster.objects.patch("experiments", "vision", "search", {"status": status}, subresource="status")

    search("Running", "search-1-r0", "d")
    await cluster.settle()
    assert cluster.status["state"] == "Waiting"
    search("Complete", "search-1-r0", "d")
    await cluster.settle()
    assert (cluster.status["state"], server_config(cluster)["source"]["sha256"]) == ("Ready", "d" * 64)
    assert server_config(cluster)["source"]["model"] == "Best"
    assert cluster.status["display"]["model"] == "search: search-1-r0"
    cluster.objects.delete("trainingjobs", "vision", "search-1-r0")
    await cluster.settle()
    assert cluster.condition("Progressing") == ("True", "RolledOut")
    search("Running", "search-2-r0", "e")
    await cluster.settle()
    assert server_config(cluster)["source"]["sha256"] == "d" * 64
    search("Complete", "search-2-r0", "e")
    cluster.objects.delete("trainingjobs", "vision", "search-2-r0")
    await cluster.settle()
    assert server_config(cluster)["source"]["sha256"] == "d" * 64
    assert cluster.condition("Progressing") == ("False", "ModelNotStored"), "its best is another one now"
    search("Complete", "search-2-r0", "e")
    await cluster.settle()
    assert server_config(cluster)["source"]["sha256"] == "e" * 64


async def test_failed_new_model_is_reported_while_the_old_model_serves() -> None:
    cluster = await serving()
    cluster.outcome = lambda _: failed_container(termination_message("CheckDiffers", "answers differ by 0.3"))
    await cluster.update(source={"uri": URI, "sha256": OTHER_SHA})
    assert (cluster.status["state"], cluster.status["readyReplicas"]) == ("Degraded", 1)
    assert cluster.condition("Ready") == ("True", "Serving")
    assert cluster.condition("Progressing") == ("False", "CheckDiffers")
    assert cluster.message("Progressing") == "answers differ by 0.3"
    assert cluster.condition("Stalled") == ("True", "CheckDiffers")
    assert cluster.events()[-1] == "CheckDiffers"

    cluster.outcome = lambda _: None
    await cluster.update(source={"uri": URI, "sha256": SHA})
    assert (cluster.status["state"], len(cluster.pods())) == ("Ready", 1)


async def test_status_keeps_the_previous_model_for_a_rollback() -> None:
    first, second, third = ({"uri": URI, "sha256": letter * 64} for letter in "abc")
    cluster = await serving(source=first | {"signatureSha256": "5" * 64})
    cluster.wait(60)
    await cluster.update(source=second | {"signatureSha256": None})
    assert cluster.status["previous"] == first | {"signatureSha256": "5" * 64, "time": at(60)}
    cluster.objects.delete("replicasets", "vision", cluster.objects.list("replicasets")[0]["metadata"]["name"])
    cluster.objects.delete("deployments", "vision", "digits")
    await cluster.restart()
    assert cluster.status["previous"]["sha256"] == SHA

    cluster.wait(60)
    cluster.outcome = lambda _: failed_container(termination_message("ModelDamaged", "another file"))
    await cluster.update(source=third)
    assert cluster.status["previous"] == second | {"time": at(120)}
    fourth = {"uri": URI, "sha256": "f" * 64}
    await cluster.update(source=fourth)
    assert cluster.status["previous"] == second | {"time": at(120)}, "the third model never served"
    cluster.outcome = lambda _: None
    await cluster.update(source=second)
    assert "previous" not in cluster.status
    await cluster.update(replicas=0)
    await cluster.update(source=fourth)
    await cluster.update(source=first)
    assert cluster.status["previous"]["sha256"] == second["sha256"], "a model without pods is not tried"


@pytest.mark.parametrize("dies_after", [1, 2])
async def test_previous_model_survives_a_crash_of_the_operator(dies_after: int) -> None:
    cluster = await serving()
    cluster.change(source={"uri": URI, "sha256": OTHER_SHA})
    await cluster.settle(dies_after=dies_after)
    assert cluster.deaths
    assert cluster.status["previous"]["sha256"] == SHA


async def test_older_crd_without_the_new_status_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster()
    apply, fetched = cluster.objects.apply, AsyncMock(return_value=False)

    def prune(resource: str, namespace: str, name: str, wish: Any, **options: Any) -> Any:
        wish.get("status", {}).get("model", {}).pop("rolledOutTime", None)
        return apply(resource, namespace, name, wish, **options)

    monkeypatch.setattr(cluster.objects, "apply", prune)
    monkeypatch.setattr(MetadataClient, "fetch", fetched)
    await cluster.settle()
    assert (cluster.status["state"], cluster.condition("Progressing")) == ("Ready", ("True", "RolledOut"))
    assert cluster.events() == ["RolledOut"]
    assert fetched.called, "the metadata of the model is still read"


async def test_unconvertible_model_is_served_with_keras() -> None:
    cluster = Cluster(source={"uri": KERAS, "sha256": SHA})
    said = failed_container(termination_message("NotConvertible", "layer spiral cannot be converted"), name="convert")
    cluster.outcome = lambda spec: said if "initContainers" in spec else None
    await cluster.settle()
    spec = template(cluster)["spec"]
    assert "initContainers" not in spec
    assert (spec["containers"][0]["image"], spec["containers"][0]["command"]) == (
        "epochal-trainer:test",
        ["epochal-server"],
    )
    assert server_config(cluster)["runtime"] == cluster.status["model"]["runtime"] == "Keras"
    assert "NotConvertible" in cluster.events()
    assert "with Keras" in cluster.message("Progressing")
    cluster.boot()
    await cluster.update(replicas=2)
    assert server_config(cluster)["runtime"] == "Keras", "it is remembered"
    cluster.change(source={"uri": KERAS, "sha256": OTHER_SHA})
    await cluster.reconcile()
    assert "initContainers" in template(cluster)["spec"], "another file may be converted"


def service_ports(cluster: Cluster) -> list[int]:
    return [port["port"] for port in cluster.get("services")["spec"]["ports"]]


async def test_service_has_both_ports_only_while_tls_rolls_out() -> None:
    cluster = await serving(replicas=2)
    assert service_ports(cluster) == [80]
    cluster.outcome = lambda _: failed_container(termination_message("InvalidConfig", "no such certificate"))
    await cluster.update(tls={"secretRef": {"name": "certificate"}})
    assert cluster.condition("Ready")[0] == "True"
    assert service_ports(cluster) == [80, 443], "earlier pods still answer"
    await cluster.restart()
    assert service_ports(cluster) == [80, 443]
    cluster.outcome = lambda _: None
    await cluster.update(resources={"limits": {"cpu": "2"}})
    assert (cluster.status["state"], service_ports(cluster)) == ("Ready", [443])
    await cluster.update(tls=None, replicas=0)
    assert service_ports(cluster) == [80]
    assert [write for write in cluster.kube.writes if "services" in write] == ["patch services/digits"] * 3


async def test_operator_upgrade_restarts_no_pod() -> None:
    cluster = await serving()
    before = cluster.get("deployments")
    cluster.installation = replace(INSTALLATION, server_image="epochal-server:2", scratch_limit="1Gi", labels=("team",))
    await cluster.restart()
    assert cluster.get("deployments") == before
    await cluster.update(resources={"limits": {"cpu": "2"}})
    assert template(cluster)["spec"]["containers"][0]["image"] == "epochal-server:2"


async def test_large_network_policy_is_patched_only_after_a_change() -> None:
    cluster = Cluster()
    blocks = [{"ipBlock": {"cidr": f"192.0.2.{number}/32"}} for number in range(100)]
    rules = {"ingress": [{"from": blocks, "ports": [{"port": 8080, "protocol": "TCP"}]}]}
    cluster.installation = replace(INSTALLATION, server_network=rules)
    await cluster.settle()
    before = cluster.get("networkpolicies")
    assert before["spec"]["ingress"] == rules["ingress"]
    await cluster.restart()
    assert cluster.get("networkpolicies") == before
    cluster.objects.patch("networkpolicies", "vision", "digits", {"spec": {"ingress": [{}]}})
    await cluster.settle()
    assert cluster.get("networkpolicies")["spec"] == before["spec"]


async def test_scaling_changes_only_replicas() -> None:
    cluster = await serving()
    before = template(cluster)
    await cluster.update(replicas=3)
    assert (cluster.status["readyReplicas"], template(cluster)) == (3, before)
    await cluster.update(replicas=0)
    assert cluster.status["state"] == "Stopped"
    assert cluster.condition("Ready") == ("False", "Stopped")
    assert cluster.events() == ["RolledOut", "Stopped"]


async def test_each_rollout_has_one_event() -> None:
    cluster = await serving()
    for sha in (OTHER_SHA, SHA, OTHER_SHA):
        await cluster.update(source={"uri": URI, "sha256": sha})
        await cluster.update(replicas=2)
        await cluster.update(replicas=1)
    assert cluster.events() == ["RolledOut"] * 4


async def test_paused_starts_no_rollout() -> None:
    cluster = await serving()
    await cluster.update(paused=True, source={"uri": URI, "sha256": OTHER_SHA})
    assert cluster.condition("Progressing") == ("Unknown", "Paused")
    assert (cluster.status["state"], cluster.get("deployments")["spec"]["paused"]) == ("Ready", True)
    await cluster.update(paused=False)
    assert cluster.condition("Progressing") == ("True", "RolledOut")
    assert server_config(cluster)["source"]["sha256"] == OTHER_SHA


async def test_manual_restart_is_kept_and_undo_is_corrected() -> None:
    cluster = await serving()
    first = template(cluster)
    restarted = {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}}}
    cluster.objects.patch("deployments", "vision", "digits", restarted)
    after = cluster.get("deployments")
    await cluster.settle()
    assert cluster.get("deployments")["spec"] == after["spec"]

    await cluster.update(source={"uri": KERAS, "sha256": OTHER_SHA})
    second = template(cluster)
    assert second["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"] == "now"
    undone = cluster.get("deployments")
    undone["spec"]["template"] = first
    cluster.wait(2)
    cluster.objects.replace("deployments", "vision", undone)
    await cluster.settle()
    assert template(cluster)["spec"] == second["spec"]
    assert server_config(cluster)["source"]["sha256"] == OTHER_SHA


async def test_manual_restart_uses_the_new_image() -> None:
    cluster = await serving()
    cluster.installation = replace(INSTALLATION, server_image="epochal-server:2")
    for time in ("one", "two", "three", "four"):
        restarted = {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": time}}}}}
        cluster.objects.patch("deployments", "vision", "digits", restarted)
        await cluster.settle()
        assert template(cluster)["spec"]["containers"][0]["image"] == "epochal-server:2"
        assert template(cluster)["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"] == time
        assert cluster.condition("Progressing") == ("True", "RolledOut")


async def test_operator_upgrade_after_a_manual_restart_restarts_no_pod() -> None:
    cluster = await serving()
    restarted = {"kubectl.kubernetes.io/restartedAt": "once"}
    before = {
        "metadata": {"annotations": {RESTARTED_ANNOTATION: None}},
        "spec": {"template": {"metadata": {"annotations": restarted}}},
    }
    cluster.objects.patch("deployments", "vision", "digits", before)
    was = template(cluster)
    cluster.installation = replace(INSTALLATION, server_image="epochal-server:2")
    await cluster.restart()
    assert template(cluster) == was


async def test_drift_is_corrected_with_backoff() -> None:
    cluster = await serving()
    for times in range(4):
        cluster.objects.patch("deployments", "vision", "digits", {"spec": {"replicas": 7}}, manager="somebody")
        await cluster.settle()
        cluster.wait(2**times)
    cluster.objects.patch("deployments", "vision", "digits", {"spec": {"replicas": 7}}, manager="somebody")
    assert await cluster.reconcile() == 16
    cluster.objects.patch("deployments", "vision", "digits", {"spec": {"replicas": 7}}, manager="somebody")
    assert await cluster.reconcile() == 16
    assert cluster.condition("Progressing") == ("False", "FieldConflict")
    assert "somebody and Epochal overwrite each other's spec.replicas of the Deployment" in cluster.message(
        "Progressing"
    )
    assert cluster.get("deployments")["spec"]["replicas"] == 7
    cluster.wait(16)
    await cluster.settle()
    assert cluster.get("deployments")["spec"]["replicas"] == 1


async def test_outdated_patch_is_not_applied() -> None:
    """An operator whose machine was paused sends a patch after another operator has become the leader."""
    cluster = await serving()
    found = list[int]()

    def pause(verb: str, resource: str, name: str) -> None:
        if (verb, resource) == ("patch", "deployments") and not found:
            cluster.objects.patch(resource, "vision", name, {"spec": {"replicas": 5}}, manager="epochal")
            cluster.change(replicas=5)
        found.append(cluster.get("deployments")["spec"]["replicas"])

    cluster.refuse = pause
    await cluster.update(replicas=3)
    assert cluster.get("deployments")["spec"]["replicas"] == 5
    assert 3 not in found


async def test_outdated_replacement_is_not_applied() -> None:
    """An operator whose machine was paused replaces a pod template after another operator has become the leader."""
    cluster = await serving()
    cluster.change(limits={"queuedRequests": 10})
    cluster.list_objects()
    paused = cluster.reconciler
    cluster.boot()
    await cluster.update(limits={"queuedRequests": 20})
    written = cluster.get("deployments")
    for _ in range(3):
        await paused.reconcile(KEY)
    assert server_config(cluster)["limits"]["queuedRequests"] == 20
    assert cluster.get("deployments") == written


@pytest.mark.parametrize("refused", [True, False])
async def test_lost_annotations_are_retried_with_backoff(monkeypatch: pytest.MonkeyPatch, *, refused: bool) -> None:
    cluster = await serving()
    patch, without = cluster.objects.patch, {"metadata": {"annotations": {MODEL_ANNOTATION: None}}}
    patch("deployments", "vision", "digits", without)

    def stripping(resource: str, *place: Any, **more: Any) -> Any:
        if resource != "deployments":
            return patch(resource, *place, **more)
        if refused:
            raise Refusal(403, "Forbidden", "no annotations here")
        patch(resource, *place, **more)
        return patch(resource, "vision", "digits", without)

    monkeypatch.setattr(cluster.objects, "patch", stripping)
    assert await cluster.reconcile() == 1
    for seconds in (1, 2):
        cluster.wait(seconds)
        assert await cluster.reconcile() == 2 * seconds
    assert cluster.condition("Progressing") == ("False", "Rejected")
    assert "(metadata.annotations)" in cluster.message("Progressing")
    assert cluster.status["state"] == "Degraded"


@pytest.mark.parametrize("resource", ["deployments", "services", "poddisruptionbudgets"])
async def test_object_of_another_owner_is_a_name_conflict(resource: str) -> None:
    cluster = Cluster()
    theirs = cluster.objects.create(resource, "vision", {"metadata": {"name": "digits"}, "spec": {"own": True}})
    assert await cluster.reconcile() == 30
    assert cluster.condition("Progressing") == ("False", "NameConflict")
    assert cluster.condition("Ready") == ("False", "NameConflict")
    assert cluster.status["state"] == "Failed"
    assert cluster.objects.list("deployments") == ([theirs] if resource == "deployments" else [])
    assert cluster.get(resource) == theirs
    cluster.objects.delete(resource, "vision", "digits")
    await cluster.settle()
    assert cluster.condition("Progressing") == ("True", "RolledOut")


@pytest.mark.parametrize("resource", ["networkpolicies", "horizontalpodautoscalers"])
async def test_foreign_object_without_a_desired_child_blocks_nothing(resource: str) -> None:
    cluster = Cluster()
    about = {"name": "digits", "labels": {"epochal.dev/modelserver": "digits"}}
    theirs = cluster.objects.create(resource, "vision", {"metadata": about, "spec": {"own": True}})
    await cluster.settle()
    assert (cluster.status["state"], cluster.condition("Progressing")) == ("Ready", ("True", "RolledOut"))
    assert cluster.get(resource) == theirs


async def test_rejected_create_is_reported() -> None:
    cluster = Cluster()
    refusal = Refusal(403, "Forbidden", "exceeded quota: services")
    cluster.refuse = lambda verb, resource, _: refusal if (verb, resource) == ("create", "services") else None
    assert await cluster.reconcile() == 60
    assert cluster.condition("Progressing") == ("False", "Rejected")
    assert cluster.message("Progressing") == "The API server refuses the Service: exceeded quota: services"
    cluster.refuse = lambda *_: None
    await cluster.settle()
    assert cluster.status["state"] == "Ready"


UNCALLED = 'Internal error occurred: failed calling webhook "v.kyverno.svc": Post "https://kyverno": connection refused'
TROUBLED = 'admission webhook "v.kyverno.svc" denied the request: cannot list policies'


@pytest.mark.parametrize("message", [UNCALLED, TROUBLED])
@pytest.mark.parametrize("resource", ["deployments", "services", "poddisruptionbudgets"])
async def test_failed_webhook_on_create_is_reported_and_retried(resource: str, message: str) -> None:
    cluster = Cluster()
    refusal = Refusal(500, "InternalError", message)
    cluster.refuse = lambda verb, of, _: refusal if (verb, of) == ("create", resource) else None
    for _ in range(2):
        with pytest.raises(AdmissionFailed):  # which the queue tries again later and later
            await cluster.reconcile()
        assert cluster.condition("Progressing") == ("False", "WebhookFailed")
        assert cluster.condition("Stalled")[0] == "False"
        assert cluster.message("Progressing").endswith(message)
    assert cluster.events() == ["WebhookFailed"]
    cluster.refuse = lambda *_: None
    await cluster.settle()
    assert cluster.status["state"] == "Ready"


@pytest.mark.parametrize(("status", "verb"), [(500, "patch"), (409, "patch"), (404, "replace"), (503, "replace")])
async def test_failed_webhook_on_update_is_reported_and_retried(status: int, verb: str) -> None:
    cluster = await serving()
    refusal = Refusal(status, "Conflict", TROUBLED)
    cluster.refuse = lambda one, resource, _: refusal if (one, resource) == (verb, "deployments") else None
    cluster.change(**{"replicas": 3} if verb == "patch" else {"resources": {"limits": {"cpu": "2"}}})
    assert await cluster.reconcile() == 1
    assert cluster.condition("Progressing") == ("False", "Rejected")
    assert cluster.message("Progressing").endswith(TROUBLED)
    assert cluster.status["state"] == "Degraded"
    cluster.refuse = lambda *_: None
    cluster.wait(1)
    await cluster.settle()
    assert cluster.condition("Progressing") == ("True", "RolledOut")


async def test_second_change_during_a_rollout_wins() -> None:
    cluster = await serving(replicas=2)
    cluster.outcome = lambda _: failed_container(termination_message("ModelRefused", "no"))
    await cluster.update(source={"uri": URI, "sha256": OTHER_SHA})
    cluster.change(source={"uri": URI, "sha256": "c" * 64})
    await cluster.reconcile()
    assert cluster.condition("Progressing") == ("True", "RollingOut"), "what pods of before say counts no more"
    cluster.outcome = lambda _: None
    await cluster.settle()
    assert (cluster.status["state"], server_config(cluster)["source"]["sha256"]) == ("Ready", "c" * 64)
    assert cluster.status["replicas"] == cluster.status["readyReplicas"] == 2


async def test_missing_model_is_reported_once_pods_exist() -> None:
    cluster = await serving(replicas=0)
    assert cluster.status["state"] == "Stopped"
    cluster.outcome = lambda _: failed_container(termination_message("ModelNotFound", "there is none"))
    await cluster.update(replicas=2)
    assert (cluster.status["state"], cluster.condition("Stalled")) == ("Failed", ("True", "ModelNotFound"))
    await cluster.update(replicas=0)
    assert cluster.status["state"] == "Stopped"


async def test_deployment_in_deletion_is_cleanup() -> None:
    cluster = await serving()
    cluster.objects.patch("deployments", "vision", "digits", {"metadata": {"finalizers": ["somebody/else"]}})
    cluster.objects.delete("deployments", "vision", "digits")
    await cluster.update(source={"uri": URI, "sha256": OTHER_SHA})
    assert cluster.condition("Progressing") == ("False", "Cleanup")
    assert "Deployment is being deleted" in cluster.message("Progressing")
    assert (cluster.status["state"], cluster.condition("Ready")) == ("Updating", ("True", "Serving"))
    assert cluster.events() == ["RolledOut"]
    cluster.objects.patch("deployments", "vision", "digits", {"metadata": {"finalizers": []}})
    await cluster.settle()
    assert cluster.status["state"] == "Ready"
    assert server_config(cluster)["source"]["sha256"] == OTHER_SHA


async def test_unneeded_child_is_deleted() -> None:
    cluster = await serving(autoscaling={"maxReplicas": 4})
    await cluster.update(autoscaling=None)
    assert "horizontalpodautoscalers" not in cluster.owned()


@pytest.mark.parametrize("resource", ["horizontalpodautoscalers", "networkpolicies"])
async def test_rejected_delete_blocks_nothing_and_is_reported(resource: str) -> None:
    cluster = Cluster(autoscaling={"maxReplicas": 4})
    cluster.installation = replace(INSTALLATION, server_network={"ingress": []})
    await cluster.settle()
    refusal = Refusal(403, "Forbidden", "nobody deletes these here")
    cluster.refuse = lambda verb, kind, _: refusal if (verb, kind) == ("delete", resource) else None
    cluster.installation = INSTALLATION
    cluster.change(autoscaling=None, source={"uri": URI, "sha256": OTHER_SHA})
    assert await cluster.reconcile() == 1
    for seconds in (1, 2):
        cluster.wait(seconds)
        assert await cluster.reconcile() == 2 * seconds
    assert server_config(cluster)["source"]["sha256"] == OTHER_SHA
    assert cluster.condition("Progressing") == ("False", "Rejected")
    assert "(its deletion): nobody deletes these here" in cluster.message("Progressing")
    cluster.refuse = lambda *_: None
    cluster.wait(4)
    await cluster.settle()
    assert resource not in cluster.owned()
    assert cluster.status["state"] == "Ready"


async def test_invalid_spec_changes_no_child() -> None:
    cluster = await serving()
    before = cluster.get("deployments")
    await cluster.update(replicas=-1)
    assert cluster.get("deployments") == before
    assert cluster.condition("Progressing") == ("False", "InvalidSpec")
    assert cluster.condition("Ready") == ("True", "Serving")
    assert "spec.replicas" in cluster.message("Progressing")
    assert cluster.status["model"]["sha256"] == SHA


async def test_invalid_spec_applies_mutable_fields() -> None:
    cluster = await serving(autoscaling={"maxReplicas": 4})
    before = template(cluster)
    await cluster.update(replicas=3, batching={"maxSize": 0}, source={"uri": URI, "sha256": OTHER_SHA})
    assert cluster.status["display"]["ready"] == "3/3"
    await cluster.update(paused=True)
    spec = cluster.get("deployments")["spec"]
    assert (spec["replicas"], spec["paused"], template(cluster)) == (3, True, before)
    assert cluster.condition("Progressing") == ("False", "InvalidSpec")
    await cluster.update(replicas=2, paused="yes")
    spec = cluster.get("deployments")["spec"]
    assert (spec["replicas"], spec["paused"]) == (2, True)


async def test_missing_storage_endpoint_creates_nothing() -> None:
    cluster = Cluster()
    cluster.installation = replace(INSTALLATION, storage_endpoint=None)
    await cluster.settle()
    assert cluster.condition("Progressing") == ("False", "NoStorageEndpoint")
    assert (cluster.status["state"], cluster.owned()) == ("Failed", set())
    await cluster.update(storage={"endpoint": "https://s3.example.com", "secretRef": {"name": "credentials"}})
    assert cluster.status["state"] == "Ready"


async def test_removed_storage_endpoint_keeps_the_url() -> None:
    cluster = await serving()
    cluster.installation = replace(INSTALLATION, storage_endpoint=None)
    await cluster.settle()
    assert (cluster.status["state"], cluster.status["url"]) == ("Degraded", "http://digits.vision.svc")


async def test_removed_storage_endpoint_still_scales() -> None:
    cluster = await serving()
    cluster.installation = replace(INSTALLATION, storage_endpoint=None)
    await cluster.update(replicas=2)
    assert cluster.condition("Progressing") == ("False", "NoStorageEndpoint")
    assert cluster.status["display"]["ready"] == "2/2"


async def test_deleted_model_server_is_left_to_garbage_collection() -> None:
    cluster = await serving()
    cluster.objects.patch("modelservers", "vision", "digits", {"metadata": {"finalizers": ["somebody/else"]}})
    cluster.objects.delete("modelservers", "vision", "digits")
    cluster.objects.delete("services", "vision", "digits")
    await cluster.reconcile()
    assert "services" not in cluster.owned()


def _set(field: str, value: Any) -> Callable[[str, dict[str, Any]], dict[str, Any]]:
    """Return an admission webhook that sets a spec field, by RESOURCE.PATH."""
    resource, *path = field.split(".")

    def admit(of: str, thing: dict[str, Any]) -> dict[str, Any]:
        if of == resource:
            part = thing["spec"]
            for name in path[:-1]:
                part = part[name]
            part[path[-1]] = value
        return thing

    return admit


def _without_empty_lists(of: str, thing: dict[str, Any]) -> dict[str, Any]:
    """Return a NetworkPolicy as the API server stores it."""
    for rule in thing["spec"]["ingress"] if of == "networkpolicies" else ():
        for peer in rule.get("from", ()):
            if not peer["ipBlock"].get("except", True):
                del peer["ipBlock"]["except"]
    return thing


BLOCK = {"ipBlock": {"cidr": "192.0.2.0/24", "except": list[str]()}}
NETWORK = {"ingress": [{"from": [BLOCK], "ports": [{"port": 8080, "protocol": "TCP"}]}]}


@pytest.mark.parametrize(
    ("admit", "patches"),
    [
        (_set("deployments.revisionHistoryLimit", 10), 1),
        (_set("deployments.strategy.rollingUpdate.maxUnavailable", 1), 1),
        (_set("poddisruptionbudgets.maxUnavailable", "25%"), 2),
        (_without_empty_lists, 2),
    ],
    ids=["revisionHistoryLimit", "rollingUpdate", "maxUnavailable", "except"],
)
async def test_overruled_field_is_sent_once(admit: Any, patches: int) -> None:
    cluster = Cluster()
    cluster.objects.admit = admit
    cluster.installation = replace(INSTALLATION, server_network=NETWORK)
    await cluster.settle()
    assert cluster.status["state"] == "Ready"
    assert cluster.condition("Progressing") == ("True", "RolledOut")
    assert sum(one.startswith("patch") for one in cluster.kube.writes) == patches
    for _ in range(5):
        cluster.wait(600)
        assert await cluster.reconcile() is None
    assert sum(one.startswith("patch") for one in cluster.kube.writes) == patches


async def test_overruled_field_is_corrected_after_other_writers() -> None:
    cluster = Cluster()

    def admit(of: str, thing: dict[str, Any]) -> dict[str, Any]:
        if of == "deployments" and thing["spec"]["revisionHistoryLimit"] == 3:
            thing["spec"]["revisionHistoryLimit"] = 10
        return thing

    cluster.objects.admit = admit
    await cluster.settle()
    for times in range(4):
        cluster.objects.patch("deployments", "vision", "digits", {"spec": {"revisionHistoryLimit": 7}})
        await cluster.settle()
        cluster.wait(2**times)
        await cluster.settle()
        assert cluster.get("deployments")["spec"]["revisionHistoryLimit"] == 10
    cluster.objects.patch("deployments", "vision", "digits", {"spec": {"revisionHistoryLimit": 7}})
    assert await cluster.reconcile() == 16
    assert cluster.condition("Progressing") == ("False", "FieldConflict")


@pytest.mark.parametrize("field", ["revisionHistoryLimit", "strategy"])
async def test_field_that_changes_with_each_write_is_sent_once_per_change(field: str) -> None:
    cluster, values = Cluster(), count(20)

    def admit(of: str, thing: dict[str, Any]) -> dict[str, Any]:
        if of == "deployments":
            number = next(values)
            strategy = {"type": "RollingUpdate", "rollingUpdate": {f"added{number}": 1}}
            thing["spec"][field] = strategy if field == "strategy" else number
        return thing

    await cluster.settle()
    cluster.objects.admit = admit
    cluster.objects.patch("deployments", "vision", "digits", {"spec": {"progressDeadlineSeconds": 7}})
    before = cluster.kube.writes.count("patch deployments/digits")
    for _ in range(5):
        assert await cluster.reconcile() is None
        cluster.wait(600)
    assert cluster.kube.writes.count("patch deployments/digits") - before == 1


@pytest.mark.parametrize("field", ["replicas", "paused"])
async def test_overruled_mutable_field_is_a_conflict(field: str) -> None:
    cluster = Cluster(replicas=2)
    cluster.objects.admit = _set(f"deployments.{field}", 1 if field == "replicas" else True)
    waited = []
    for _ in range(5):
        waited.append(seconds := await cluster.reconcile())
        assert seconds is not None
        cluster.control()
        await cluster.reconcile()
        cluster.wait(seconds)
    assert waited == [1, 2, 4, 8, 16]
    assert cluster.condition("Progressing") == ("False", "FieldConflict")
    assert f"overwrite each other's spec.{field} of the Deployment" in cluster.message("Progressing")
    assert cluster.message("Progressing").startswith("An admission webhook and Epochal")
    assert cluster.condition("Ready")[0] == "True"


async def test_template_without_its_digest_is_replaced_with_backoff() -> None:
    def strip(of: str, thing: dict[str, Any]) -> dict[str, Any]:
        if of == "deployments":
            thing["spec"]["template"]["metadata"]["annotations"].pop("epochal.dev/inputs-sha256", None)
        return thing

    cluster = Cluster()
    cluster.objects.admit = strip
    for seconds in (1, 2, 4, 8):
        assert await cluster.reconcile() == seconds
        cluster.wait(seconds)
    assert cluster.condition("Progressing") == ("False", "FieldConflict")
    assert "spec.template of the Deployment" in cluster.message("Progressing")
