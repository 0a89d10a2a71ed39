"""Why pods of a ModelServer do not serve: the kubelet's words, the scheduler's and their own."""

from datetime import timedelta
from typing import Any

import pytest
from epochal_operator.modelserver import cache_transform
from epochal_operator.modelserver.pods import (
    blocker,
    container_failure,
    conversion_failure,
    is_current,
    node_deadline,
    owned_pods,
)

from tests.unit.operator.modelserver.servers import (
    CONVERTED,
    MODEL,
    container,
    ended,
    live,
    pod,
    replica_set,
    server,
    words,
)
from tests.unit.operator.objects import NOW, at

UNSCHEDULED = [
    {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes are available: no"}
]
GATED = [{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated", "message": "held"}]


def told(one: Any) -> tuple[str, str] | None:
    cause = blocker(cache_transform.pod(one), NOW)
    return None if cause is None else (str(cause.reason), cause.message)


def of(*statuses: Any, **fields: Any) -> Any:
    return pod(containerStatuses=list(statuses), **fields)


@pytest.mark.parametrize(
    ("one", "reason", "message"),
    [
        (pod(conditions=UNSCHEDULED), "Unschedulable", "The pod cannot be scheduled: 0/1 nodes are available: no"),
        (
            pod(conditions=GATED),
            "SchedulingGated",
            "The pod has scheduling gates, and waits until their owners remove them: held",
        ),
        (
            of(container(waiting={"reason": "ErrImagePull", "message": "not found"})),
            "ImagePullBackOff",
            "The server cannot start: not found. imageRegistry, serverImage and trainerImage of Epochal's chart: must",
        ),
        (
            of(container(waiting={"reason": "CreateContainerConfigError", "message": 'secret "s3" not found'})),
            "CreateContainerConfigError",
            "spec.storage.secretRef: the Secret s3 must exist in the ModelServer's namespace",
        ),
        (of(container(waiting={"reason": "ErrImageNeverPull"})), "ErrImageNeverPull", "The server cannot start"),
        (of(ended(words("ModelDamaged", "is another"))), "ModelDamaged", "is another"),
        (of(ended(words("Crashed", "an error"))), "Crashed", "an error"),
        (
            of(ended(reason="OOMKilled", code=137)),
            "OutOfMemory",
            "its memory limit of 512Mi. Raise spec.resources.limits.memory.",
        ),
        (of(ended("Traceback")), "Crashed", "exited with code 1. The end of its log:\nTraceback"),
        (of(ended()), "Crashed", "The server exited with code 1."),
        (of(container(terminated={"exitCode": 2})), "Crashed", "exited with code 2"),
        (
            of(
                container(running={})
                | {"lastState": {"terminated": {"exitCode": 69, "message": words("StorageRefused")}}}
            ),
            "StorageRefused",
            "why",
        ),
        (
            pod(model=CONVERTED, initContainerStatuses=[ended(words("NotConvertible", "spiral"), name="convert")]),
            "NotConvertible",
            "spiral",
        ),
        (
            pod(model=CONVERTED, initContainerStatuses=[ended(reason="OOMKilled", name="convert")]),
            "OutOfMemory",
            "its memory limit of 2Gi. Raise spec.resources.limits.memory. Then delete the ModelServer",
        ),
    ],
)
def test_why_a_pod_does_not_serve(one: Any, reason: str, message: str) -> None:
    found = told(one)
    assert found is not None
    assert found[0] == reason
    assert message in found[1]


@pytest.mark.parametrize(
    "one",
    [
        pod(ready=True),
        pod(ready=True, containerStatuses=[ended("old")]),
        pod(),
        of(container(waiting={"reason": "ContainerCreating"})),
        of(container(waiting={"reason": "PodInitializing"})),
        of(container(running={})),
        pod(containerStatuses=[container("istio-proxy", waiting={"reason": "ErrImagePull"})]),
        pod(initContainerStatuses=[container("convert", terminated={"exitCode": 0})]),
    ],
)
def test_a_pod_that_is_on_its_way_is_not_in_trouble(one: Any) -> None:
    assert told(one) is None


def test_what_converts_and_did_so_in_the_end_does_not_hide_why_the_server_fails() -> None:
    failed = {"lastState": {"terminated": {"exitCode": 69, "message": words("StorageUnreachable")}}}
    converted = container("convert", terminated={"exitCode": 0}) | failed
    one = pod(model=CONVERTED, initContainerStatuses=[converted], containerStatuses=[ended(words("CheckDiffers"))])
    assert told(one) == ("CheckDiffers", "why")


def test_what_a_server_said_before_it_began_to_serve_is_over() -> None:
    last = {"lastState": {"terminated": {"exitCode": 66, "message": words("ModelDamaged")}}}
    assert told(of(container(running={"startedAt": at(-100)}) | last)) == ("ModelDamaged", "why")
    assert told(of(container(running={"startedAt": at(-5 * 86400)}) | last)) is None


def test_a_node_that_waits_for_a_secret_is_told_of_after_a_while() -> None:
    unready = [{"type": "PodReadyToStartContainers", "status": "False", "lastTransitionTime": at(-19)}]
    one = cache_transform.pod(pod(conditions=unready))
    assert blocker(one, NOW) is None
    assert node_deadline(one) == NOW + timedelta(seconds=1)
    cause = blocker(one, NOW + timedelta(seconds=1))
    assert cause is not None
    assert cause.reason == "PodNotReadyToStart"
    assert "spec.tls" in cause.message
    assert node_deadline(cache_transform.pod(pod())) is None


def test_only_pods_that_the_deployment_controls_say_anything() -> None:
    deployed, ours = cache_transform.deployment(live()), cache_transform.replica_set(replica_set())
    strangers = cache_transform.replica_set(replica_set("other", "other-uid"))
    strangers["metadata"]["ownerReferences"][0]["uid"] = "another"
    one, faked = cache_transform.pod(pod()), cache_transform.pod(pod("faked"))
    faked["metadata"]["ownerReferences"][0]["uid"] = "other-uid"
    orphan = {**one, "metadata": {**one["metadata"], "ownerReferences": []}}
    going = {**one, "metadata": {**one["metadata"], "deletionTimestamp": at(5)}}
    over = cache_transform.pod(pod("over", phase="Failed"))
    assert owned_pods(deployed, [ours, strangers], [one, faked, orphan, going, over]) == (one,)
    assert owned_pods(None, [ours], [one]) == ()


def test_a_pod_of_a_template_of_before_is_told_from_one_of_now() -> None:
    deployed = cache_transform.deployment(live())
    assert is_current(cache_transform.pod(pod()), deployed)
    assert not is_current(cache_transform.pod(pod(of=server(replicas=3, classes=["a"]))), deployed)
    stripped = cache_transform.pod(pod())
    stripped["metadata"]["annotations"] = {}
    assert not is_current(stripped, deployed)


def test_only_what_converts_can_say_that_a_model_cannot_be_converted() -> None:
    said = words("NotConvertible", "layer spiral")
    converts = cache_transform.pod(pod(model=CONVERTED, initContainerStatuses=[ended(said, name="convert")]))
    serves = cache_transform.pod(pod(model=MODEL, containerStatuses=[ended(said)]))
    found = conversion_failure([serves, converts], NOW)
    assert found is not None
    assert found.message == "layer spiral"
    assert conversion_failure([serves], NOW) is None
    assert conversion_failure([], NOW) is None


def test_what_has_no_memory_to_be_converted_cannot_be() -> None:
    killed = [ended(reason="OOMKilled", code=137, name="convert")]
    found = conversion_failure([cache_transform.pod(pod(model=CONVERTED, initContainerStatuses=killed))], NOW)
    assert found is not None
    assert (found.reason, "2Gi" in found.message) == ("OutOfMemory", True)
    crashed = [ended(words("Crashed"), name="convert")]
    assert conversion_failure([cache_transform.pod(pod(model=CONVERTED, initContainerStatuses=crashed))], NOW) is None


def test_a_container_that_succeeded_has_no_failure() -> None:
    succeeded = pod(containerStatuses=[container(terminated={"exitCode": 0})])
    assert container_failure(cache_transform.pod(succeeded), NOW) is None
