"""The causes that keep pods of a ModelServer from serving."""

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
    failed_container,
    live_deployment,
    pod,
    replica_set,
    server,
    termination_message,
)
from tests.unit.operator.objects import NOW, at

UNSCHEDULED = [
    {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes are available: no"}
]
GATED = [{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated", "message": "held"}]


def blocker_of(one: Any) -> tuple[str, str] | None:
    cause = blocker(cache_transform.pod(one), server().spec, NOW)
    return None if cause is None else (str(cause.reason), cause.message)


def with_containers(*statuses: Any, **fields: Any) -> Any:
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
            with_containers(container(waiting={"reason": "ErrImagePull", "message": "not found"})),
            "ImagePullBackOff",
            "The server cannot start: not found. imageRegistry, serverImage and trainerImage of Epochal's chart: must",
        ),
        (
            with_containers(
                container(waiting={"reason": "CreateContainerConfigError", "message": 'secret "s3" not found'})
            ),
            "CreateContainerConfigError",
            "spec.storage.secretRef: the Secret s3 must exist in the ModelServer's namespace",
        ),
        (
            with_containers(container(waiting={"reason": "ErrImageNeverPull"})),
            "ErrImageNeverPull",
            "The server cannot start",
        ),
        (
            with_containers(failed_container(termination_message("ModelDamaged", "is another"))),
            "ModelDamaged",
            "is another",
        ),
        (with_containers(failed_container(termination_message("Crashed", "an error"))), "Crashed", "an error"),
        (
            with_containers(failed_container(reason="OOMKilled", code=137)),
            "OutOfMemory",
            "its memory limit of 512Mi. Raise spec.resources.limits.memory.",
        ),
        (
            with_containers(failed_container("Traceback")),
            "Crashed",
            "exited with code 1. The end of its log:\nTraceback",
        ),
        (with_containers(failed_container()), "Crashed", "The server exited with code 1."),
        (with_containers(container(terminated={"exitCode": 2})), "Crashed", "exited with code 2"),
        (
            with_containers(
                container(running={})
                | {"lastState": {"terminated": {"exitCode": 69, "message": termination_message("StorageRefused")}}}
            ),
            "StorageRefused",
            "why",
        ),
        (
            pod(
                model=CONVERTED,
                initContainerStatuses=[
                    failed_container(termination_message("NotConvertible", "spiral"), name="convert")
                ],
            ),
            "NotConvertible",
            "spiral",
        ),
        (
            pod(model=CONVERTED, initContainerStatuses=[failed_container(reason="OOMKilled", name="convert")]),
            "OutOfMemory",
            "its memory limit of 2Gi. Raise spec.resources.limits.memory. Then delete the ModelServer",
        ),
    ],
)
def test_blocker_of_a_pod(one: Any, reason: str, message: str) -> None:
    found = blocker_of(one)
    assert found is not None
    assert found[0] == reason
    assert message in found[1]


@pytest.mark.parametrize(
    "one",
    [
        pod(ready=True),
        pod(ready=True, containerStatuses=[failed_container("old")]),
        pod(),
        with_containers(container(waiting={"reason": "ContainerCreating"})),
        with_containers(container(waiting={"reason": "PodInitializing"})),
        with_containers(container(running={})),
        pod(containerStatuses=[container("istio-proxy", waiting={"reason": "ErrImagePull"})]),
        pod(initContainerStatuses=[container("convert", terminated={"exitCode": 0})]),
    ],
)
def test_starting_pod_has_no_blocker(one: Any) -> None:
    assert blocker_of(one) is None


def test_recovered_conversion_does_not_hide_failure_of_the_server() -> None:
    failed = {"lastState": {"terminated": {"exitCode": 69, "message": termination_message("StorageUnreachable")}}}
    converted = container("convert", terminated={"exitCode": 0}) | failed
    one = pod(
        model=CONVERTED,
        initContainerStatuses=[converted],
        containerStatuses=[failed_container(termination_message("CheckDiffers"))],
    )
    assert blocker_of(one) == ("CheckDiffers", "why")


def test_old_failure_of_a_running_container_expires() -> None:
    last = {"lastState": {"terminated": {"exitCode": 66, "message": termination_message("ModelDamaged")}}}
    assert blocker_of(with_containers(container(running={"startedAt": at(-100)}) | last)) == ("ModelDamaged", "why")
    assert blocker_of(with_containers(container(running={"startedAt": at(-5 * 86400)}) | last)) is None


def test_unprepared_pod_is_a_blocker_after_its_deadline() -> None:
    unready = [{"type": "PodReadyToStartContainers", "status": "False", "lastTransitionTime": at(-19)}]
    one = cache_transform.pod(pod(conditions=unready))
    spec = server(**{field: {"secretRef": {"name": f"digits-{field}"}} for field in ("auth", "tls")}).spec
    assert blocker(one, spec, NOW) is None
    assert node_deadline(one) == NOW + timedelta(seconds=1)
    cause = blocker(one, spec, NOW + timedelta(seconds=1))
    assert cause is not None
    assert cause.reason == "PodNotReadyToStart"
    assert (
        "namespace: digits-auth (spec.auth.secretRef), digits-tls (spec.tls.secretRef, with the keys tls.crt and "
        "tls.key), credentials (spec.storage.secretRef, with the keys accessKey and secretKey). Run kubectl describe "
        "pod digits-1-a" in cause.message
    )
    cause = blocker(one, server().spec, NOW + timedelta(seconds=1))
    assert cause is not None
    assert "namespace: credentials (spec.storage.secretRef" in cause.message
    assert node_deadline(cache_transform.pod(pod())) is None


def test_owned_pods_are_controlled_by_the_deployment() -> None:
    deployed, ours = cache_transform.deployment(live_deployment()), cache_transform.replica_set(replica_set())
    strangers = cache_transform.replica_set(replica_set("other", "other-uid"))
    strangers["metadata"]["ownerReferences"][0]["uid"] = "another"
    one, faked = cache_transform.pod(pod()), cache_transform.pod(pod("faked"))
    faked["metadata"]["ownerReferences"][0]["uid"] = "other-uid"
    orphan = {**one, "metadata": {**one["metadata"], "ownerReferences": []}}
    going = {**one, "metadata": {**one["metadata"], "deletionTimestamp": at(5)}}
    over = cache_transform.pod(pod("over", phase="Failed"))
    assert owned_pods(deployed, [ours, strangers], [one, faked, orphan, going, over]) == (one,)
    assert owned_pods(None, [ours], [one]) == ()


def test_is_current_compares_the_template() -> None:
    deployed = cache_transform.deployment(live_deployment())
    assert is_current(cache_transform.pod(pod()), deployed)
    assert not is_current(cache_transform.pod(pod(of=server(replicas=3, classes=["a"]))), deployed)
    stripped = cache_transform.pod(pod())
    stripped["metadata"]["annotations"] = {}
    assert not is_current(stripped, deployed)


def test_conversion_failure_comes_from_the_conversion_container() -> None:
    said = termination_message("NotConvertible", "layer spiral")
    converts = cache_transform.pod(pod(model=CONVERTED, initContainerStatuses=[failed_container(said, name="convert")]))
    serves = cache_transform.pod(pod(model=MODEL, containerStatuses=[failed_container(said)]))
    found = conversion_failure([serves, converts], NOW)
    assert found is not None
    assert found.message == "layer spiral"
    assert conversion_failure([serves], NOW) is None
    assert conversion_failure([], NOW) is None


def test_out_of_memory_is_a_conversion_failure() -> None:
    killed = [failed_container(reason="OOMKilled", code=137, name="convert")]
    found = conversion_failure([cache_transform.pod(pod(model=CONVERTED, initContainerStatuses=killed))], NOW)
    assert found is not None
    assert (found.reason, "2Gi" in found.message) == ("OutOfMemory", True)
    crashed = [failed_container(termination_message("Crashed"), name="convert")]
    assert conversion_failure([cache_transform.pod(pod(model=CONVERTED, initContainerStatuses=crashed))], NOW) is None


def test_a_container_that_succeeded_has_no_failure() -> None:
    succeeded = pod(containerStatuses=[container(terminated={"exitCode": 0})])
    assert container_failure(cache_transform.pod(succeeded), NOW) is None
