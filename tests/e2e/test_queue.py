"""A TrainingJob in a queue of Kueue, which the test simulates: it suspends Jobs and admits them."""

from typing import Any

from tests.kit.jobs import Namespace, digits
from tests.kit.kubectl import get, items, wait

QUEUE: dict[str, Any] = {"scheduling__queueName": "gpus", "training__callbacks": []}


def waits(namespace: Namespace, name: str) -> None:
    wait(
        f"{name} to wait for its queue",
        lambda: namespace.condition("Ready", name).get("reason") == "WaitingForAdmission",
        seconds=60,
    )


def test_a_job_runs_when_its_queue_admits_it(namespace: Namespace) -> None:
    namespace.apply(digits("queued", training__epochs=40, **QUEUE))
    waits(namespace, "queued")
    job = get("job", "queued", namespace=namespace.name)
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "gpus"
    assert namespace.status("queued")["state"] == "Queued"
    namespace.patch({"suspend": False}, "queued", kind="job")
    namespace.wait_epoch(1, "queued")
    # It is preempted, and admitted again.
    namespace.patch({"suspend": True}, "queued", kind="job")
    waits(namespace, "queued")
    assert all(pod["status"]["phase"] not in {"Pending", "Running"} for pod in namespace.pods("queued"))
    namespace.patch({"suspend": False}, "queued", kind="job")
    assert namespace.complete("queued")["progress"]["epoch"] == 40


def test_a_suspended_job_releases_its_queue_slot(namespace: Namespace) -> None:
    namespace.apply(digits("place", training__epochs=100_000, **QUEUE))
    waits(namespace, "place")
    namespace.patch({"suspend": False}, "place", kind="job")
    namespace.wait_epoch(1, "place")
    namespace.patch({"suspend": True}, "place")
    namespace.wait_state("Suspended", name="place", seconds=60)

    def jobs() -> list[str]:
        return [job["metadata"]["name"] for job in items("jobs", namespace=namespace.name)]

    wait("its Job to be gone", lambda: "place" not in jobs(), seconds=30)
    namespace.patch({"suspend": False}, "place")
    waits(namespace, "place")
