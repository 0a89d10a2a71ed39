"""Suspend and resume, deletion, deadlines, time to live, GPUs."""

import time
from typing import Any

from tests.kit.jobs import Namespace, digits
from tests.kit.kubectl import items, kubectl, wait

LONG: dict[str, Any] = {"training__epochs": 100_000, "training__callbacks": []}


def left(namespace: Namespace, kind: str, name: str) -> list[str]:
    """Returns what is left of a TrainingJob among the objects of a kind: all that it made is named after it."""
    names = [item["metadata"]["name"] for item in items(kind, namespace=namespace.name)]
    return [found for found in names if found == name or found.startswith(f"{name}-")]


def test_suspend_frees_the_pod_and_resume_finishes_the_job(namespace: Namespace) -> None:
    namespace.apply(digits("pause", training__epochs=60, training__callbacks=[]))
    namespace.wait_epoch(1, "pause")
    namespace.patch({"suspend": True}, "pause")
    namespace.wait_state("Suspended", name="pause", seconds=60)
    wait("the pod to be gone", lambda: namespace.pods("pause") == [], seconds=60)
    assert namespace.condition("Suspended", "pause")["status"] == "True"
    namespace.patch({"suspend": False}, "pause")
    status = namespace.complete("pause")
    assert status["progress"]["epoch"] == 60
    assert namespace.condition("Suspended", "pause")["status"] == "False"


def test_one_that_is_suspended_as_its_container_begins_does_not_train_on(namespace: Namespace) -> None:
    """Three moments: one of them mostly comes before Python can take a signal."""
    for tenths in (3, 4, 5):
        name = f"at-once-{tenths}"
        namespace.apply(digits(name, **LONG))
        time.sleep(tenths / 10)
        namespace.patch({"suspend": True}, name)
        namespace.wait_state("Suspended", name=name, seconds=60)


def test_a_job_born_suspended_has_no_pod_until_it_is_resumed(namespace: Namespace) -> None:
    namespace.apply(digits("born", suspend=True))
    namespace.wait_state("Suspended", name="born", seconds=20)
    assert "startTime" not in namespace.status("born")
    assert namespace.pods("born") == []
    namespace.patch({"suspend": False}, "born")
    namespace.complete("born")


def test_one_that_is_asked_to_finish_stores_what_it_has(namespace: Namespace) -> None:
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


def test_one_that_is_asked_to_finish_while_it_is_suspended_is_finished_once_it_runs(namespace: Namespace) -> None:
    namespace.apply(digits("later", suspend=True, finish=True, **LONG))
    namespace.wait_state("Suspended", name="later", seconds=20)
    namespace.patch({"suspend": False}, "later")
    assert namespace.complete("later")["progress"]["epoch"] == 1
    assert namespace.condition("Complete", "later")["reason"] == "FinishedEarly"


def test_deletion_while_running_leaves_nothing(namespace: Namespace) -> None:
    namespace.apply(digits("gone", **LONG))
    namespace.wait_epoch(1, "gone")
    kubectl("delete", "tj", "gone", "--namespace", namespace.name, "--timeout=30s")
    for kind in ("pods", "jobs", "services", "configmaps"):
        wait(f"its {kind} to be gone", lambda kind=kind: left(namespace, kind, "gone") == [], seconds=60)  # type: ignore[misc]


def test_a_deadline_ends_the_job(namespace: Namespace) -> None:
    namespace.apply(digits("late", activeDeadlineSeconds=15, **LONG))
    assert namespace.finish("late", seconds=90)["state"] == "Failed"
    failed = namespace.condition("Failed", "late")
    assert failed["reason"] == "DeadlineExceeded"
    assert "15" in failed["message"]


def test_a_finished_job_goes_after_its_time_to_live(namespace: Namespace) -> None:
    namespace.apply(digits("brief", training__epochs=1))
    namespace.complete("brief")
    namespace.patch({"ttlSecondsAfterFinished": 1}, "brief")
    for kind in ("trainingjobs", "jobs", "pods"):
        wait(f"its {kind} to be gone", lambda kind=kind: left(namespace, kind, "brief") == [], seconds=30)  # type: ignore[misc]


def test_a_gpu_that_no_node_has_left_keeps_the_job_queued(namespace: Namespace) -> None:
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
    assert ready["message"].startswith("No node of the cluster has room for what the pod asks for"), ready

    # It is corrected in place, twice: the second mistake is found by the node, whose pod is gone by then.
    limits = {"nvidia.com/gpu": None, "memory": "3Gi"}
    namespace.patch({"image": "localhost/no-such-image:1", "resources": {"limits": limits}}, "five-gpus")
    wait(
        "the image to be missed",
        lambda: "no-such-image" in namespace.condition("Ready", "five-gpus").get("message", ""),
        seconds=60,
    )
    namespace.patch({"suspend": True}, "five-gpus")
    namespace.wait_state("Suspended", name="five-gpus", seconds=60)
    wait("its pod to be gone", lambda: left(namespace, "pods", "five-gpus") == [], seconds=60)
    assert "startTime" not in namespace.status("five-gpus")
    namespace.patch({"image": None, "suspend": False}, "five-gpus")
    namespace.complete("five-gpus")
    assert [event["reason"] for event in namespace.events("five-gpus")].count("SpecChanged") == 2
    assert namespace.condition("SpecApplied", "five-gpus") == {}


def test_a_gpu_that_keras_does_not_see_is_said_loudly(namespace: Namespace) -> None:
    namespace.apply(digits("gpu", training__epochs=1, resources__limits={"nvidia.com/gpu": 1, "memory": "3Gi"}))
    namespace.complete("gpu")
    log = kubectl("logs", "job/gpu", "--namespace", namespace.name)
    assert "GPUs requested: 1    GPUs available to Keras: 0" in log
