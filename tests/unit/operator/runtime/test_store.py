"""The store: the newest version of each object, whatever order it is told in."""

import json
import sys
from typing import Any

import pytest
from epochal_api.trainingjob import MAX_SPEC_BYTES
from epochal_operator.runtime import store as module
from epochal_operator.runtime.reader import read
from epochal_operator.runtime.store import KINDS, Key, Kind, Store, key_of, whole
from epochal_operator.trainingjob.children import blocked_by
from epochal_operator.trainingjob.job import batch_job, changes, outdated

from tests.unit.operator.objects import INSTALLATION, SPEC, training_job

KEY = Key("vision", "digits")
ANNOTATIONS = {"a": "b", "epochal.dev/spec-sha256": "c"}


def thing(kind: Kind, version: int, *, name: str = "digits", uid: str = "u", namespace: str = "vision") -> Any:
    metadata = {"name": name, "namespace": namespace, "uid": uid, "resourceVersion": str(version)}
    if kind != "TrainingJob":
        metadata["labels"] = {"epochal.dev/trainingjob": "digits"}  # type: ignore[assignment]
    spec: dict[str, Any] = {"template": {}, "suspend": True, "nodeName": "node-1"}
    spec["containers"] = [{"name": "trainer", "resources": {}, "env": []}]
    return {
        "metadata": metadata | {"managedFields": [{"manager": "kubectl"}], "annotations": ANNOTATIONS},
        "spec": spec,
    }


def version(found: Any) -> int | None:
    return int(found["metadata"]["resourceVersion"]) if found else None


def test_objects_are_found_by_their_training_job() -> None:
    store = Store()
    assert store.put("TrainingJob", thing("TrainingJob", 1)) == {KEY}
    assert store.put("Job", thing("Job", 2)) == {KEY}
    assert store.put("Pod", thing("Pod", 3, name="digits-a")) == {KEY}
    assert store.put("Pod", thing("Pod", 4, name="digits-b")) == {KEY}
    assert version(store.training_job(KEY)) == 1
    assert version(store.job(KEY)) == 2
    assert sorted(map(version, store.pods(KEY))) == [3, 4]  # type: ignore[type-var]
    assert store.training_job_keys() == [KEY]
    assert [version(one) for one in store.training_jobs()] == [1]


def follower(name: str, of: str, namespace: str = "vision") -> Any:
    one = thing("TrainingJob", 1, name=name, namespace=namespace)
    return one | {"spec": {"training": {"continueFrom": {"name": of}}}}


def test_who_goes_on_from_a_training_job() -> None:
    store = Store()
    for one in (follower("b", "a"), follower("c", "a"), follower("d", "b"), follower("e", "a", "other")):
        store.put("TrainingJob", one)
    store.put("TrainingJob", thing("TrainingJob", 1, name="a"))
    assert store.followers(Key("vision", "a")) == [Key("vision", "b"), Key("vision", "c")]
    assert store.followers(Key("vision", "c")) == []


def test_who_goes_on_from_a_training_job_may_change() -> None:
    store = Store()
    store.put("TrainingJob", follower("b", "a"))
    other = follower("b", "z")
    other["metadata"]["resourceVersion"] = "2"
    store.put("TrainingJob", other)
    assert store.followers(Key("vision", "a")) == []
    assert store.followers(Key("vision", "z")) == [Key("vision", "b")]
    alone = thing("TrainingJob", 3, name="b")
    store.put("TrainingJob", alone)
    assert store.followers(Key("vision", "z")) == []
    store.put("TrainingJob", follower("c", "a"))
    store.put("TrainingJob", follower("d", "a"))
    store.remove("TrainingJob", follower("c", "a"))
    assert store.followers(Key("vision", "a")) == [Key("vision", "d")]
    store.keep("TrainingJob", (), "9", None)
    assert store.followers(Key("vision", "a")) == []


def test_followers_are_found_without_looking_at_all_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    store, looked = Store(), list[Any]()
    for number in range(100):
        store.put("TrainingJob", follower(f"job-{number}", f"job-{number - 1}"))
    monkeypatch.setattr(module, "predecessor_name", looked.append)
    assert store.followers(Key("vision", "job-7")) == [Key("vision", "job-8")]
    assert looked == []


def test_an_object_without_our_label_is_nobodys() -> None:
    store, other = Store(), thing("Pod", 1)
    del other["metadata"]["labels"]
    assert key_of("Pod", other) is None
    assert store.put("Pod", other) == set()
    assert store.remove("Pod", other) == set()


def test_an_older_version_never_replaces_a_newer_one() -> None:
    store = Store()
    store.put("TrainingJob", thing("TrainingJob", 10))
    assert store.put("TrainingJob", thing("TrainingJob", 9)) == set()
    assert version(store.training_job(KEY)) == 10


def test_what_is_known_already_is_no_news() -> None:
    store = Store()
    assert store.put("Job", thing("Job", 1)) == {KEY}
    assert store.put("Job", thing("Job", 1)) == set()
    assert store.put("Job", thing("Job", 2)) == {KEY}


def test_the_end_of_an_object_is_not_that_of_its_successor() -> None:
    store = Store()
    store.put("Job", thing("Job", 1, uid="old"))
    store.put("Job", thing("Job", 3, uid="new"))
    assert store.remove("Job", thing("Job", 2, uid="old")) == {KEY}
    assert version(store.job(KEY)) == 3
    store.remove("Job", thing("Job", 4, uid="new"))
    assert store.job(KEY) is None


def test_what_a_list_does_not_hold_is_gone_unless_it_is_newer() -> None:
    store = Store()
    store.put("Pod", thing("Pod", 1, name="gone", uid="1"))
    store.put("Pod", thing("Pod", 2, name="stays", uid="2"))
    store.put("Pod", thing("Pod", 9, name="newer", uid="3"))
    store.put("Pod", thing("Pod", 1, name="elsewhere", uid="4", namespace="other"))
    assert store.keep("Pod", {"2", "5"}, "5", "vision") == {KEY}
    assert {one["metadata"]["name"] for one in store.pods(KEY)} == {"stays", "newer"}
    assert len(store.pods(Key("other", "digits"))) == 1
    assert store.keep("Pod", (), "20", None) == {KEY, Key("other", "digits")}
    assert store.pods(KEY) == store.pods(Key("other", "digits")) == []


def test_only_what_is_of_use_is_kept() -> None:
    store = Store()
    for kind in KINDS:
        store.put(kind, thing(kind, 1))
    job, child, (pod,) = store.training_job(KEY), store.job(KEY), store.pods(KEY)
    assert job is not None
    assert child is not None
    assert "managedFields" not in {**job["metadata"], **child["metadata"], **pod["metadata"]}
    assert whole(job)["spec"] == thing("TrainingJob", 1)["spec"]
    assert child["spec"] == {"suspend": True}
    assert child["metadata"]["annotations"] == {"epochal.dev/spec-sha256": "c"}
    assert pod["spec"] == {"nodeName": "node-1", "containers": [{"name": "trainer", "resources": {"limits": {}}}]}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_gone_is_not_brought_back_by_a_list_from_before(kind: Kind) -> None:
    store = Store()
    store.put(kind, thing(kind, 5))
    store.remove(kind, thing(kind, 9))
    assert store.put(kind, thing(kind, 5), listed_at="8") == set(), "a later page of a list from before"
    assert store.put(kind, thing(kind, 7)) == set(), "the answer to a write of before"
    assert store.put(kind, thing(kind, 10, uid="new")) == {KEY}, "one of the same name"


def test_what_a_watch_told_the_end_of_is_known_to_be_gone_even_if_it_was_never_known() -> None:
    store = Store()
    store.remove("Pod", thing("Pod", 9, name="digits-a"))
    assert store.put("Pod", thing("Pod", 5, name="digits-a"), listed_at="8") == set()
    assert store.pods(KEY) == []


def test_what_a_list_lacked_is_not_brought_back_by_an_answer_of_before() -> None:
    store = Store()
    store.put("TrainingJob", thing("TrainingJob", 5))
    store.keep("TrainingJob", (), "9", None)
    assert store.put("TrainingJob", thing("TrainingJob", 7)) == set()


def test_what_is_there_after_all_comes_back() -> None:
    """A GET that finds no object, as while its version of the API is not served, has no version of its own."""
    store = Store()
    store.put("TrainingJob", thing("TrainingJob", 5))
    store.remove("TrainingJob", thing("TrainingJob", 5))
    assert store.put("TrainingJob", thing("TrainingJob", 5), listed_at="5") == set()
    assert store.put("TrainingJob", thing("TrainingJob", 5), listed_at="9") == {KEY}


def test_a_list_from_before_all_that_is_remembered_brings_nothing_back() -> None:
    store = Store(gone=2)
    for number in range(5):
        store.put("Pod", thing("Pod", 10 + number, name=f"p-{number}", uid=str(number)))
        store.remove("Pod", thing("Pod", 20 + number, name=f"p-{number}", uid=str(number)))
    for number in range(5):
        store.put("Pod", thing("Pod", 10 + number, name=f"p-{number}", uid=str(number)), listed_at="19")
    assert store.pods(KEY) == []
    assert store.put("Pod", thing("Pod", 15, name="other", uid="9"), listed_at="30") == {KEY}
    assert store.put("Pod", thing("Pod", 16, name="one-more", uid="8")) == {KEY}, "which the watch tells of"


def test_an_object_with_another_label_belongs_to_one_training_job_only() -> None:
    store, moved = Store(), thing("Pod", 2, name="digits-a")
    store.put("Pod", thing("Pod", 1, name="digits-a"))
    moved["metadata"]["labels"] = {"epochal.dev/trainingjob": "other"}
    assert store.put("Pod", moved) == {KEY, Key("vision", "other")}
    assert store.pods(KEY) == []
    store.remove("Pod", moved)
    assert store.pods(Key("vision", "other")) == []


def size(value: Any) -> int:
    """Returns the bytes that a value takes, and all that is in it."""
    inside = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list | tuple) else []
    return sys.getsizeof(value) + sum(map(size, inside))


LAVISH: dict[str, Any] = {
    "spec": {"a": [[]] * 43_000},
    "labels": {f"label-{number}": "" for number in range(8_000)},
    "our labels": {f"epochal.dev/{number}": "" for number in range(8_000)},
    "annotations": {f"epochal.dev/{number}": "" for number in range(6_000)},
    "annotation": {"epochal.dev/spec-sha256": "\U0001f600" + "x" * 120_000},
    "owner": {"kind": "TrainingJob", "apiVersion": "a", "controller": True, "uid": "u", "name": "\U0001f600" * 30_000},
    "resources": {f"example.com/{number}": "1" for number in range(3_000)},
    "ownerReferences": [{"kind": "ConfigMap", "name": "a", "uid": str(number)} for number in range(2_500)],
    "finalizers": [f"a/{number}" for number in range(10_000)],
    "managedFields": [{"fieldsV1": {}}] * 6_000,
}


@pytest.mark.parametrize("field", LAVISH)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_kept_of_an_object_is_bounded(kind: Kind, field: str) -> None:
    """The largest spec there can be stays a text; as values it would take 20 times as much."""
    one = thing(kind, 1)
    if field == "spec":
        one["spec"] |= LAVISH[field]
    elif "labels" in field:
        one["metadata"]["labels"] = one["metadata"].get("labels", {}) | LAVISH[field]
    elif field == "annotation":
        one["metadata"]["annotations"] = LAVISH[field]
    elif field == "owner":
        one["metadata"]["ownerReferences"] = [LAVISH[field]]
    elif field == "resources":
        one["spec"]["containers"] = [{"name": "trainer", "resources": {"limits": LAVISH[field] | {"memory": "1Gi"}}}]
    else:
        one["metadata"][field] = LAVISH[field]
    one = read(json.dumps(one, separators=(",", ":"), ensure_ascii=False).encode())
    store = Store()
    assert store.put(kind, one) == {KEY}
    (kept,) = store._things[kind][KEY].values()
    assert size(kept) < MAX_SPEC_BYTES + 16 * 1024
    if field not in {"spec", "resources"} or kind != "TrainingJob":
        assert size(kept) < 16 * 1024


def test_the_job_of_the_largest_spec_is_known_as_it_is() -> None:
    """It bears the spec as a text within its pod template, and so does its pod."""
    job = training_job(network=SPEC["network"] | {"layers": [{"layer": "Dense", "units": ["a"] * 32_000}]})
    child = batch_job(job, INSTALLATION)
    child["metadata"] |= {"uid": "u", "resourceVersion": "7", "managedFields": [{"manager": "epochal"}]}
    text = json.dumps(child).encode()
    assert len(text) > MAX_SPEC_BYTES + 32 * 1024
    store = Store()
    assert store.put("Job", read(text)) == {KEY}
    known = store.job(KEY)
    assert known is not None
    assert not outdated(job, known, INSTALLATION)
    assert changes(job, known) == {}
    assert blocked_by(known, job.metadata.uid) is None
    assert known["metadata"]["labels"] == child["metadata"]["labels"]
    assert size(known) < 16 * 1024
