"""The continuing_jobs of a TrainingJob: their index, and the changes that enqueue them."""

from typing import Any

import pytest
from epochal_operator.runtime.api.resource import Key
from epochal_operator.runtime.kind import store_for
from epochal_operator.runtime.store import Change, Source, Store
from epochal_operator.trainingjob import resources
from epochal_operator.trainingjob.kind import continuing_jobs
from epochal_operator.trainingjob.resources import CONTINUING_JOBS, TRAINING_JOBS

from tests.unit.operator.objects import KIND
from tests.unit.operator.runtime.test_store import obj


def waiting(store: Store, key: Key) -> list[Key]:
    return list(store.find(CONTINUING_JOBS, key))


def follower(name: str, of: str, namespace: str = "vision") -> Any:
    one = obj(TRAINING_JOBS, 1, name=name, namespace=namespace)
    return one | {"spec": {"training": {"continueFrom": {"name": of}}}}


def test_followers_of_a_training_job() -> None:
    store = store_for([KIND])
    for one in (follower("b", "a"), follower("c", "a"), follower("d", "b"), follower("e", "a", "other")):
        store.put(TRAINING_JOBS, one)
    store.put(TRAINING_JOBS, obj(TRAINING_JOBS, 1, name="a"))
    assert waiting(store, Key("vision", "a")) == [Key("vision", "b"), Key("vision", "c")]
    assert waiting(store, Key("vision", "c")) == []


def test_followers_change_with_the_spec() -> None:
    store = store_for([KIND])
    store.put(TRAINING_JOBS, follower("b", "a"))
    other = follower("b", "z")
    other["metadata"]["resourceVersion"] = "2"
    store.put(TRAINING_JOBS, other)
    assert waiting(store, Key("vision", "a")) == []
    assert waiting(store, Key("vision", "z")) == [Key("vision", "b")]
    alone = obj(TRAINING_JOBS, 3, name="b")
    store.put(TRAINING_JOBS, alone)
    assert waiting(store, Key("vision", "z")) == []
    store.put(TRAINING_JOBS, follower("c", "a"))
    store.put(TRAINING_JOBS, follower("d", "a"))
    store.remove(TRAINING_JOBS, follower("c", "a"))
    assert waiting(store, Key("vision", "a")) == [Key("vision", "d")]
    store.prune_missing(Source(TRAINING_JOBS), (), "9", None)
    assert waiting(store, Key("vision", "a")) == []


def test_followers_are_indexed(monkeypatch: pytest.MonkeyPatch) -> None:
    store, looked = store_for([KIND]), list[Any]()
    for number in range(100):
        store.put(TRAINING_JOBS, follower(f"job-{number}", f"job-{number - 1}"))
    monkeypatch.setattr(resources, "predecessor_name", looked.append)
    assert waiting(store, Key("vision", "job-7")) == [Key("vision", "job-8")]
    assert looked == []


STATUS: dict[str, Any] = {"state": "Running", "progress": {"epoch": 1}}


@pytest.mark.parametrize(
    ("before", "after", "matters"),
    [
        (None, {}, True),
        ({}, None, True),
        ({"status": STATUS}, {"status": STATUS | {"progress": {"epoch": 2}}}, False),
        ({"status": STATUS}, {"status": STATUS | {"state": "Complete"}}, True),
        ({"status": STATUS}, {"status": STATUS | {"results": {"uri": "s3://results/a/"}}}, True),
        ({}, {"spec": {"training": {"continueFrom": {"name": "b"}}}}, True),
    ],
)
def test_followers_are_enqueued_for_relevant_changes(before: Any, after: Any, *, matters: bool) -> None:
    store = store_for([KIND])
    store.put(TRAINING_JOBS, follower("b", "a"))
    one, other = (None if given is None else obj(TRAINING_JOBS, 1, name="a") | given for given in (before, after))
    assert list(continuing_jobs(Change(TRAINING_JOBS, one, other), store)) == ([Key("vision", "b")] if matters else [])
