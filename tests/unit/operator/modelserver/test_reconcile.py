"""A ModelServer from its model to its rollouts, beside a Deployment controller in little."""

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from epochal_api.modelserver.pod import SERVER_ANNOTATION
from epochal_operator.modelserver.model_annotation import MODEL_ANNOTATION
from epochal_operator.modelserver.resources import RESTARTED_ANNOTATION
from epochal_operator.runtime.api.errors import AdmissionFailed

from tests.kit.fake.objects import Refusal
from tests.unit.operator.modelserver.cluster import OWNED, Cluster
from tests.unit.operator.modelserver.servers import (
    FOLDER,
    KERAS,
    OTHER_SHA,
    SHA,
    URI,
    ended,
    entry,
    export,
    training_job,
    words,
)
from tests.unit.operator.objects import INSTALLATION

OF_JOB: dict[str, Any] = {"source": {"trainingJobRef": {"name": "mnist"}}}
OF_EXPERIMENT: dict[str, Any] = {"source": {"experimentRef": {"name": "search"}}}
ONNX: dict[str, Any] = {
    "exports": [export("Last", "d", "model.onnx")],
    "signature": {"uri": f"{FOLDER}/signature.json", "sha256": "5" * 64},
}


def told(cluster: Cluster) -> Any:
    """Returns what the pods of the Deployment are told."""
    return json.loads(template(cluster)["metadata"]["annotations"][SERVER_ANNOTATION])


def template(cluster: Cluster) -> Any:
    return cluster.get("deployments")["spec"]["template"]


def train(cluster: Cluster, job: Any) -> None:
    """Has a TrainingJob as it is given; an earlier one of its name is gone."""
    metadata = {"name": job["metadata"]["name"], "labels": job["metadata"].get("labels", {})}
    if any(one["metadata"]["name"] == metadata["name"] for one in cluster.objects.list("trainingjobs")):
        cluster.objects.delete("trainingjobs", "vision", metadata["name"])
    cluster.objects.create("trainingjobs", "vision", {"metadata": metadata, "spec": {}})
    status = {"status": job["status"]}
    cluster.objects.patch("trainingjobs", "vision", metadata["name"], status, subresource="status")


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
    assert status["model"] == {"uri": URI, "sha256": SHA, "runtime": "ONNX"}
    uid = cluster.get()["metadata"]["uid"]
    assert status["selector"] == f"epochal.dev/modelserver=digits,epochal.dev/modelserver-uid={uid}"
    assert cluster.condition("Ready") == ("True", "Serving")
    assert cluster.condition("Progressing") == ("True", "RolledOut")
    assert cluster.condition("Reconciling") == ("False", "RolledOut")
    assert cluster.condition("Stalled") == ("False", "Progressing")
    assert cluster.events() == ["RolledOut"]
    assert told(cluster)["source"] == {"uri": URI, "sha256": SHA}


@pytest.mark.parametrize("dies_after", [1, 2, 3])
async def test_an_operator_that_dies_after_each_write_gets_there(dies_after: int) -> None:
    cluster = Cluster(replicas=2, autoscaling={"maxReplicas": 4})
    await cluster.settle(dies_after=dies_after)
    assert cluster.deaths > 1
    assert cluster.owned() == {*OWNED} - {"networkpolicies"}
    assert cluster.condition("Ready") == ("True", "Serving")
    deployed = cluster.get("deployments")["metadata"]["generation"]
    cluster.boot()
    await cluster.settle()
    assert cluster.get("deployments")["metadata"]["generation"] == deployed


async def test_what_is_as_it_should_be_is_left_alone() -> None:
    cluster = await serving(autoscaling={"maxReplicas": 4}, auth={"secretRef": {"name": "keys"}})
    cluster.boot()
    assert await cluster.reconcile() is None
    assert cluster.kube.writes == []


async def test_a_training_job_is_waited_for_and_rolled_out() -> None:
    cluster = await serving(**OF_JOB)
    assert (cluster.status["state"], cluster.owned()) == ("Waiting", set())
    assert cluster.condition("Progressing") == ("True", "WaitsForTrainingJob")
    assert "TrainingJob mnist (spec.source.trainingJobRef) does not exist" in cluster.message("Ready")
    train(cluster, training_job("Running"))
    await cluster.settle()
    assert "is Running" in cluster.message("Ready")
    train(cluster, training_job("Complete", **ONNX))
    await cluster.settle()
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
    }
    assert told(cluster)["source"]["signatureSha256"] == "5" * 64
    assert "initContainers" not in template(cluster)["spec"]
    assert cluster.events() == ["WaitsForTrainingJob", "RolledOut"]


async def test_a_training_job_that_is_gone_does_not_matter_and_one_made_anew_is_rolled_out() -> None:
    cluster = await serving(**OF_JOB)
    train(cluster, training_job("Complete", **ONNX))
    await cluster.settle()
    cluster.objects.delete("trainingjobs", "vision", "mnist")
    before = cluster.get("deployments")
    cluster.boot()
    await cluster.settle()
    assert cluster.get("deployments") == before
    assert cluster.status["state"] == "Ready"

    cluster.objects.delete("deployments", "vision", "digits")
    await cluster.settle()
    assert told(cluster)["source"]["sha256"] == "d" * 64, "the status remembers it"

    train(cluster, training_job("Running"))
    await cluster.settle()
    assert (cluster.status["state"], told(cluster)["source"]["sha256"]) == ("Ready", "d" * 64)
    train(cluster, training_job("Complete", exports=[export("Last", "e", "model.onnx")]))
    await cluster.settle()
    assert told(cluster)["source"]["sha256"] == "e" * 64
    assert cluster.condition("Progressing") == ("True", "RolledOut")


async def test_one_made_anew_that_fails_is_told_of_while_the_one_of_before_serves() -> None:
    cluster = await serving(**OF_JOB)
    train(cluster, training_job("Complete", **ONNX))
    await cluster.settle()
    train(cluster, training_job("Failed"))
    await cluster.settle()
    assert (cluster.status["state"], told(cluster)["source"]["sha256"]) == ("Degraded", "d" * 64)
    assert cluster.condition("Progressing") == ("False", "TrainingJobFailed")
    assert "the pods serve mnist (Last)" in cluster.message("Progressing")
    train(cluster, training_job("Running"))
    await cluster.settle()
    assert (cluster.status["state"], cluster.condition("Progressing")) == ("Ready", ("True", "RolledOut"))


async def test_what_is_told_later_of_the_same_training_rolls_out_nothing() -> None:
    cluster = await serving(**OF_JOB)
    train(cluster, training_job())
    await cluster.settle()
    assert template(cluster)["spec"]["initContainers"][0]["command"] == ["epochal-trainer", "convert"]
    before = cluster.get("deployments")
    job = cluster.objects.get("trainingjobs", "vision", "mnist")
    results = job["status"]["results"] | ONNX
    cluster.objects.patch("trainingjobs", "vision", "mnist", {"status": {"results": results}}, subresource="status")
    await cluster.settle()
    assert cluster.get("deployments") == before


async def test_pods_that_were_made_without_a_digest_of_the_signature_go_on_without_it() -> None:
    cluster = await serving(**OF_JOB)
    train(cluster, training_job("Complete", **ONNX | {"signature": {"uri": f"{FOLDER}/signature.json"}}))
    await cluster.settle()
    job = cluster.objects.get("trainingjobs", "vision", "mnist")
    results = job["status"]["results"] | ONNX
    cluster.objects.patch("trainingjobs", "vision", "mnist", {"status": {"results": results}}, subresource="status")
    before = cluster.get("deployments")
    cluster.boot()
    await cluster.settle()
    assert cluster.get("deployments") == before
    assert cluster.condition("Progressing") == ("True", "RolledOut")


async def test_another_model_of_a_training_that_is_gone_is_not_to_be_had() -> None:
    last = {"source": {"trainingJobRef": {"name": "mnist", "model": "Last"}}}
    cluster = await serving(**last)
    train(cluster, training_job(models=[entry("model.keras", "c", 10), entry("best.keras", "d", 9)]))
    await cluster.settle()
    assert cluster.condition("Progressing") == ("True", "RolledOut")
    cluster.objects.delete("trainingjobs", "vision", "mnist")
    await cluster.settle()
    assert cluster.condition("Progressing") == ("True", "RolledOut")
    cluster.change(source={"trainingJobRef": {"name": "mnist", "model": "Best"}})
    await cluster.settle()
    assert (cluster.status["state"], told(cluster)["source"]["sha256"]) == ("Ready", "c" * 64)
    assert cluster.condition("Progressing") == cluster.condition("Reconciling") == ("True", "WaitsForTrainingJob")
    assert "the pods serve mnist (Last)" in cluster.message("Progressing")


async def test_the_best_of_an_experiment_is_served_once_it_is_complete() -> None:
    cluster = await serving(**OF_EXPERIMENT)
    assert cluster.condition("Progressing") == ("True", "WaitsForExperiment")
    spec = {"objective": {"metric": "val_loss", "goal": "Minimize"}}
    cluster.objects.create("experiments", "vision", {"metadata": {"name": "search"}, "spec": spec})

    def search(state: str, job: str, letter: str) -> None:
        one = training_job(models=[entry("model.keras", "c", 3), entry("best.keras", letter)])
        one["metadata"] |= {"name": job, "labels": {"epochal.dev/experiment": "search"}}
        train(cluster, one)
        best = {"trial": 1, "jobName": job, "value": "0.1"}
        status = {"state": state, "best": best}
        cluster.objects.patch("experiments", "vision", "search", {"status": status}, subresource="status")

    search("Running", "search-1-r0", "d")
    await cluster.settle()
    assert cluster.status["state"] == "Waiting"
    search("Complete", "search-1-r0", "d")
    await cluster.settle()
    assert (cluster.status["state"], told(cluster)["source"]["sha256"]) == ("Ready", "d" * 64)
    assert told(cluster)["source"]["model"] == "Best"
    assert cluster.status["display"]["model"] == "search: search-1-r0"
    cluster.objects.delete("trainingjobs", "vision", "search-1-r0")
    await cluster.settle()
    assert cluster.condition("Progressing") == ("True", "RolledOut")
    search("Running", "search-2-r0", "e")
    await cluster.settle()
    assert told(cluster)["source"]["sha256"] == "d" * 64
    search("Complete", "search-2-r0", "e")
    cluster.objects.delete("trainingjobs", "vision", "search-2-r0")
    await cluster.settle()
    assert told(cluster)["source"]["sha256"] == "d" * 64
    assert cluster.condition("Progressing") == ("False", "ModelNotStored"), "its best is another one now"
    search("Complete", "search-2-r0", "e")
    await cluster.settle()
    assert told(cluster)["source"]["sha256"] == "e" * 64


async def test_while_a_new_model_fails_the_old_one_serves_and_the_reason_is_told() -> None:
    cluster = await serving()
    cluster.outcome = lambda _: ended(words("CheckDiffers", "answers differ by 0.3"))
    cluster.change(source={"uri": URI, "sha256": OTHER_SHA})
    await cluster.settle()
    assert (cluster.status["state"], cluster.status["readyReplicas"]) == ("Degraded", 1)
    assert cluster.condition("Ready") == ("True", "Serving")
    assert cluster.condition("Progressing") == ("False", "CheckDiffers")
    assert cluster.message("Progressing") == "answers differ by 0.3"
    assert cluster.condition("Stalled") == ("True", "CheckDiffers")
    assert cluster.events()[-1] == "CheckDiffers"

    cluster.outcome = lambda _: None
    cluster.change(source={"uri": URI, "sha256": SHA})
    await cluster.settle()
    assert (cluster.status["state"], len(cluster.pods())) == ("Ready", 1)


async def test_what_cannot_become_onnx_is_served_by_keras() -> None:
    cluster = Cluster(source={"uri": KERAS, "sha256": SHA})
    said = ended(words("NotConvertible", "layer spiral cannot be converted"), name="convert")
    cluster.outcome = lambda spec: said if "initContainers" in spec else None
    await cluster.settle()
    spec = template(cluster)["spec"]
    assert "initContainers" not in spec
    assert (spec["containers"][0]["image"], spec["containers"][0]["command"]) == (
        "epochal-trainer:test",
        ["epochal-server"],
    )
    assert told(cluster)["runtime"] == cluster.status["model"]["runtime"] == "Keras"
    assert "NotConvertible" in cluster.events()
    assert "with Keras" in cluster.message("Progressing")
    cluster.boot()
    cluster.change(replicas=2)
    await cluster.settle()
    assert told(cluster)["runtime"] == "Keras", "it is remembered"
    cluster.change(source={"uri": KERAS, "sha256": OTHER_SHA})
    await cluster.reconcile()
    assert "initContainers" in template(cluster)["spec"], "another file may be converted"


async def test_a_newer_operator_restarts_no_pod() -> None:
    cluster = await serving()
    before = cluster.get("deployments")
    cluster.installation = replace(INSTALLATION, server_image="epochal-server:2", scratch_limit="1Gi", labels=("team",))
    cluster.boot()
    await cluster.settle()
    assert cluster.get("deployments") == before
    cluster.change(resources={"limits": {"cpu": "2"}})
    await cluster.settle()
    assert template(cluster)["spec"]["containers"][0]["image"] == "epochal-server:2"


async def test_a_policy_of_many_addresses_is_left_alone_as_long_as_nobody_changes_it() -> None:
    cluster = Cluster()
    blocks = [{"ipBlock": {"cidr": f"192.0.2.{number}/32"}} for number in range(100)]
    rules = {"ingress": [{"from": blocks, "ports": [{"port": 8080, "protocol": "TCP"}]}]}
    cluster.installation = replace(INSTALLATION, server_network=rules)
    await cluster.settle()
    before = cluster.get("networkpolicies")
    assert before["spec"]["ingress"] == rules["ingress"]
    cluster.boot()
    await cluster.settle()
    assert cluster.get("networkpolicies") == before
    cluster.objects.patch("networkpolicies", "vision", "digits", {"spec": {"ingress": [{}]}})
    await cluster.settle()
    assert cluster.get("networkpolicies")["spec"] == before["spec"]


async def test_scaled_only_the_count_changes() -> None:
    cluster = await serving()
    before = template(cluster)
    cluster.change(replicas=3)
    await cluster.settle()
    assert (cluster.status["readyReplicas"], template(cluster)) == (3, before)
    cluster.change(replicas=0)
    await cluster.settle()
    assert cluster.status["state"] == "Stopped"
    assert cluster.condition("Ready") == ("False", "Stopped")
    assert cluster.events() == ["RolledOut", "Stopped"]


async def test_each_rollout_is_told_also_that_to_what_was_there_before() -> None:
    cluster = await serving()
    for sha in (OTHER_SHA, SHA, OTHER_SHA):
        cluster.change(source={"uri": URI, "sha256": sha})
        await cluster.settle()
        cluster.change(replicas=2)
        await cluster.settle()
        cluster.change(replicas=1)
        await cluster.settle()
    assert cluster.events() == ["RolledOut"] * 4


async def test_paused_nothing_is_rolled_out() -> None:
    cluster = await serving()
    cluster.change(paused=True, source={"uri": URI, "sha256": OTHER_SHA})
    await cluster.settle()
    assert cluster.condition("Progressing") == ("Unknown", "Paused")
    assert (cluster.status["state"], cluster.get("deployments")["spec"]["paused"]) == ("Ready", True)
    cluster.change(paused=False)
    await cluster.settle()
    assert cluster.condition("Progressing") == ("True", "RolledOut")
    assert told(cluster)["source"]["sha256"] == OTHER_SHA


async def test_a_restart_by_hand_stays_and_an_undo_is_put_right() -> None:
    cluster = await serving()
    first = template(cluster)
    restarted = {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}}}
    cluster.objects.patch("deployments", "vision", "digits", restarted)
    after = cluster.get("deployments")
    await cluster.settle()
    assert cluster.get("deployments")["spec"] == after["spec"]

    cluster.change(source={"uri": KERAS, "sha256": OTHER_SHA})
    await cluster.settle()
    second = template(cluster)
    assert second["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"] == "now"
    undone = cluster.get("deployments")
    undone["spec"]["template"] = first
    cluster.wait(2)
    cluster.objects.replace("deployments", "vision", undone)
    await cluster.settle()
    assert template(cluster)["spec"] == second["spec"]
    assert told(cluster)["source"]["sha256"] == OTHER_SHA


async def test_restarted_by_hand_pods_take_the_newer_server() -> None:
    cluster = await serving()
    cluster.installation = replace(INSTALLATION, server_image="epochal-server:2")
    for time in ("one", "two", "three", "four"):
        restarted = {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": time}}}}}
        cluster.objects.patch("deployments", "vision", "digits", restarted)
        await cluster.settle()
        assert template(cluster)["spec"]["containers"][0]["image"] == "epochal-server:2"
        assert template(cluster)["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"] == time
        assert cluster.condition("Progressing") == ("True", "RolledOut")


async def test_one_that_was_restarted_before_is_not_restarted_by_an_upgrade() -> None:
    cluster = await serving()
    restarted = {"kubectl.kubernetes.io/restartedAt": "once"}
    before = {
        "metadata": {"annotations": {RESTARTED_ANNOTATION: None}},
        "spec": {"template": {"metadata": {"annotations": restarted}}},
    }
    cluster.objects.patch("deployments", "vision", "digits", before)
    was = template(cluster)
    cluster.installation = replace(INSTALLATION, server_image="epochal-server:2")
    cluster.boot()
    await cluster.settle()
    assert template(cluster) == was


async def test_what_others_change_is_put_right_ever_more_seldom() -> None:
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
    assert "somebody and Epochal overwrite each other's spec.replicas of its Deployment" in cluster.message(
        "Progressing"
    )
    assert cluster.get("deployments")["spec"]["replicas"] == 7
    cluster.wait(16)
    await cluster.settle()
    assert cluster.get("deployments")["spec"]["replicas"] == 1


async def test_a_decision_of_before_is_not_written_to_a_child_that_has_changed() -> None:
    """A virtual machine that was paused sends the patch that it had decided on, and another one leads by now."""
    cluster = await serving()
    found = list[int]()

    def pause(verb: str, resource: str, name: str) -> None:
        if (verb, resource) == ("patch", "deployments") and not found:
            cluster.objects.patch(resource, "vision", name, {"spec": {"replicas": 5}}, manager="epochal")
            cluster.change(replicas=5)
        found.append(cluster.get("deployments")["spec"]["replicas"])

    cluster.refuse = pause
    cluster.change(replicas=3)
    await cluster.settle()
    assert cluster.get("deployments")["spec"]["replicas"] == 5
    assert 3 not in found


@pytest.mark.parametrize("refused", [True, False])
async def test_annotations_that_cannot_be_written_are_tried_ever_more_seldom(
    monkeypatch: pytest.MonkeyPatch, *, refused: bool
) -> None:
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
async def test_a_name_that_is_taken_is_left_alone(resource: str) -> None:
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
async def test_what_others_have_where_there_is_to_be_nothing_is_in_nobodys_way(resource: str) -> None:
    cluster = Cluster()
    about = {"name": "digits", "labels": {"epochal.dev/modelserver": "digits"}}
    theirs = cluster.objects.create(resource, "vision", {"metadata": about, "spec": {"own": True}})
    await cluster.settle()
    assert (cluster.status["state"], cluster.condition("Progressing")) == ("Ready", ("True", "RolledOut"))
    assert cluster.get(resource) == theirs


async def test_what_the_api_server_refuses_is_told_in_its_words() -> None:
    cluster = Cluster()
    refusal = Refusal(403, "Forbidden", "exceeded quota: services")
    cluster.refuse = lambda verb, resource, _: refusal if (verb, resource) == ("create", "services") else None
    assert await cluster.reconcile() == 60
    assert cluster.condition("Progressing") == ("False", "Rejected")
    assert cluster.message("Progressing") == "The API server refuses its Service: exceeded quota: services"
    cluster.refuse = lambda *_: None
    await cluster.settle()
    assert cluster.status["state"] == "Ready"


UNCALLED = 'Internal error occurred: failed calling webhook "v.kyverno.svc": Post "https://kyverno": connection refused'
TROUBLED = 'admission webhook "v.kyverno.svc" denied the request: cannot list policies'


@pytest.mark.parametrize("message", [UNCALLED, TROUBLED])
@pytest.mark.parametrize("resource", ["deployments", "services", "poddisruptionbudgets"])
async def test_a_webhook_that_fails_is_told_in_its_words_and_asked_again_ever_later(
    resource: str, message: str
) -> None:
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
async def test_a_webhook_that_is_in_the_way_of_a_change_is_told_in_its_words(status: int, verb: str) -> None:
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


async def test_a_model_that_changes_twice_while_it_is_rolled_out_ends_with_the_last() -> None:
    cluster = await serving(replicas=2)
    cluster.outcome = lambda _: ended(words("ModelRefused", "no"))
    cluster.change(source={"uri": URI, "sha256": OTHER_SHA})
    await cluster.settle()
    cluster.change(source={"uri": URI, "sha256": "c" * 64})
    await cluster.reconcile()
    assert cluster.condition("Progressing") == ("True", "RollingOut"), "what pods of before say counts no more"
    cluster.outcome = lambda _: None
    await cluster.settle()
    assert (cluster.status["state"], told(cluster)["source"]["sha256"]) == ("Ready", "c" * 64)
    assert cluster.status["replicas"] == cluster.status["readyReplicas"] == 2


async def test_without_pods_nobody_knows_that_the_model_is_gone_and_with_them_they_say_so() -> None:
    cluster = await serving(replicas=0)
    assert cluster.status["state"] == "Stopped"
    cluster.outcome = lambda _: ended(words("ModelNotFound", "there is none"))
    cluster.change(replicas=2)
    await cluster.settle()
    assert (cluster.status["state"], cluster.condition("Stalled")) == ("Failed", ("True", "ModelNotFound"))
    cluster.change(replicas=0)
    await cluster.settle()
    assert cluster.status["state"] == "Stopped"


async def test_while_its_deployment_is_being_deleted_nothing_is_said_to_be_rolled_out() -> None:
    cluster = await serving()
    cluster.objects.patch("deployments", "vision", "digits", {"metadata": {"finalizers": ["somebody/else"]}})
    cluster.objects.delete("deployments", "vision", "digits")
    cluster.change(source={"uri": URI, "sha256": OTHER_SHA})
    await cluster.settle()
    assert cluster.condition("Progressing") == ("False", "Cleanup")
    assert "Deployment is being deleted" in cluster.message("Progressing")
    assert (cluster.status["state"], cluster.condition("Ready")) == ("Updating", ("True", "Serving"))
    assert cluster.events() == ["RolledOut"]
    cluster.objects.patch("deployments", "vision", "digits", {"metadata": {"finalizers": []}})
    await cluster.settle()
    assert cluster.status["state"] == "Ready"
    assert told(cluster)["source"]["sha256"] == OTHER_SHA


async def test_what_is_needed_no_more_is_deleted() -> None:
    cluster = await serving(autoscaling={"maxReplicas": 4})
    cluster.change(autoscaling=None)
    await cluster.settle()
    assert "horizontalpodautoscalers" not in cluster.owned()


@pytest.mark.parametrize("resource", ["horizontalpodautoscalers", "networkpolicies"])
async def test_what_may_not_be_deleted_holds_nothing_else_up_and_is_told(resource: str) -> None:
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
    assert told(cluster)["source"]["sha256"] == OTHER_SHA
    assert cluster.condition("Progressing") == ("False", "Rejected")
    assert "(its deletion): nobody deletes these here" in cluster.message("Progressing")
    cluster.refuse = lambda *_: None
    cluster.wait(4)
    await cluster.settle()
    assert resource not in cluster.owned()
    assert cluster.status["state"] == "Ready"


async def test_a_spec_that_breaks_the_rules_leaves_what_there_is_as_it_is() -> None:
    cluster = await serving()
    before = cluster.get("deployments")
    cluster.change(replicas=-1)
    await cluster.settle()
    assert cluster.get("deployments") == before
    assert cluster.condition("Progressing") == ("False", "InvalidSpec")
    assert cluster.condition("Ready") == ("True", "Serving")
    assert "spec.replicas" in cluster.message("Progressing")
    assert cluster.status["model"]["sha256"] == SHA


async def test_a_spec_that_breaks_the_rules_scales_and_pauses_what_there_is_nevertheless() -> None:
    cluster = await serving(autoscaling={"maxReplicas": 4})
    before = template(cluster)
    cluster.change(replicas=3, batching={"maxSize": 0}, source={"uri": URI, "sha256": OTHER_SHA})
    await cluster.settle()
    assert cluster.status["display"]["ready"] == "3/3"
    cluster.change(paused=True)
    await cluster.settle()
    spec = cluster.get("deployments")["spec"]
    assert (spec["replicas"], spec["paused"], template(cluster)) == (3, True, before)
    assert cluster.condition("Progressing") == ("False", "InvalidSpec")
    cluster.change(replicas=2, paused="yes")
    await cluster.settle()
    spec = cluster.get("deployments")["spec"]
    assert (spec["replicas"], spec["paused"]) == (2, True)


async def test_without_a_storage_nothing_begins() -> None:
    cluster = Cluster()
    cluster.installation = replace(INSTALLATION, storage_endpoint=None)
    await cluster.settle()
    assert cluster.condition("Progressing") == ("False", "NoStorageEndpoint")
    assert (cluster.status["state"], cluster.owned()) == ("Failed", set())
    cluster.change(storage={"endpoint": "https://s3.example.com", "secretRef": {"name": "credentials"}})
    await cluster.settle()
    assert cluster.status["state"] == "Ready"


async def test_one_whose_storage_is_known_no_more_keeps_its_address() -> None:
    cluster = await serving()
    cluster.installation = replace(INSTALLATION, storage_endpoint=None)
    await cluster.settle()
    assert (cluster.status["state"], cluster.status["url"]) == ("Degraded", "http://digits.vision.svc")


async def test_one_whose_storage_is_known_no_more_is_scaled() -> None:
    cluster = await serving()
    cluster.installation = replace(INSTALLATION, storage_endpoint=None)
    cluster.change(replicas=2)
    await cluster.settle()
    assert cluster.condition("Progressing") == ("False", "NoStorageEndpoint")
    assert cluster.status["display"]["ready"] == "2/2"


async def test_one_that_is_being_deleted_is_left_to_the_garbage_collector() -> None:
    cluster = await serving()
    cluster.objects.patch("modelservers", "vision", "digits", {"metadata": {"finalizers": ["somebody/else"]}})
    cluster.objects.delete("modelservers", "vision", "digits")
    cluster.objects.delete("services", "vision", "digits")
    await cluster.reconcile()
    assert "services" not in cluster.owned()


def _set(field: str, value: Any) -> Callable[[str, dict[str, Any]], dict[str, Any]]:
    """Returns admission that sets a field of Deployments or PodDisruptionBudgets, by its path below spec."""
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
    """Returns a NetworkPolicy as the API server keeps it."""
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
async def test_a_field_that_the_api_server_keeps_otherwise_is_sent_once(admit: Any, patches: int) -> None:
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


async def test_a_field_that_the_api_server_keeps_otherwise_is_protected_from_others() -> None:
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
async def test_a_field_with_another_value_after_each_write_is_sent_once_for_each_change(field: str) -> None:
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
async def test_replicas_that_the_api_server_keeps_otherwise_are_a_conflict(field: str) -> None:
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
    assert f"overwrite each other's spec.{field} of its Deployment" in cluster.message("Progressing")
    assert cluster.message("Progressing").startswith("An admission webhook and Epochal")
    assert cluster.condition("Ready")[0] == "True"


async def test_a_template_that_loses_its_digest_is_written_ever_more_seldom() -> None:
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
    assert "spec.template of its Deployment" in cluster.message("Progressing")
