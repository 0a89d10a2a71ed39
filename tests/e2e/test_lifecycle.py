"""Creation while suspended, finish, deadline, time to live, GPUs."""

import time
from typing import Any

from tests.kit.jobs import Namespace, digits
from tests.kit.kubectl import kubectl, wait

LONG: dict[str, Any] = {"training__epochs": 100_000, "training__callbacks": []}


def test_a_job_suspended_as_its_container_starts_does_not_train_on(namespace: Namespace) -> None:
    """The first of the three moments mostly comes before Python can handle a signal."""
    for tenths in (3, 4, 5):
        name = f"at-once-{tenths}"
        namespace.apply(digits(name, **LONG))
        time.sleep(tenths / 10)
        namespace.patch({"suspend": True}, name)
        namespace.wait_state("Suspended", name=name, seconds=60)


def test_a_running_job_with_finish_stores_its_results(namespace: Namespace) -> None:
    namespace.apply(digits("enough", **LONG))
    namespace.wait_epoch(1, "enough")
    namespace.patch({"finish": True}, "enough")
    status = namespace.complete("enough")
    assert 1 <= status["progress"]["epoch"] < 100_000
    assert status["progress"]["finishAfterEpoch"] == status["progress"]["epoch"]
    assert status["results"]["model"].endswith("/model.keras")
    complete = namespace.condition("Complete", "enough")
    assert complete["reason"] == "FinishedEarly"
    assert f"after epoch {status['progress']['epoch']} of 100000" in complete["message"]
    assert "FinishedEarly" in [event["reason"] for event in namespace.events("enough")]
    log = kubectl("logs", "job/enough", "--namespace", namespace.name)
    assert "finished early on request (spec.finish)" in log


def test_a_job_created_suspended_has_no_job_until_it_is_resumed_and_goes_after_its_ttl(namespace: Namespace) -> None:
    namespace.apply(digits("later", suspend=True, finish=True, **LONG))
    namespace.wait_state("Suspended", name="later", seconds=20)
    assert "startTime" not in namespace.status("later")
    assert namespace.objects("jobs", "later") == []
    assert namespace.pods("later") == []
    namespace.patch({"suspend": False}, "later")
    assert namespace.complete("later")["progress"]["epoch"] == 1
    assert namespace.condition("Complete", "later")["reason"] == "FinishedEarly"
    namespace.patch({"ttlSecondsAfterFinished": 1}, "later")
    for kind in ("trainingjobs", "jobs", "pods"):
        wait(f"the {kind} to be gone", lambda kind=kind: namespace.objects(kind, "later") == [], seconds=30)  # type: ignore[misc]


def test_a_deadline_ends_the_job(namespace: Namespace) -> None:
    namespace.apply(digits("late", activeDeadlineSeconds=15, **LONG))
    assert namespace.finish("late", seconds=90)["state"] == "Failed"
    failed = namespace.condition("Failed", "late")
    assert failed["reason"] == "DeadlineExceeded"
    assert "15" in failed["message"]


def test_a_job_with_more_gpus_than_the_node_is_queued_until_its_spec_is_corrected(namespace: Namespace) -> None:
    namespace.apply(digits("five-gpus", resources__limits={"nvidia.com/gpu": 5, "memory": "1Gi"}))
    namespace.wait_state("Queued", name="five-gpus", seconds=20)
    wait(
        "the scheduler's words",
        lambda: "nvidia.com/gpu" in namespace.condition("Ready", "five-gpus").get("message", ""),
        seconds=20,
    )
    assert namespace.status("five-gpus")["gpus"] == 5
    ready = namespace.condition("Ready", "five-gpus")
    assert (ready["status"], ready["reason"]) == ("True", "Unschedulable")
    assert ready["message"].startswith("No node of the cluster has enough "), ready

    # Two corrections in place: the node finds the second mistake; its pod is gone by then.
    limits = {"nvidia.com/gpu": 1, "memory": "3Gi"}
    namespace.patch({"image": "localhost/no-such-image:1", "resources": {"limits": limits}}, "five-gpus")
    wait(
        "the image to be missed",
        lambda: "no-such-image" in namespace.condition("Ready", "five-gpus").get("message", ""),
        seconds=60,
    )
    namespace.patch({"suspend": True}, "five-gpus")
    namespace.wait_state("Suspended", name="five-gpus", seconds=60)
    wait("its pod to be gone", lambda: namespace.objects("pods", "five-gpus") == [], seconds=60)
    assert "startTime" not in namespace.status("five-gpus")
    namespace.patch({"image": None, "suspend": False}, "five-gpus")
    namespace.complete("five-gpus")
    assert [event["reason"] for event in namespace.events("five-gpus")].count("SpecChanged") == 2
    assert namespace.condition("SpecApplied", "five-gpus") == {}
    log = kubectl("logs", "job/five-gpus", "--namespace", namespace.name)
    assert "GPUs requested: 1    GPUs available to Keras: 0" in log, "the node advertises GPUs that it does not have"
