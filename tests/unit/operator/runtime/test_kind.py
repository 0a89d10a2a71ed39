"""Two kinds in one controller: each gets the changes of its own objects."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from epochal_operator.runtime import controller as module
from epochal_operator.runtime.api.resource import JOBS, PODS, Key, Object
from epochal_operator.runtime.cache_transform import MAX_LABELS, bounded_metadata
from epochal_operator.runtime.kind import store_for, watched_sources
from epochal_operator.runtime.metrics import ObjectCollector
from epochal_operator.runtime.store import Source, Store
from epochal_operator.trainingjob.job.batch_job import NAME_LABEL
from epochal_operator.trainingjob.resources import OWNED_PODS, TRAINING_JOBS
from prometheus_client import CollectorRegistry

from tests.kit.fake.objects import Objects
from tests.kit.fake.resources import RESOURCES, Resource
from tests.kit.fake.server import FakeApiServer
from tests.unit.operator.controlled import controlled, until
from tests.unit.operator.objects import KIND, document, pod
from tests.unit.operator.runtime import sweeps
from tests.unit.operator.runtime.sweeps import LABEL, NOTE, SWEEP, SWEEPS

SERVED = Resource("epochal.dev/v1alpha1", "Sweep", "sweeps", custom=True, has_status=True)
KEY = Key("vision", "search")


@pytest.fixture
async def server() -> AsyncIterator[FakeApiServer]:
    async with FakeApiServer(objects=Objects("vision", resources=[*RESOURCES, SERVED])) as server:
        yield server


@pytest.fixture
def controlling(server: FakeApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path / "kubeconfig")))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)

    return partial(controlled, [KIND, SWEEP], server)


def train(server: FakeApiServer, name: str, **metadata: Any) -> None:
    server.objects.create("trainingjobs", "vision", document(suspend=True) | {"metadata": {"name": name} | metadata})


def sweep(server: FakeApiServer, after: str = "first") -> None:
    server.objects.create("sweeps", "vision", {"metadata": {"name": "search"}, "spec": {"after": after}})


def status(server: FakeApiServer, resource: str = "sweeps", name: str = "search") -> dict[str, Any]:
    found: dict[str, Any] = server.objects.get(resource, "vision", name).get("status") or {}
    return found


def pods(server: FakeApiServer) -> list[str]:
    return [one["metadata"]["uid"] for one in server.objects.list("pods")]


async def test_a_second_kind_owns_objects_watches_others_and_has_series(
    server: FakeApiServer, controlling: Any
) -> None:
    sweep(server)
    registry = CollectorRegistry()
    async with controlling() as controller:
        registry.register(ObjectCollector(SWEEP.collect, partial(controller.store.objects, SWEEPS)))
        await until(lambda: status(server).get("state") == "Waiting")
        assert pods(server) == []
        train(server, "first")
        await until(lambda: status(server).get("state") == "Running")
        (made,) = pods(server)
        train(server, "trial", labels={LABEL: "search"}, annotations={NOTE: "warm"})
        await until(lambda: status(server).get("trials") == 1)
        assert status(server)["notes"] == ["warm"]
        labels = {"namespace": "vision", "name": "search"}
        await until(lambda: registry.get_sample_value("epochal_sweep_trials", labels) == 1)
        server.objects.delete("pods", "vision", "search-0", grace=0)
        await until(lambda: pods(server) and pods(server) != [made])
        await until(lambda: status(server, "trainingjobs", "trial").get("state") == "Suspended")


async def test_a_shared_source_is_watched_once(server: FakeApiServer, controlling: Any) -> None:
    sweep(server)
    train(server, "first")
    server.objects.create("pods", "vision", pod())
    async with controlling() as controller:
        await until(lambda: status(server).get("state") == "Running")
        await until(lambda: len(server.objects.list("pods")) == 2)
        await until(lambda: sum(one.verb == "watch" and one.resource != "events" for one in server.asked) == 5)
        asked = [one.resource for one in server.asked if one.verb == "watch" and one.resource != "events"]
        assert sorted(asked) == ["jobs", "pods", "pods", "sweeps", "trainingjobs"], "pods by the label of each kind"
        assert list(controller.store.find(OWNED_PODS, Key("vision", "digits"))) == [Key("vision", "digits-1")]
        assert list(controller.store.find(sweeps.OWNED_PODS, KEY)) == [Key("vision", "search-0")]


async def test_a_kind_without_its_crd_does_not_block_the_others(
    server: FakeApiServer, controlling: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "CRD_SECONDS", 0.1)
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.1)
    del server.objects.resources["sweeps"]
    train(server, "first")
    async with controlling():
        await until(lambda: status(server, "trainingjobs", "first").get("state") == "Suspended")
        assert "the API server does not serve Sweeps: install the CRDs of epochal.dev" in caplog.text
        server.objects.resources["sweeps"] = SERVED
        sweep(server)
        await until(lambda: status(server).get("state") == "Running")


def test_a_source_without_a_label_includes_the_sources_with_a_label() -> None:
    whole = [Source(TRAINING_JOBS), Source(JOBS, NAME_LABEL), Source(PODS, NAME_LABEL)]
    sources = watched_sources([KIND, SWEEP])
    assert sources == (*whole, Source(SWEEPS), Source(PODS, LABEL))


def test_the_cache_merges_the_fields_that_several_kinds_keep() -> None:
    store, one = store_for([SWEEP, KIND]), document()
    one["metadata"]["annotations"] = {NOTE: "warm", "epochal.dev/spec-sha256": "c", "other": "d"}
    store.put(TRAINING_JOBS, one)
    known = store.get(TRAINING_JOBS, Key("vision", "digits"))
    alone = store_for([KIND])
    alone.put(TRAINING_JOBS, one)
    ours = alone.get(TRAINING_JOBS, Key("vision", "digits"))
    assert known is not None
    assert ours is not None
    assert known["metadata"]["annotations"] == {NOTE: "warm", "epochal.dev/spec-sha256": "c"}
    assert {name: part for name, part in known.items() if name != "metadata"}.items() >= {
        name: part for name, part in ours.items() if name != "metadata"
    }.items()


def test_a_list_of_one_source_does_not_remove_objects_of_another() -> None:
    store = store_for([KIND, SWEEP])
    store.put(PODS, pod("digits-1"))
    other = pod("search-0")
    other["metadata"]["labels"] = {LABEL: "search"}
    store.put(PODS, other)
    (change,) = store.prune_missing(Source(PODS, LABEL), (), "99", None)
    assert SWEEP.keys_for(change) == {KEY}
    assert KIND.keys_for(change) == set()
    assert [one["metadata"]["name"] for one in store.objects(PODS)] == ["digits-1"]


OURS, THEIRS = Source(PODS, NAME_LABEL), Source(PODS, LABEL)


def shared(version: int, **labels: str) -> dict[str, Any]:
    one = pod()
    both = {NAME_LABEL: "digits", LABEL: "search"}
    return one | {"metadata": one["metadata"] | {"resourceVersion": str(version), "labels": labels or both}}


def found(store: Store) -> tuple[bool, bool]:
    """Return whether the indexes of both kinds find the pod."""
    return bool(store.find(OWNED_PODS, Key("vision", "digits"))), bool(store.find(sweeps.OWNED_PODS, KEY))


@pytest.mark.parametrize("first", ["DELETED", "MODIFIED", "list"])
def test_an_object_without_the_label_of_one_kind_stays_for_the_other(first: str) -> None:
    """The watch of the lost label reports the previous object as deleted; the other watch reports a change."""
    store, changed = store_for([KIND, SWEEP]), shared(50, **{LABEL: "search"})
    store.put(PODS, shared(43))
    if first == "MODIFIED":
        store.put(PODS, changed)
        store.remove(PODS, shared(50), by=OURS)
    else:
        change = (
            store.remove(PODS, shared(50), by=OURS)
            if first == "DELETED"
            else store.prune_missing(OURS, (), "50", None)[0]
        )
        assert change is not None
        assert KIND.keys_for(change) == {Key("vision", "digits")}
        assert found(store) == (False, True)
        assert store.put(PODS, changed)
    assert found(store) == (False, True)
    assert store.put(PODS, shared(51)), "the label is back"
    assert found(store) == (True, True)


@pytest.mark.parametrize("known", [True, False])
def test_an_object_that_both_sources_lose_is_deleted(*, known: bool) -> None:
    store = store_for([KIND, SWEEP])
    if known:
        store.put(PODS, shared(43))
    store.remove(PODS, shared(50), by=OURS)
    store.put(PODS, shared(44))  # the response to an earlier write
    store.remove(PODS, shared(50), by=THEIRS)
    assert found(store) == (False, False)
    assert store.put(PODS, shared(44), listed_at="49") is None, "a later page of a list from before"
    assert store.put(PODS, shared(45, **{LABEL: "search"})) is None


def test_a_deletion_from_a_resource_removes_the_object_of_all_sources() -> None:
    store, trial = store_for([KIND, SWEEP]), document()
    trial["metadata"]["labels"] = {LABEL: "search"}
    store.put(TRAINING_JOBS, trial)
    assert store.remove(TRAINING_JOBS, trial, by=Source(TRAINING_JOBS))
    assert store.objects(TRAINING_JOBS) == []


def test_an_object_with_many_labels_is_found_by_its_label() -> None:
    many = {f"label-{number}": "" for number in range(MAX_LABELS)}
    for resource, kind in ((PODS, SWEEP), (PODS, replace(SWEEP, cache_transforms={})), (JOBS, KIND)):
        store, (owned, *_) = store_for([kind]), [one for one in kind.owns if one.resource == resource]
        one = shared(43, **many, **{owned.label: "search"})
        assert store.put(resource, one)
        assert list(store.find(owned, KEY)) == [Key("vision", "digits-1")]
        (known,) = store.objects(resource)
        assert known["metadata"]["labels"] == {owned.label: "search"}


def test_the_cache_keeps_the_owner_references_of_each_kind() -> None:
    one, reference = shared(43), {"apiVersion": SWEEPS.api_version, "kind": "Sweep", "name": "search", "uid": "s"}
    ours = {"apiVersion": TRAINING_JOBS.api_version, "kind": "TrainingJob", "name": "digits", "uid": "t"}
    one["metadata"]["ownerReferences"] = [reference, ours, {"kind": "ConfigMap", "name": "other", "uid": "c"}]

    def keeping(thing: Object) -> Object:
        return {"metadata": bounded_metadata(thing["metadata"], owner="Sweep")}

    store = store_for([KIND, replace(SWEEP, cache_transforms={PODS: keeping})])
    store.put(PODS, one)
    (known,) = store.objects(PODS)
    assert known["metadata"]["ownerReferences"] == [ours, reference]


async def test_changes_of_children_are_batched(server: FakeApiServer, controlling: Any) -> None:
    """Otherwise an Experiment with very many trials is reconciled for each change of a trial."""
    gathering = replace(SWEEP, batch_seconds=1.0)
    sweep(server)
    async with controlled([KIND, gathering], server) as controller:
        await until(lambda: status(server).get("trials") == 0)
        reconciler = controller._reconcilers[gathering]
        before = len(reconciler.reconciled)  # type: ignore[attr-defined]
        for number in range(20):
            train(server, f"trial-{number}", labels={LABEL: "search"})
            await asyncio.sleep(0.02)
        await until(lambda: status(server).get("trials") == 20)
        # The reconciler of TrainingJobs suspends them, which causes further changes.
        assert len(reconciler.reconciled) - before <= 5  # type: ignore[attr-defined]
