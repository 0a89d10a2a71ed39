"""The cache keeps the newest version of each object, in any order of arrival."""

from typing import Any

import pytest
from epochal_operator.runtime.api.resource import JOBS, PODS, Key, Object, Resource
from epochal_operator.runtime.kind import store_for
from epochal_operator.runtime.store import Change, Store
from epochal_operator.trainingjob import cache_transform
from epochal_operator.trainingjob.resources import OWNED_PODS, TRAINING_JOBS

from tests.unit.operator.objects import KIND, OWNED_JOBS

RESOURCES = (TRAINING_JOBS, JOBS, PODS)
SOURCE = {source.resource: source for source in KIND.sources}
KEY = Key("vision", "digits")
ANNOTATIONS = {"a": "b", "epochal.dev/spec-sha256": "c"}


@pytest.fixture
def store() -> Store:
    return store_for([KIND])


def obj(resource: Resource, version: int, *, name: str = "digits", uid: str = "u", namespace: str = "vision") -> Any:
    metadata = {"name": name, "namespace": namespace, "uid": uid, "resourceVersion": str(version)}
    if resource != TRAINING_JOBS:
        metadata["labels"] = {"epochal.dev/trainingjob": "digits"}  # type: ignore[assignment]
    spec: dict[str, Any] = {"template": {}, "suspend": True, "nodeName": "node-1"}
    spec["containers"] = [{"name": "trainer", "resources": {}, "env": []}]
    return {
        "metadata": metadata | {"managedFields": [{"manager": "kubectl"}], "annotations": ANNOTATIONS},
        "spec": spec,
    }


def keys(*changes: Change | None) -> set[Key]:
    """Return the keys of the TrainingJobs that changes affect."""
    return {key for change in changes if change for key in KIND.keys_for(change)}


def job(store: Store) -> Object | None:
    return store.find(OWNED_JOBS, KEY).get(KEY)


def pods(store: Store, key: Key = KEY) -> list[Object]:
    return list(store.find(OWNED_PODS, key).values())


def version(found: Any) -> int | None:
    return int(found["metadata"]["resourceVersion"]) if found else None


def test_owned_objects_are_found_by_the_key_of_their_training_job(store: Store) -> None:
    assert keys(store.put(TRAINING_JOBS, obj(TRAINING_JOBS, 1))) == {KEY}
    assert keys(store.put(JOBS, obj(JOBS, 2))) == {KEY}
    assert keys(store.put(PODS, obj(PODS, 3, name="digits-a"))) == {KEY}
    assert keys(store.put(PODS, obj(PODS, 4, name="digits-b"))) == {KEY}
    assert version(store.get(TRAINING_JOBS, KEY)) == 1
    assert version(job(store)) == 2
    assert sorted(map(version, pods(store))) == [3, 4]  # type: ignore[type-var]
    assert store.keys(TRAINING_JOBS) == [KEY]
    assert [version(one) for one in store.objects(TRAINING_JOBS)] == [1]


def test_an_object_without_the_label_is_ignored(store: Store) -> None:
    other = obj(PODS, 1)
    del other["metadata"]["labels"]
    assert keys(store.put(PODS, other)) == set()
    assert keys(store.remove(PODS, other)) == set()


def test_an_older_version_never_replaces_a_newer_one(store: Store) -> None:
    store.put(TRAINING_JOBS, obj(TRAINING_JOBS, 10))
    assert keys(store.put(TRAINING_JOBS, obj(TRAINING_JOBS, 9))) == set()
    assert version(store.get(TRAINING_JOBS, KEY)) == 10


def test_a_cached_version_causes_no_change(store: Store) -> None:
    assert keys(store.put(JOBS, obj(JOBS, 1))) == {KEY}
    assert keys(store.put(JOBS, obj(JOBS, 1))) == set()
    assert keys(store.put(JOBS, obj(JOBS, 2))) == {KEY}


def test_the_deletion_of_an_object_does_not_remove_a_newer_object_of_that_name(store: Store) -> None:
    store.put(JOBS, obj(JOBS, 1, uid="old"))
    store.put(JOBS, obj(JOBS, 3, uid="new"))
    assert keys(store.remove(JOBS, obj(JOBS, 2, uid="old"))) == {KEY}
    assert version(job(store)) == 3
    store.remove(JOBS, obj(JOBS, 4, uid="new"))
    assert job(store) is None


def test_a_list_removes_missing_objects_except_newer_ones(store: Store) -> None:
    store.put(PODS, obj(PODS, 1, name="gone", uid="1"))
    store.put(PODS, obj(PODS, 2, name="stays", uid="2"))
    store.put(PODS, obj(PODS, 9, name="newer", uid="3"))
    store.put(PODS, obj(PODS, 1, name="elsewhere", uid="4", namespace="other"))
    assert keys(*store.prune_missing(SOURCE[PODS], {"2", "5"}, "5", "vision")) == {KEY}
    assert {one["metadata"]["name"] for one in pods(store)} == {"stays", "newer"}
    assert len(pods(store, Key("other", "digits"))) == 1
    assert keys(*store.prune_missing(SOURCE[PODS], (), "20", None)) == {KEY, Key("other", "digits")}
    assert pods(store) == pods(store, Key("other", "digits")) == []


@pytest.mark.parametrize("resource", RESOURCES)
def test_an_older_list_or_response_does_not_restore_a_deleted_object(store: Store, resource: Resource) -> None:
    store.put(resource, obj(resource, 5))
    store.remove(resource, obj(resource, 9))
    assert keys(store.put(resource, obj(resource, 5), listed_at="8")) == set()
    assert keys(store.put(resource, obj(resource, 7))) == set()
    assert keys(store.put(resource, obj(resource, 10, uid="new"))) == {KEY}


def test_the_newest_version_of_a_deletion_is_remembered(store: Store) -> None:
    """A list that an object is missing from may report its deletion again, with an older version."""
    store.put(PODS, obj(PODS, 5, name="digits-a"))
    store.remove(PODS, obj(PODS, 9, name="digits-a"))
    store.remove(PODS, obj(PODS, 6, name="digits-a"))
    assert keys(store.put(PODS, obj(PODS, 8, name="digits-a"))) == set()
    assert pods(store) == []


def test_the_deletion_of_an_uncached_object_is_remembered(store: Store) -> None:
    store.remove(PODS, obj(PODS, 9, name="digits-a"))
    assert keys(store.put(PODS, obj(PODS, 5, name="digits-a"), listed_at="8")) == set()
    assert pods(store) == []


def test_an_older_response_does_not_restore_an_object_that_a_list_lacks(store: Store) -> None:
    store.put(TRAINING_JOBS, obj(TRAINING_JOBS, 5))
    store.prune_missing(SOURCE[TRAINING_JOBS], (), "9", None)
    assert keys(store.put(TRAINING_JOBS, obj(TRAINING_JOBS, 7))) == set()


def test_a_newer_list_restores_an_existing_object(store: Store) -> None:
    """A GET that finds no object, as while its version of the API is not served, has no version of its own."""
    store.put(TRAINING_JOBS, obj(TRAINING_JOBS, 5))
    store.remove(TRAINING_JOBS, obj(TRAINING_JOBS, 5))
    assert keys(store.put(TRAINING_JOBS, obj(TRAINING_JOBS, 5), listed_at="5")) == set()
    assert keys(store.put(TRAINING_JOBS, obj(TRAINING_JOBS, 5), listed_at="9")) == {KEY}


def test_a_list_older_than_all_tombstones_restores_nothing() -> None:
    store = Store([(SOURCE[PODS], cache_transform.pod)], [OWNED_PODS], limit=2)
    for number in range(5):
        store.put(PODS, obj(PODS, 10 + number, name=f"p-{number}", uid=str(number)))
        store.remove(PODS, obj(PODS, 20 + number, name=f"p-{number}", uid=str(number)))
    for number in range(5):
        store.put(PODS, obj(PODS, 10 + number, name=f"p-{number}", uid=str(number)), listed_at="19")
    assert pods(store) == []
    assert keys(store.put(PODS, obj(PODS, 15, name="other", uid="9"), listed_at="30")) == {KEY}
    assert keys(store.put(PODS, obj(PODS, 16, name="one-more", uid="8"))) == {KEY}


def test_an_object_with_a_changed_label_has_one_owner(store: Store) -> None:
    moved = obj(PODS, 2, name="digits-a")
    store.put(PODS, obj(PODS, 1, name="digits-a"))
    moved["metadata"]["labels"] = {"epochal.dev/trainingjob": "other"}
    assert keys(store.put(PODS, moved)) == {KEY, Key("vision", "other")}
    assert pods(store) == []
    store.remove(PODS, moved)
    assert pods(store, Key("vision", "other")) == []


def test_a_deletion_affects_the_owner_of_the_cached_object(store: Store) -> None:
    known = obj(PODS, 1)
    store.put(PODS, known)
    last = obj(PODS, 2)
    last["metadata"]["labels"] = {"epochal.dev/trainingjob": "other"}
    assert keys(store.remove(PODS, last)) == {KEY}
    assert pods(store) == []
