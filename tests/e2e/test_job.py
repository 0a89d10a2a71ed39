"""Changes by others to the Job of a TrainingJob, or to its name, are reported and corrected."""

from tests.kit.jobs import WAITING, Namespace, digits
from tests.kit.kubectl import apply, get, kubectl, wait


def test_a_job_deleted_during_its_training_is_created_again(namespace: Namespace) -> None:
    namespace.apply(digits("again", training__epochs=40, training__callbacks=[]))
    namespace.wait_epoch(1, "again")
    before = get("job", "again", namespace=namespace.name)["metadata"]["uid"]
    kubectl("delete", "job", "again", "--namespace", namespace.name)
    namespace.complete("again")
    assert get("job", "again", namespace=namespace.name)["metadata"]["uid"] != before


def test_a_job_that_another_client_stopped_runs_on(namespace: Namespace) -> None:
    namespace.apply(digits("stopped", training__epochs=40, training__callbacks=[]))
    namespace.wait_epoch(1, "stopped")
    for change in ({"parallelism": 0}, {"suspend": True}):
        namespace.patch(change, "stopped", kind="job")
    namespace.complete("stopped")


def test_a_client_that_suspends_the_job_again_and_again_is_named(namespace: Namespace) -> None:
    namespace.apply(digits("contested", training__epochs=40, training__callbacks=[]))
    namespace.wait_epoch(1, "contested")
    where = ("--namespace", namespace.name, "--field-manager=stubborn", "--type=merge")

    def conflict() -> str | None:
        kubectl("patch", "job", "contested", *where, '--patch={"spec": {"suspend": true}}')
        ready = namespace.condition("Ready", "contested")
        return ready["message"] if ready.get("reason") == "FieldConflict" else None

    message = wait("the conflict to be told", conflict, seconds=60)
    assert "stubborn and Epochal overwrite each other's spec.suspend" in message
    assert "FieldConflict" in namespace.warnings("contested")
    namespace.complete("contested")


def test_a_finalizer_that_blocks_a_new_job_is_named(namespace: Namespace) -> None:
    namespace.apply(digits("held", training__epochs=1, **WAITING))
    namespace.wait_state("Queued", name="held", seconds=30)
    where = ("--namespace", namespace.name, "--type=merge")
    kubectl("patch", "job", "held", *where, '--patch={"metadata": {"finalizers": ["example.com/keep"]}}')
    before = get("job", "held", namespace=namespace.name)["metadata"]["uid"]
    namespace.patch({"backoffLimit": 7}, "held")
    wait(
        "what holds it to be named",
        lambda: "example.com/keep" in namespace.condition("Ready", "held").get("message", ""),
        seconds=30,
    )
    kubectl("patch", "job", "held", *where, '--patch={"metadata": {"finalizers": null}}')
    namespace.patch({"scheduling": {"queueName": None}}, "held")
    namespace.complete("held")
    assert get("job", "held", namespace=namespace.name)["metadata"]["uid"] != before


def test_a_name_conflict_is_a_condition_until_it_is_resolved(namespace: Namespace) -> None:
    container = {"name": "other", "image": "other", "command": ["true"]}
    pod = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "taken"}}
    apply(job | {"spec": {"suspend": True, "template": pod}}, namespace=namespace.name)
    namespace.apply(digits("taken", training__epochs=1))
    wait(
        "the conflict to be told",
        lambda: namespace.condition("Ready", "taken").get("reason") == "NameConflict",
        seconds=20,
    )
    assert namespace.condition("Stalled", "taken")["status"] == "True"
    assert "ownerReferences" not in get("job", "taken", namespace=namespace.name)["metadata"]
    kubectl("delete", "job", "taken", "--namespace", namespace.name)
    namespace.complete("taken")
