"""Watches: a new list after an expired version has the differences."""

import itertools

import pytest
from epochal.client.failures import ApiError
from epochal.client.kinds import TRAINING_JOBS

from tests.kit.fake.faults import Fault
from tests.unit.cli.api_server import ClusterInMemory
from tests.unit.cli.objects import put_job, set_status


def test_a_new_list_has_the_objects_that_came_changed_and_went(cluster: ClusterInMemory) -> None:
    for name in ("same", "changes", "goes"):
        put_job(cluster, name, state="Running")

    def meanwhile() -> None:
        objects = cluster.objects
        objects.delete("trainingjobs", "vision", "goes")
        objects.patch("trainingjobs", "vision", "changes", {"status": {"state": "Failed"}}, subresource="status")
        objects.create("trainingjobs", "vision", {"metadata": {"name": "comes"}, "spec": {}})

    cluster.server.faults.append(Fault("watch", status=410, meanwhile=meanwhile, times=1))
    changes = cluster.connect().watch(TRAINING_JOBS)
    found = [(change.type, change.object["metadata"]["name"]) for change in itertools.islice(changes, 6)]
    changes.close()  # type: ignore[attr-defined]
    assert found[:3] == [("ADDED", "changes"), ("ADDED", "goes"), ("ADDED", "same")]
    assert found[3:] == [("MODIFIED", "changes"), ("ADDED", "comes"), ("DELETED", "goes")]


def test_a_watch_ends_after_its_seconds(cluster: ClusterInMemory) -> None:
    put_job(cluster, "mnist")
    assert [change.type for change in cluster.connect().watch(TRAINING_JOBS, name="mnist", seconds=0)] == ["ADDED"]


def test_a_change_arrives_once(cluster: ClusterInMemory) -> None:
    put_job(cluster, "mnist")
    changes = cluster.connect().watch(TRAINING_JOBS, seconds=30)
    assert next(changes).type == "ADDED"
    set_status(cluster, "trainingjobs", "mnist", state="Running")
    change = next(changes)
    assert (change.type, change.object["status"]["state"]) == ("MODIFIED", "Running")
    changes.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("verb", ["watch", "list"])
def test_an_internal_error_is_a_lost_connection(cluster: ClusterInMemory, verb: str) -> None:
    put_job(cluster, "mnist")
    changes = cluster.connect().watch(TRAINING_JOBS, seconds=30)
    assert next(changes).type == "ADDED"

    def meanwhile() -> None:
        changed = {"status": {"state": "Running"}}
        cluster.objects.patch("trainingjobs", "vision", "mnist", changed, subresource="status")

    # A new list follows an expired version.
    expired = [Fault("watch", status=410, times=1)] if verb == "list" else []
    cluster.server.faults.extend([*expired, Fault(verb, status=500, meanwhile=meanwhile, times=1)])
    assert next(changes).object["status"]["state"] == "Running"
    changes.close()  # type: ignore[attr-defined]
    assert not any(fault.times for fault in cluster.server.faults)


def test_a_refused_watch_ends(cluster: ClusterInMemory) -> None:
    put_job(cluster, "mnist")
    changes = cluster.connect().watch(TRAINING_JOBS, seconds=30)
    assert next(changes).type == "ADDED"
    cluster.server.faults.append(Fault("watch", status=403))
    with pytest.raises(ApiError):
        next(changes)
