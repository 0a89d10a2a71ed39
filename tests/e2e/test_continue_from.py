"""A TrainingJob with `continueFrom` waits for the other TrainingJob, in whatever order both are applied."""

import json
from typing import Any

from minio import Minio

from tests.kit.jobs import Namespace, digits
from tests.kit.kubectl import Object, get, kubectl, wait

PATIENCE = 15
AT_ONCE = 15
"""Seconds within which a job follows the end of the other on a busy machine. A resync would take 30 at least."""


def wait_reason(namespace: Namespace, name: str, reason: str, seconds: float) -> None:
    wait(f"{reason} of {name}", lambda: namespace.condition("Ready", name).get("reason") == reason, seconds=seconds)


def further(name: str, epochs: int, **changes: Any) -> Object:
    """Returns a job that EarlyStopping ends after PATIENCE epochs: no epoch after the first counts as better."""
    never_better = {"callback": "EarlyStopping", "monitor": "loss", "min_delta": 1000, "patience": PATIENCE}
    return digits(name, training__epochs=epochs, training__callbacks=[never_better], **changes)


def epochs_of(namespace: Namespace, name: str, epochs: int) -> Object:
    """Waits until a job is complete, after so many epochs, and returns its status."""
    status = namespace.complete(name)
    assert status["progress"]["epoch"] == epochs
    return status


def attempts_at(store: Minio, uri: str) -> list[str]:
    """Returns the names of the objects that attempts have left with their results."""
    bucket, _, folder = uri.removeprefix("s3://").partition("/")
    found = store.list_objects(bucket, prefix=f"{folder}attempts/")
    return [str(item.object_name).rsplit("/", 1)[1] for item in found]


def test_a_job_waits_for_the_other_job_and_survives_its_deletion(namespace: Namespace, store: Minio) -> None:
    namespace.apply(further("second", epochs=40, training__continueFrom={"name": "first"}))
    wait_reason(namespace, "second", "ContinueFromNotFound", seconds=20)
    assert namespace.status("second")["state"] == "Queued"
    assert namespace.condition("Stalled", "second")["status"] == "False"

    namespace.apply(further("first", epochs=30))
    wait_reason(namespace, "second", "ContinueFromUnfinished", seconds=AT_ONCE)
    wait(
        "it to say how that stands",
        lambda: "first, which is Running" in namespace.condition("Ready", "second")["message"],
        seconds=60,
        every=0.1,
    )
    assert "jobName" not in namespace.status("second")

    uri = epochs_of(namespace, "first", PATIENCE + 1)["results"]["uri"]
    assert attempts_at(store, uri) == [f"1-{pod['metadata']['uid']}.json" for pod in namespace.pods("first")]
    wait("its Job", lambda: namespace.status("second").get("jobName"), seconds=AT_ONCE, every=0.1)
    template = get("job", "second", namespace=namespace.name)["spec"]["template"]["metadata"]
    sent = json.loads(template["annotations"]["epochal.dev/job"])
    assert sent["spec"]["training"]["continueFrom"] == {"uri": uri}

    source = {"training__epochs": PATIENCE + 3, "training__continueFrom": {"name": "first"}}
    namespace.apply(digits("third", **source, resources__limits={"nvidia.com/gpu": 5, "memory": "3Gi"}))
    wait_reason(namespace, "third", "Unschedulable", seconds=20)

    uid = get("job", "second", namespace=namespace.name)["metadata"]["uid"]
    kubectl("delete", "tj", "first", "--namespace", namespace.name)
    assert epochs_of(namespace, "second", 2 * PATIENCE + 1)["jobName"] == "second"
    assert get("job", "second", namespace=namespace.name)["metadata"]["uid"] == uid

    # A job that is corrected now continues from the same results, although the first job is deleted.
    namespace.patch({"resources": {"limits": {"nvidia.com/gpu": None, "memory": "3Gi"}}}, "third")
    assert namespace.complete("third")["continuedFrom"] == {"name": "first", "uri": uri}


def test_a_job_that_continues_from_itself_is_refused(namespace: Namespace) -> None:
    namespace.apply(digits("ouroboros", training__continueFrom={"name": "ouroboros"}))
    namespace.wait_state("Failed", name="ouroboros", seconds=20)
    failed = namespace.condition("Failed", "ouroboros")
    assert failed["reason"] == "InvalidSpec"
    assert failed["message"].startswith("spec.training.continueFrom.name: must be the name of another TrainingJob")


def test_a_cycle_is_reported_until_it_is_broken(namespace: Namespace) -> None:
    for name, other in (("chicken", "egg"), ("egg", "chicken")):
        namespace.apply(digits(name, training__epochs=20, training__continueFrom={"name": other}))
    for name in ("chicken", "egg"):
        wait_reason(namespace, name, "ContinueFromCircular", seconds=60)
        assert namespace.condition("Stalled", name)["status"] == "True"
        assert "egg -> chicken" in namespace.condition("Ready", name)["message"]
    kubectl("delete", "tj", "egg", "--namespace", namespace.name)
    wait_reason(namespace, "chicken", "ContinueFromNotFound", seconds=AT_ONCE)
    namespace.apply(digits("egg"))
    namespace.complete("egg")
    namespace.complete("chicken")


def test_a_job_that_continues_from_a_failed_job_without_results_reports_it(namespace: Namespace) -> None:
    # Only the trainer knows its memory, so it fails in a pod, before its training begins.
    empty = digits("empty", network__layers=[{"layer": "Flatten"}, *[{"layer": "Dense", "units": 10**6}] * 2])
    namespace.apply(empty, digits("stuck", training__continueFrom={"name": "empty"}))
    wait_reason(namespace, "stuck", "ContinueFromFailed", seconds=120)
    assert namespace.condition("Stalled", "stuck")["status"] == "True"
    assert "empty, which has failed before its training began" in namespace.condition("Ready", "stuck")["message"]
    assert namespace.warnings("stuck") == ["ContinueFromFailed"]
