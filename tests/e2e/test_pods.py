"""Pods of a TrainingJob that are killed, deleted, stopped or stuck: each has one Event with the cause."""

import io
import os
import signal
import time

from epochal_api.trainingjob.report import Artifacts, Report, Termination
from minio import Minio

from tests.kit import operator, pods
from tests.kit.jobs import Namespace, digits
from tests.kit.kubectl import apply, get, kubectl, wait

LONG = {"training__epochs": 100_000, "training__callbacks": []}


def _state_and_reason(namespace: Namespace, name: str) -> tuple[str | None, str | None]:
    """Returns the state of a TrainingJob and the reason of its condition Ready."""
    status = namespace.status(name)
    reasons = (found["reason"] for found in status.get("conditions", []) if found["type"] == "Ready")
    return status.get("state"), next(reasons, None)


def test_a_deleted_pod_is_replaced_and_a_deleted_job_leaves_no_object(namespace: Namespace) -> None:
    namespace.apply(digits("deleted", backoffLimit=0, **LONG))
    imports = "its import of Keras in the state Starting"
    wait(imports, lambda: _state_and_reason(namespace, "deleted") == ("Starting", "ImportingKeras"), seconds=60)
    namespace.wait_epoch(1, "deleted")
    assert namespace.wait_state("Running", name="deleted", seconds=20)["progress"]["stage"] == "Training"
    first = namespace.running_pod("deleted")
    kubectl("delete", "pod", first, "--namespace", namespace.name, "--wait=false")
    wait("another pod", lambda: namespace.running_pod("deleted") != first, seconds=60)
    wait("its reports", lambda: namespace.status("deleted")["attempt"] == 2, seconds=60)
    namespace.wait_state("Running", name="deleted", seconds=60)
    assert get("job", "deleted", namespace=namespace.name)["status"].get("failed", 0) == 0
    (event,) = [event for event in namespace.events("deleted") if event["reason"] == "Restarting"]
    assert first in event["message"]
    assert "another pod follows" in event["message"]
    kubectl("delete", "tj", "deleted", "--namespace", namespace.name, "--timeout=30s")
    for kind in ("pods", "jobs", "services", "configmaps"):
        wait(f"the {kind} to be gone", lambda kind=kind: namespace.objects(kind, "deleted") == [], seconds=60)  # type: ignore[misc]


def test_a_suspended_job_has_no_running_pod_and_resumes_from_its_epoch(namespace: Namespace) -> None:
    namespace.apply(digits("paused", **LONG))
    namespace.wait_epoch(1, "paused")
    namespace.patch({"suspend": True}, "paused")
    namespace.wait_state("Suspended", name="paused", seconds=60)
    assert all(pod["status"]["phase"] not in {"Pending", "Running"} for pod in namespace.pods("paused"))
    assert namespace.condition("Suspended", "paused")["status"] == "True"
    reached = namespace.status("paused")["progress"]["epoch"]
    namespace.patch({"suspend": False}, "paused")
    seen = []
    while (progress := namespace.status("paused")["progress"])["stage"] == "Loading" or progress["attempt"] == 1:
        seen.append(progress["epoch"])
        time.sleep(0.2)
    assert seen
    assert min(seen) >= reached
    assert namespace.condition("Suspended", "paused")["status"] == "False"
    namespace.patch({"suspend": True}, "paused")


def test_a_pod_that_cannot_be_created_or_started_names_the_field(namespace: Namespace) -> None:
    namespace.apply(digits("misnamed", image="localhost/Upper:1"))
    namespace.apply(digits("unplaced", scheduling__nodeSelector={"no": "such"}))
    namespace.apply(digits("unranked", scheduling__priorityClassName="no-such"))
    expected = {
        "misnamed": ("InvalidImageName", "spec.image: must be a name such as"),
        "unplaced": ("NoMatchingNode", "without the labels of spec.scheduling.nodeSelector"),
        "unranked": ("PodRefused", "spec.scheduling.priorityClassName: must be a PriorityClass"),
    }

    def reasons() -> dict[str, str]:
        return {name: namespace.condition("Ready", name).get("reason", "") for name in expected}

    wait("the reasons", lambda: reasons() == {name: reason for name, (reason, _) in expected.items()}, seconds=90)
    for name, (_, words) in expected.items():
        assert words in namespace.condition("Ready", name)["message"]
    assert namespace.condition("Stalled", "misnamed")["status"] == "True"
    kubectl("delete", "tj", *expected, "--namespace", namespace.name)


def test_an_image_that_cannot_be_pulled_has_one_event(namespace: Namespace) -> None:
    namespace.apply(digits("imageless", image="localhost/no-such-image:1"))
    wait(
        "the reason", lambda: namespace.condition("Ready", "imageless").get("reason") == "ImagePullBackOff", seconds=60
    )

    def backs_off() -> bool:
        (pod,) = namespace.pods("imageless")
        state = pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"]
        return bool(state == "ImagePullBackOff")

    wait("the kubelet to back off", backs_off, seconds=60)
    assert namespace.warnings("imageless") == ["ImagePullBackOff"]
    kubectl("delete", "tj", "imageless", "--namespace", namespace.name)


def test_the_termination_message_of_a_foreign_pod_with_the_labels_is_ignored(namespace: Namespace) -> None:
    namespace.apply(digits("forged", **LONG))
    namespace.wait_epoch(1, "forged")
    labels = {
        "epochal.dev/trainingjob": "forged",
        "epochal.dev/trainingjob-uid": namespace.job("forged")["metadata"]["uid"],
    }
    report = Report(attempt=99, sequence=1, stage="Done", epoch=9, epochs=9, artifacts=Artifacts(uri="s3://theirs/"))
    words = Termination(reason="Completed", message="", report=report).encode()
    command = ["sh", "-c", 'printf %s "$0" > /dev/termination-log', words]
    pods.run_to_end(pods.restricted("forger", pods.images()["trainer"], command, labels=labels), namespace.name)
    namespace.wait_epoch(namespace.status("forged")["progress"]["epoch"] + 1, "forged")
    status = namespace.status("forged")
    assert (status["attempt"], status["progress"]["attempt"], status["state"]) == (1, 1, "Running")
    assert status["results"]["uri"].startswith("s3://digits-results/")
    kubectl("delete", "tj", "forged", "--namespace", namespace.name)


def crash(namespace: Namespace, name: str) -> None:
    """Kills a job's trainer as a fault of its own would."""
    pod = get("pod", namespace.running_pod(name), namespace=namespace.name)
    os.kill(operator.process_of(pod["metadata"]["uid"]), signal.SIGKILL)


def test_crashes_beyond_the_limit_fail_the_job(namespace: Namespace) -> None:
    namespace.apply(digits("crashes", backoffLimit=0, **LONG))
    namespace.wait_epoch(1, "crashes")
    crash(namespace, "crashes")
    assert namespace.finish("crashes", seconds=60)["state"] == "Failed"
    failed = namespace.condition("Failed", "crashes")
    assert "137" in failed["message"], failed
    assert "estimatedCompletionTime" not in namespace.status("crashes")["progress"]


def test_a_quota_that_blocks_the_next_pod_is_named_until_it_is_gone(namespace: Namespace) -> None:
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
    namespace.apply(digits("refused", training__epochs=40, training__callbacks=[]))
    namespace.wait_epoch(1, "refused")
    apply(quota, namespace=namespace.name)
    crash(namespace, "refused")
    wait("the reason", lambda: namespace.condition("Ready", "refused").get("reason") == "PodRefused", seconds=90)
    assert "exceeded quota: none" in namespace.condition("Ready", "refused")["message"]
    assert namespace.condition("Ready", "refused")["status"] == "False"
    kubectl("delete", "resourcequota", "none", "--namespace", namespace.name)
    namespace.complete("refused")
    assert namespace.warnings("refused") == ["PodRefused", "Restarting"]


def test_an_attempt_that_was_superseded_ends_and_the_next_resumes(namespace: Namespace, store: Minio) -> None:
    namespace.apply(digits("given-up", backoffLimit=0, training__epochs=60, training__callbacks=[]))
    namespace.wait_epoch(1, "given-up")
    bucket, _, folder = namespace.status("given-up")["results"]["uri"].removeprefix("s3://").partition("/")
    store.put_object(bucket, f"{folder}attempts/7-other.json", io.BytesIO(b"{}"), 2)
    assert namespace.complete("given-up")["progress"]["attempt"] == 8
    restarts = [event for event in namespace.events("given-up") if event["reason"] == "Restarting"]
    assert len(restarts) == 1, restarts
