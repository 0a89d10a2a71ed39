"""The fake API server's objects keep the rules of the real one."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.kit.fake.objects import Objects, Refusal
from tests.kit.fake.resources import Selector

Do = Callable[[], Any]
JOB: dict[str, Any] = {"metadata": {"name": "digits", "labels": {"a": "b"}}, "spec": {"suspend": False}}


@pytest.fixture
def objects() -> Objects:
    return Objects("vision")


def refused(status: int, reason: str) -> Any:
    return pytest.raises(Refusal, check=lambda error: (error.status, error.reason) == (status, reason))


def owned(name: str, owner: Any, **rest: Any) -> dict[str, Any]:
    reference = {"kind": "Job", "name": "digits", "uid": owner["metadata"]["uid"], "blockOwnerDeletion": True}
    return {"metadata": {"name": name, "ownerReferences": [reference]}, **rest}


def test_versions_grow_over_all_objects(objects: Objects) -> None:
    first = objects.create("jobs", "vision", JOB)
    second = objects.create("pods", "vision", JOB)
    versions = [int(item["metadata"]["resourceVersion"]) for item in (first, second)]
    assert versions == [objects.version - 1, objects.version]
    assert first["metadata"]["uid"] != second["metadata"]["uid"]


def test_a_name_is_free_again_after_a_deletion(objects: Objects) -> None:
    first = objects.create("jobs", "vision", JOB)
    with refused(409, "AlreadyExists"):
        objects.create("jobs", "vision", JOB)
    objects.delete("jobs", "vision", "digits")
    assert objects.create("jobs", "vision", JOB)["metadata"]["uid"] != first["metadata"]["uid"]


def test_a_missing_object_cannot_be_changed(objects: Objects) -> None:
    changes: list[Do] = [
        lambda: objects.get("jobs", "vision", "digits"),
        lambda: objects.patch("jobs", "vision", "digits", {}),
        lambda: objects.apply("jobs", "vision", "digits", {"metadata": {}}, subresource="status"),
        lambda: objects.delete("jobs", "vision", "digits"),
        lambda: objects.create("jobs", "nowhere", JOB),
    ]
    for change in changes:
        with refused(404, "NotFound"):
            change()


@pytest.mark.parametrize("field", ["uid", "resourceVersion"])
def test_a_write_to_another_version_is_refused(objects: Objects, field: str) -> None:
    made = objects.create("jobs", "vision", JOB)
    wrong = {"metadata": {"name": "digits", field: "999"}}
    changes: list[Do] = [
        lambda: objects.patch("jobs", "vision", "digits", wrong),
        lambda: objects.replace("jobs", "vision", JOB | wrong),
        lambda: objects.apply("jobs", "vision", "digits", wrong | {"status": {"active": 1}}, subresource="status"),
        lambda: objects.delete("jobs", "vision", "digits", preconditions=wrong["metadata"]),
    ]
    for change in changes:
        with refused(409, "Conflict"):
            change()
    right = {"metadata": {field: made["metadata"][field]}, "spec": {"suspend": True}}
    assert objects.patch("jobs", "vision", "digits", right)["spec"] == {"suspend": True}


def test_a_write_without_a_change_makes_no_version(objects: Objects) -> None:
    objects.create("jobs", "vision", JOB)
    objects.apply("jobs", "vision", "digits", {"metadata": {}, "status": {"active": 1}}, subresource="status")
    version = objects.version
    objects.apply("jobs", "vision", "digits", {"metadata": {}, "status": {"active": 1}}, subresource="status")
    objects.patch("jobs", "vision", "digits", {"spec": {"suspend": False}}, manager="another")
    assert objects.version == version


def test_spec_and_status_are_written_apart(objects: Objects) -> None:
    made = objects.create("jobs", "vision", JOB | {"status": {"active": 9}})
    assert "status" not in made
    both = {"spec": {"suspend": True}, "status": {"active": 1}}
    status = objects.patch("jobs", "vision", "digits", both, subresource="status")
    assert (status["spec"], status["status"], status["metadata"]["generation"]) == (JOB["spec"], {"active": 1}, 1)
    spec = objects.patch("jobs", "vision", "digits", {"spec": {"suspend": True}, "status": None})
    assert (spec["spec"], spec["status"], spec["metadata"]["generation"]) == ({"suspend": True}, {"active": 1}, 2)
    labelled = objects.patch("jobs", "vision", "digits", {"metadata": {"labels": {"a": None, "c": "d"}}})
    assert (labelled["metadata"]["labels"], labelled["metadata"]["generation"]) == ({"c": "d"}, 2)


def test_an_object_with_a_finalizer_stays(objects: Objects) -> None:
    objects.create("jobs", "vision", JOB | {"metadata": {"name": "digits", "finalizers": ["other/hold"]}})
    going = objects.delete("jobs", "vision", "digits")
    assert "deletionTimestamp" in objects.get("jobs", "vision", "digits")["metadata"]
    assert going["metadata"]["generation"] == 2
    objects.patch("jobs", "vision", "digits", {"metadata": {"finalizers": None}})
    with refused(404, "NotFound"):
        objects.get("jobs", "vision", "digits")


def test_a_running_pod_has_a_grace_period(objects: Objects) -> None:
    objects.create("pods", "vision", {"metadata": {"name": "digits"}, "spec": {"nodeName": "node"}})
    objects.delete("pods", "vision", "digits")
    assert objects.get("pods", "vision", "digits")["metadata"]["deletionGracePeriodSeconds"] == 30
    objects.delete("pods", "vision", "digits", grace=0)
    assert objects.list("pods") == []


def test_a_dependent_is_deleted_after_its_owner(objects: Objects) -> None:
    owner = objects.create("jobs", "vision", JOB)
    objects.create("pods", "vision", owned("digits-1", owner))
    objects.delete("jobs", "vision", "digits")
    assert len(objects.list("pods")) == 1
    objects.collect()
    assert objects.list("pods") == []


def test_foreground_deletion_deletes_the_owner_last(objects: Objects) -> None:
    owner = objects.create("jobs", "vision", JOB)
    objects.create("pods", "vision", owned("digits-1", owner, spec={"nodeName": "node"}))
    objects.delete("jobs", "vision", "digits", propagation="Foreground")
    objects.collect()
    assert "deletionTimestamp" in objects.get("jobs", "vision", "digits")["metadata"]
    objects.delete("pods", "vision", "digits-1", grace=0)
    objects.collect()
    assert objects.list("jobs") == []


def test_a_terminating_namespace_takes_no_object_and_is_deleted_once_empty(objects: Objects) -> None:
    objects.create("jobs", "vision", JOB)
    objects.delete("namespaces", "", "vision")
    with refused(403, "Forbidden"):
        objects.create("jobs", "vision", {"metadata": {"name": "late"}})
    objects.patch("jobs", "vision", "digits", {"spec": {"suspend": True}})
    objects.collect()
    assert objects.list("jobs") == objects.list("namespaces") == []


def test_apply_creates_an_object_unless_it_has_a_uid(objects: Objects) -> None:
    made = objects.apply("jobs", "vision", "digits", JOB, manager="epochal")
    assert (made["spec"], made["metadata"]["labels"]) == (JOB["spec"], {"a": "b"})
    (entry,) = made["metadata"]["managedFields"]
    assert (entry["manager"], entry["operation"]) == ("epochal", "Apply")
    with refused(404, "NotFound"):
        objects.apply("jobs", "vision", "other", {"metadata": {"name": "other", "uid": "x"}})


@pytest.mark.parametrize(
    ("labels", "taken"),
    [("a", True), ("!a", False), ("a=b", True), ("a==b", True), ("a=c", False), ("a!=c", True), ("a,c!=d", True)],
)
def test_labels_select(objects: Objects, labels: str, *, taken: bool) -> None:
    objects.create("jobs", "vision", JOB)
    assert bool(objects.list("jobs", Selector(labels=tuple(labels.split(","))))) is taken


def test_a_change_is_a_watch_event_of_a_selector(objects: Objects) -> None:
    selector = Selector("vision", ("a",))
    version = objects.version
    objects.create("jobs", "vision", JOB)
    objects.patch("jobs", "vision", "digits", {"spec": {"suspend": True}})
    objects.patch("jobs", "vision", "digits", {"metadata": {"labels": {"a": None}}})
    objects.patch("jobs", "vision", "digits", {"metadata": {"labels": {"a": "b"}}})
    objects.delete("jobs", "vision", "digits")
    events = [change.watch_event(selector) for change in objects.since(version)]
    assert [event and event[0] for event in events] == ["ADDED", "MODIFIED", "DELETED", "ADDED", "DELETED"]
    assert {change.watch_event(Selector("other")) for change in objects.since(version)} == {None}
    objects.compact()
    with refused(410, "Expired"):
        objects.since(version)


def test_applied_fields_must_be_declared() -> None:
    items = {"x-kubernetes-list-map-keys": ["type"], "items": {"properties": {"type": {}}}}
    known = {"state": {}, "conditions": items, "figures": {"additionalProperties": {}}}
    objects = Objects("vision", statuses={"jobs": {"properties": known}})
    objects.create("jobs", "vision", JOB)
    conditions = [{"type": kind, "why": ""} for kind in ("A", "B")]
    wish: dict[str, Any] = {"metadata": {}, "status": {"state": "", "figures": {"a": "1"}, "conditions": conditions}}
    with refused(500, "") as refusal:
        objects.apply("jobs", "vision", "digits", wish, subresource="status")
    assert str(refusal.value) == (
        "failed to create typed patch object (vision/digits; batch/v1, Kind=Job): errors:\n"
        '  .status.conditions[type="A"].why: field not declared in schema\n'
        '  .status.conditions[type="B"].why: field not declared in schema'
    )
    wish["status"]["conditions"] = [{"type": "A"}]
    assert objects.apply("jobs", "vision", "digits", wish, subresource="status")["status"] == wish["status"]
