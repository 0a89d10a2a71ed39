"""The store: the newest version of each object, whatever order it is told in."""

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


def thing(resource: Resource, version: int, *, name: str = "digits", uid: str = "u", namespace: str = "vision") -> Any:
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
    """Returns the keys of the TrainingJobs that changes concern."""
    return {key for change in changes if change for key in KIND.concerned(change)}


def job(store: Store) -> Object | None:
    return store.find(OWNED_JOBS, KEY).get(KEY)


def pods(store: Store, key: Key = KEY) -> list[Object]:
    return list(store.find(OWNED_PODS, key).values())


def version(found: Any) -> int | None:
    return int(found["metadata"]["resourceVersion"]) if found else None


def test_objects_are_found_by_their_training_job() -> None:
    store = store_for([KIND])
    assert keys(store.put(TRAINING_JOBS, thing(TRAINING_JOBS, 1))) == {KEY}
    assert keys(store.put(JOBS, thing(JOBS, 2))) == {KEY}
    assert keys(store.put(PODS, thing(PODS, 3, name="digits-a"))) == {KEY}
    assert keys(store.put(PODS, thing(PODS, 4, name="digits-b"))) == {KEY}
    assert version(store.get(TRAINING_JOBS, KEY)) == 1
    assert version(job(store)) == 2
    assert sorted(map(version, pods(store))) == [3, 4]  # type: ignore[type-var]
    assert store.keys(TRAINING_JOBS) == [KEY]
    assert [version(one) for one in store.objects(TRAINING_JOBS)] == [1]


def test_an_object_without_our_label_is_nobodys() -> None:
    store, other = store_for([KIND]), thing(PODS, 1)
    del other["metadata"]["labels"]
    assert keys(store.put(PODS, other)) == set()
    assert keys(store.remove(PODS, other)) == set()


def test_an_older_version_never_replaces_a_newer_one() -> None:
    store = store_for([KIND])
    store.put(TRAINING_JOBS, thing(TRAINING_JOBS, 10))
    assert keys(store.put(TRAINING_JOBS, thing(TRAINING_JOBS, 9))) == set()
    assert version(store.get(TRAINING_JOBS, KEY)) == 10


def test_what_is_known_already_is_no_news() -> None:
    store = store_for([KIND])
    assert keys(store.put(JOBS, thing(JOBS, 1))) == {KEY}
    assert keys(store.put(JOBS, thing(JOBS, 1))) == set()
    assert keys(store.put(JOBS, thing(JOBS, 2))) == {KEY}


def test_the_end_of_an_object_is_not_that_of_its_successor() -> None:
    store = store_for([KIND])
    store.put(JOBS, thing(JOBS, 1, uid="old"))
    store.put(JOBS, thing(JOBS, 3, uid="new"))
    assert keys(store.remove(JOBS, thing(JOBS, 2, uid="old"))) == {KEY}
    assert version(job(store)) == 3
    store.remove(JOBS, thing(JOBS, 4, uid="new"))
    assert job(store) is None


def test_what_a_list_does_not_hold_is_gone_unless_it_is_newer() -> None:
    store = store_for([KIND])
    store.put(PODS, thing(PODS, 1, name="gone", uid="1"))
    store.put(PODS, thing(PODS, 2, name="stays", uid="2"))
    store.put(PODS, thing(PODS, 9, name="newer", uid="3"))
    store.put(PODS, thing(PODS, 1, name="elsewhere", uid="4", namespace="other"))
    assert keys(*store.keep(SOURCE[PODS], {"2", "5"}, "5", "vision")) == {KEY}
    assert {one["metadata"]["name"] for one in pods(store)} == {"stays", "newer"}
    assert len(pods(store, Key("other", "digits"))) == 1
    assert keys(*store.keep(SOURCE[PODS], (), "20", None)) == {KEY, Key("other", "digits")}
    assert pods(store) == pods(store, Key("other", "digits")) == []


@pytest.mark.parametrize("resource", RESOURCES)
def test_what_is_gone_is_not_brought_back_by_a_list_from_before(resource: Resource) -> None:
    store = store_for([KIND])
    store.put(resource, thing(resource, 5))
    store.remove(resource, thing(resource, 9))
    assert keys(store.put(resource, thing(resource, 5), listed_at="8")) == set(), "a later page of a list from before"
    assert keys(store.put(resource, thing(resource, 7))) == set(), "the answer to a write of before"
    assert keys(store.put(resource, thing(resource, 10, uid="new"))) == {KEY}, "one of the same name"


def test_the_newest_version_of_a_deletion_is_remembered() -> None:
    """A list that an object is missing from may report its deletion again, with an older version."""
    store = store_for([KIND])
    store.put(PODS, thing(PODS, 5, name="digits-a"))
    store.remove(PODS, thing(PODS, 9, name="digits-a"))
    store.remove(PODS, thing(PODS, 6, name="digits-a"))
    assert keys(store.put(PODS, thing(PODS, 8, name="digits-a"))) == set()
    assert pods(store) == []


def test_what_a_watch_told_the_end_of_is_known_to_be_gone_even_if_it_was_never_known() -> None:
    store = store_for([KIND])
    store.remove(PODS, thing(PODS, 9, name="digits-a"))
    assert keys(store.put(PODS, thing(PODS, 5, name="digits-a"), listed_at="8")) == set()
    assert pods(store) == []


def test_what_a_list_lacked_is_not_brought_back_by_an_answer_of_before() -> None:
    store = store_for([KIND])
    store.put(TRAINING_JOBS, thing(TRAINING_JOBS, 5))
    store.keep(SOURCE[TRAINING_JOBS], (), "9", None)
    assert keys(store.put(TRAINING_JOBS, thing(TRAINING_JOBS, 7))) == set()


def test_what_is_there_after_all_comes_back() -> None:
    """A GET that finds no object, as while its version of the API is not served, has no version of its own."""
    store = store_for([KIND])
    store.put(TRAINING_JOBS, thing(TRAINING_JOBS, 5))
    store.remove(TRAINING_JOBS, thing(TRAINING_JOBS, 5))
    assert keys(store.put(TRAINING_JOBS, thing(TRAINING_JOBS, 5), listed_at="5")) == set()
    assert keys(store.put(TRAINING_JOBS, thing(TRAINING_JOBS, 5), listed_at="9")) == {KEY}


def test_a_list_from_before_all_that_is_remembered_brings_nothing_back() -> None:
    store = Store([(SOURCE[PODS], cache_transform.pod)], [OWNED_PODS], gone=2)
    for number in range(5):
        store.put(PODS, thing(PODS, 10 + number, name=f"p-{number}", uid=str(number)))
        store.remove(PODS, thing(PODS, 20 + number, name=f"p-{number}", uid=str(number)))
    for number in range(5):
        store.put(PODS, thing(PODS, 10 + number, name=f"p-{number}", uid=str(number)), listed_at="19")
    assert pods(store) == []
    assert keys(store.put(PODS, thing(PODS, 15, name="other", uid="9"), listed_at="30")) == {KEY}
    assert keys(store.put(PODS, thing(PODS, 16, name="one-more", uid="8"))) == {KEY}, "which the watch tells of"


def test_an_object_with_another_label_belongs_to_one_training_job_only() -> None:
    store, moved = store_for([KIND]), thing(PODS, 2, name="digits-a")
    store.put(PODS, thing(PODS, 1, name="digits-a"))
    moved["metadata"]["labels"] = {"epochal.dev/trainingjob": "other"}
    assert keys(store.put(PODS, moved)) == {KEY, Key("vision", "other")}
    assert pods(store) == []
    store.remove(PODS, moved)
    assert pods(store, Key("vision", "other")) == []


def test_what_is_told_of_the_end_of_an_object_is_what_was_known_of_it() -> None:
    store, known = store_for([KIND]), thing(PODS, 1)
    store.put(PODS, known)
    last = thing(PODS, 2)
    last["metadata"]["labels"] = {"epochal.dev/trainingjob": "other"}
    assert keys(store.remove(PODS, last)) == {KEY}
    assert pods(store) == []
