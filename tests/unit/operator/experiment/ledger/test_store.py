"""Reads and writes of ExperimentLedgers at the API server, with conflicts and refusals."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from epochal_operator.experiment import reconcile
from epochal_operator.experiment.ledger import store as ledger_store
from epochal_operator.experiment.ledger import warm_start
from epochal_operator.experiment.ledger.encoding import decode, encode
from epochal_operator.experiment.ledger.events import Created, Event, Finished, Owner, Started, WarmStartTrial
from epochal_operator.experiment.ledger.store import LedgerRefused, LedgerStore
from epochal_operator.experiment.ledger.stored import StoredLedger, parse_ledger
from epochal_operator.experiment.reasons import Reason, StatusCause
from epochal_operator.runtime.api.resource import Key

from tests.kit.fake.objects import Objects, Refusal
from tests.unit.operator.direct import Direct
from tests.unit.operator.experiment.cluster import KEY, Cluster, refusing

SMALL: dict[str, Any] = {"maxTrials": 4, "parallelism": 2, "epochs": 9}


def ledger_reads(cluster: Cluster) -> int:
    return cluster.kube.reads.count(f"experimentledgers/{KEY.name}")


async def test_the_ledger_has_an_owner_and_is_read_once() -> None:
    cluster = Cluster(**SMALL)
    await cluster.settle()
    reads = ledger_reads(cluster)
    cluster.run_trainers()
    await cluster.settle()
    found = cluster.objects.get("experimentledgers", *KEY)
    (owner,) = found["metadata"]["ownerReferences"]
    assert owner == {
        "apiVersion": "epochal.dev/v1alpha1",
        "kind": "Experiment",
        "name": KEY.name,
        "uid": cluster.experiment()["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    assert "labels" not in found["metadata"], "Argo CD finds its own objects by labels"
    assert cluster.events()[0] == Owner(owner["uid"])
    assert ledger_reads(cluster) == reads < 3
    assert "annotations" not in cluster.experiment()["metadata"]


async def test_the_ledger_is_written_before_the_training_jobs() -> None:
    cluster = Cluster(**SMALL)
    await cluster.settle()
    writes = [one for one in cluster.kube.writes if not one.startswith(("create events", "status"))]
    assert writes[:2] == ["create experimentledgers/search", "create trainingjobs/search-0-r0"]
    assert not any(one.endswith(" experiments/search") for one in writes)


async def test_a_conflict_reads_the_ledger_again() -> None:
    cluster = Cluster(**SMALL)
    await cluster.settle()
    events = (*cluster.events(), Started(0, 0, "another"))
    cluster.objects.patch("experimentledgers", *KEY, {"data": encode(events)})
    cluster.run_trainers()
    cluster.finish_rung(cluster.jobs()[0])
    await cluster.settle()
    assert cluster.events()[: len(events)] == events
    assert any(isinstance(one, Finished) for one in cluster.events())


async def test_a_deleted_ledger_is_rebuilt() -> None:
    cluster = Cluster(**SMALL)
    await cluster.settle()
    cluster.objects.delete("experimentledgers", *KEY)
    await cluster.complete()
    assert [one.number for one in cluster.ledger_trials()] == [0, 1, 2, 3]


async def test_the_ledger_of_an_earlier_experiment_blocks_until_deletion() -> None:
    cluster = Cluster(**SMALL)
    data = encode([Owner("earlier"), Created(0, {"rate": "0.07"}, 1)])
    collect, cluster.objects.collect = cluster.objects.collect, lambda: None  # type: ignore[method-assign]
    cluster.create_ledger_object(KEY.name, data, "earlier")
    assert await cluster.reconcile() == 1
    assert cluster.ready() == ("False", "Cleanup")
    assert (cluster.jobs(), cluster.ledger(), cluster.requests) == ([], data, [])
    cluster.objects.collect = collect  # type: ignore[method-assign]
    collect()
    await cluster.complete()
    assert cluster.events()[0] == Owner(cluster.experiment()["metadata"]["uid"])


@pytest.mark.parametrize(
    ("references", "found"),
    [
        ([], "found no Experiment"),
        ([{"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "a", "controller": True}], "no Experiment"),
        (
            [{"apiVersion": "epochal.dev/v1alpha1", "kind": "Experiment", "name": "b", "uid": "b", "controller": True}],
            "found Experiment b",
        ),
    ],
)
async def test_a_ledger_of_another_owner_is_a_name_conflict(references: list[Any], found: str) -> None:
    cluster = Cluster(**SMALL)
    data = encode([Owner(cluster.experiment()["metadata"]["uid"]), Created(0, {"rate": "0.07"}, 1)])
    cluster.objects.collect = lambda: None  # type: ignore[method-assign]
    theirs = {"metadata": {"name": KEY.name, "ownerReferences": references}, "data": data}
    cluster.objects.create("experimentledgers", KEY.namespace, theirs)
    assert await cluster.settle() == 30
    assert cluster.ready() == ("False", "NameConflict")
    message = cluster.condition("Ready")["message"]
    assert found in message
    assert "ask a cluster administrator to delete it" in message
    assert (cluster.jobs(), cluster.ledger(), cluster.requests) == ([], data, [])
    cluster.objects.delete("experimentledgers", *KEY)
    await cluster.complete()


async def test_without_the_ledger_crd_no_trial_starts() -> None:
    cluster = Cluster(**SMALL)
    kind = cluster.objects.resources.pop("experimentledgers")
    pauses: list[float | None] = []
    for _ in range(5):
        pauses.append(await cluster.reconcile())
        cluster.now += timedelta(seconds=pauses[-1] or 0)
    assert pauses == [5, 5, 10, 20, 40], "the CRD may have been installed a moment ago"
    assert cluster.ready() == ("False", "LedgerUnavailable")
    assert cluster.status()["state"] == "Queued"
    assert "install the CRDs of this version" in cluster.condition("Ready")["message"]
    assert cluster.event_reasons() == ["LedgerUnavailable"]
    assert (cluster.jobs(), cluster.requests) == ([], [])
    cluster.objects.resources["experimentledgers"] = kind
    cluster.now += timedelta(seconds=60)
    await cluster.complete()


async def test_trials_without_a_readable_ledger_continue_or_suspend() -> None:
    cluster = Cluster(**SMALL)
    await cluster.settle()
    cluster.run_trainers()
    await cluster.settle()
    before = cluster.status()
    cluster.refuse = refusing(
        "get", "experimentledgers", Refusal(403, "Forbidden", "User cannot get experimentledgers")
    )
    cluster.restart_operator()
    assert await cluster.reconcile() == 5
    after = cluster.status()
    assert cluster.ready() == ("False", "LedgerUnavailable")
    assert "User cannot get experimentledgers" in cluster.condition("Ready")["message"]
    assert {name: after[name] for name in ("state", "trials", "startTime", "epochs", "results")} == {
        name: before[name] for name in ("state", "trials", "startTime", "epochs", "results")
    }
    assert [one["spec"]["suspend"] for one in cluster.jobs()] == [False, False]
    cluster.change(suspend=True)
    await cluster.settle()
    assert [one["spec"]["suspend"] for one in cluster.jobs()] == [True, True]
    cluster.run_trainers()
    await cluster.settle()
    assert cluster.status()["state"] == "Suspended"
    cluster.refuse = lambda *_: None
    cluster.change(suspend=False)
    cluster.now += timedelta(seconds=300)
    await cluster.complete()


async def test_a_finished_search_needs_no_ledger() -> None:
    cluster = Cluster(**SMALL)
    await cluster.run()
    before = cluster.status()
    del cluster.objects.resources["experimentledgers"]
    cluster.restart_operator()
    await cluster.settle()
    assert cluster.status() == before
    cluster.change(maxTrials=6)
    await cluster.settle()
    assert cluster.ready() == ("False", "LedgerUnavailable")
    assert (cluster.status()["state"], cluster.condition("Complete")["status"]) == ("Complete", "True")


async def test_ttl_applies_without_a_readable_ledger() -> None:
    cluster = Cluster(**SMALL, ttlSecondsAfterFinished=3600)
    await cluster.run()
    cluster.refuse = lambda verb, *_: Refusal(403, "Forbidden", "cannot get") if verb == "get" else None
    cluster.restart_operator()
    cluster.now += timedelta(hours=2)
    await cluster.settle()
    assert cluster.objects.list("experiments") == []


def replace_data(cluster: Cluster, data: str) -> None:
    """Simulates an admission webhook that replaces the data of ledgers."""
    patch, create = cluster.objects.patch, cluster.objects.create

    def changed(resource: str, thing: Any) -> Any:
        return {**thing, "data": data} if resource == "experimentledgers" else thing

    def patched(resource: str, namespace: str, name: str, thing: Any, **options: Any) -> Any:
        return patch(resource, namespace, name, changed(resource, thing), **options)

    def created(resource: str, namespace: str, thing: Any, **options: Any) -> Any:
        return create(resource, namespace, changed(resource, thing), **options)

    cluster.objects.patch = patched  # type: ignore[method-assign,assignment]
    cluster.objects.create = created  # type: ignore[method-assign]


@pytest.mark.parametrize("data", ["", "AAAA", encode([Owner("another"), Created(0, {}, 1)])])
async def test_a_changed_new_ledger_blocks_suggestions(data: str) -> None:
    cluster = Cluster(**SMALL)
    replace_data(cluster, data)
    assert await cluster.settle() == 60
    assert cluster.ready() == ("False", "LedgerRefused")
    message = cluster.condition("Ready")["message"]
    assert "stores other values than Epochal has written" in message
    assert "exempt experimentledgers.epochal.dev" in message
    for _ in range(50):  # as after changes of TrainingJobs
        await cluster.reconcile()
        cluster.now += timedelta(seconds=1)
    assert len(cluster.requests) <= 1
    assert cluster.jobs() == []


async def test_a_changed_existing_ledger_blocks_suggestions() -> None:
    cluster = Cluster(**SMALL | {"maxTrials": 8})
    await cluster.settle()
    replace_data(cluster, cluster.ledger())
    cluster.change(parallelism=4)
    asked = len(cluster.requests)
    for _ in range(50):
        await cluster.reconcile()
        cluster.now += timedelta(seconds=1)
    assert cluster.ready() == ("False", "LedgerRefused")
    assert len(cluster.requests) - asked <= 2
    assert len(cluster.jobs()) == 2


async def test_ledgers_are_decoded_and_encoded_in_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = set[int]()

    def noting(module: Any, name: str) -> None:
        work = getattr(module, name)

        def noted(*given: Any) -> Any:
            threads.add(threading.get_ident())
            return work(*given)

        monkeypatch.setattr(module, name, noted)

    noting(ledger_store, "parse_ledger")
    noting(ledger_store, "append_events")
    noting(reconcile, "observe_jobs")
    noting(reconcile, "make_plan")
    noting(warm_start, "_add_trials")
    cluster = Cluster(**SMALL, warmStartFrom=[{"name": "coarse"}])
    cluster.copy_experiment("coarse")
    cluster.create_ledger("coarse", [Created(0, {"rate": "0.1"}, 1), Finished(0, 0, 1, "0.5", "u", 1, is_last=True)])
    await cluster.settle()
    assert len(cluster.events()) > 1
    assert threads
    assert threading.get_ident() not in threads


async def read_ledger(store: LedgerStore, experiment: Any) -> StoredLedger:
    ledger = await store.read(experiment)
    assert isinstance(ledger, StoredLedger)
    return ledger


def create_experiment(objects: Objects, name: str = "search") -> Any:
    return objects.create("experiments", "vision", {"metadata": {"name": name}, "spec": {}})


def large(uid: str, trials: int) -> tuple[Event, ...]:
    return (Owner(uid), *(Created(number, {"rate": f"0.{number}"}, 1) for number in range(trials)))


async def test_the_ledger_cache_is_bounded() -> None:
    objects = Objects("vision")
    kube = Direct(objects, lambda *_: None)
    store = LedgerStore(kube, max_bytes=400 * 160)  # type: ignore[arg-type]
    experiments = [create_experiment(objects, f"search-{number}") for number in range(4)]
    for one in experiments:
        ledger = await read_ledger(store, one)
        await store.append(one, ledger, large("", 100)[1:])
    assert 0 < store._cache.currsize <= 400 * 160
    assert store._cache.currsize == sum(one.sizes.decompressed for one in store._cache.values())
    before = len(kube.reads)
    for one in (experiments[-1], experiments[0], experiments[-1]):
        ledger = await read_ledger(store, one)
        assert len(ledger.trials) == 100
    assert len(kube.reads) - before == (len(store._cache) < 4)
    for key in list(store._cache):
        store.forget(key)
    assert store._cache.currsize == 0


@pytest.mark.parametrize("events", [(Owner("another"), Created(0, {}, 1)), (Created(0, {}, 1), Owner("e")), ()])
def test_a_ledger_without_its_owner_event_is_foreign(events: tuple[Event, ...]) -> None:
    owner = {"controller": True, "uid": "e"}
    thing = {"metadata": {"uid": "l", "resourceVersion": "1", "ownerReferences": [owner]}, "data": encode(events)}
    assert (parse_ledger(thing).events, parse_ledger(thing).is_unusable, parse_ledger(thing).is_damaged) == (
        (),
        True,
        False,
    )
    own = (Owner("e"), *events)
    assert (
        parse_ledger({**thing, "data": encode(own)}).events,
        parse_ledger({**thing, "data": encode(own)}).is_unusable,
    ) == (
        own,
        False,
    )


async def test_invalid_ledger_data_is_ignored() -> None:
    thing = {
        "metadata": {"uid": "l", "resourceVersion": "1", "ownerReferences": [{"controller": True, "uid": "e"}]},
        "data": "A" * 204_801,
    }
    for data in (thing["data"], None, 7, []):
        ledger = parse_ledger({**thing, "data": data})
        assert (ledger.events, ledger.text, ledger.is_unusable) == ((), "", True)


async def test_a_conflict_about_a_new_ledger_is_raised() -> None:
    objects = Objects("vision")
    store = LedgerStore(Direct(objects, lambda *_: None))  # type: ignore[arg-type]
    experiment = create_experiment(objects)
    ledger = await read_ledger(store, experiment)
    await store.append(experiment, ledger, ())
    with pytest.raises(Exception, match="already exists"):
        await store.append(experiment, ledger, ())
    read = await read_ledger(store, experiment)
    assert read.events == (Owner(experiment["metadata"]["uid"]),)


async def test_a_refusal_has_the_message_of_the_api_server() -> None:
    objects = Objects("vision")
    refusal = Refusal(403, "Forbidden", "exceeded quota: count/experimentledgers.epochal.dev")
    store = LedgerStore(Direct(objects, lambda verb, *_: refusal if verb == "create" else None))  # type: ignore[arg-type]
    experiment = create_experiment(objects)
    ledger = await read_ledger(store, experiment)
    with pytest.raises(LedgerRefused, match="exceeded quota: count/experimentledgers"):
        await store.append(experiment, ledger, ())
    cause = await LedgerStore(Direct(objects, lambda *_: refusal)).read(experiment)  # type: ignore[arg-type]
    assert isinstance(cause, StatusCause)
    assert cause.reason == Reason.LEDGER_UNAVAILABLE


async def test_a_slow_read_never_replaces_a_newer_ledger(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    objects = Objects("vision")
    store = LedgerStore(Direct(objects, lambda *_: None))  # type: ignore[arg-type]
    experiment = create_experiment(objects)
    empty = await read_ledger(store, experiment)
    await store.append(experiment, empty, ())
    first = await read_ledger(store, experiment)
    store.forget(KEY)
    in_thread = store._in_thread

    async def later(work: Any) -> StoredLedger:
        monkeypatch.setattr(store, "_in_thread", in_thread)
        ledger = await in_thread(work)
        await store.append(experiment, first, [Created(0, {}, 1)])
        return ledger

    monkeypatch.setattr(store, "_in_thread", later)
    await store.read(experiment)
    known = await read_ledger(store, experiment)
    assert len(known.events) == 2


def forbid_ledgers(cluster: Cluster) -> None:
    cluster.refuse = refusing("get", "experimentledgers", Refusal(403, "Forbidden", "cannot get"))
    cluster.restart_operator()


@pytest.mark.parametrize("breaks", [False, True], ids=["valid", "refused"])
async def test_no_trial_resumes_without_a_readable_ledger(*, breaks: bool) -> None:
    cluster = Cluster(**SMALL)
    await cluster.settle()
    cluster.patch_status(cluster.jobs()[0], {"state": "Running", "startTime": cluster.time()})
    cluster.change(finish=True)
    await cluster.settle()
    stopped = cluster.job_names()[1]
    if breaks:
        cluster.change(finish=False, objective={"metric": "", "goal": "Maximize"})
    forbid_ledgers(cluster)
    await cluster.settle()
    suspended = {one["metadata"]["name"]: one["spec"]["suspend"] for one in cluster.jobs()}
    assert suspended == {"search-0-r0": False, stopped: True}


@pytest.mark.parametrize("left", [0, 1, 3])
async def test_a_finished_search_with_lost_trials_stays_finished(left: int) -> None:
    cluster = Cluster(**SMALL)
    await cluster.run()
    before, report = cluster.status(), cluster.objects.list("jobs")
    gone = {str(number) for number in range(left, 4)}
    for job in cluster.jobs():
        if job["metadata"]["labels"]["epochal.dev/trial"] in gone:
            cluster.objects.delete("trainingjobs", KEY.namespace, job["metadata"]["name"])
    names = cluster.job_names()
    cluster.lose_ledger()
    assert await cluster.settle() is None
    assert (cluster.status(), cluster.job_names(), cluster.objects.list("jobs")) == (before, names, report)
    assert len(cluster.ledger_trials()) == left, "for a warm start"
    cluster.restart_operator()
    assert await cluster.settle() is None
    assert (cluster.status(), cluster.job_names()) == (before, names)


async def test_ttl_applies_to_a_finished_search_with_lost_trials() -> None:
    cluster = Cluster(**SMALL, ttlSecondsAfterFinished=3600)
    await cluster.run()
    for name in cluster.job_names():
        cluster.objects.delete("trainingjobs", KEY.namespace, name)
    cluster.lose_ledger()
    assert 0 < (await cluster.settle() or 0) <= 3600
    cluster.now += timedelta(hours=2)
    await cluster.settle()
    assert cluster.objects.list("experiments") == []


async def test_numbers_of_unknown_training_jobs_are_skipped() -> None:
    cluster = Cluster(**SMALL)
    await cluster.settle()
    cluster.run_trainers()
    await cluster.settle()
    cluster.objects.patch(
        "trainingjobs", KEY.namespace, "search-1-r0", {"metadata": {"annotations": {"epochal.dev/parameters": None}}}
    )
    cluster.lose_ledger()
    await cluster.run()
    assert [one.trial for one in cluster.suggestions()] == [0, 2, 3, 4]
    assert cluster.job_names().count("search-1-r0") == 1


@pytest.mark.parametrize(
    ("changes", "state"),
    [({"suspend": True}, "Suspended"), ({"objective": {"metric": ""}}, "Failed"), ({}, "Complete")],
    ids=["suspended", "refused", "complete"],
)
async def test_an_idle_experiment_causes_no_requests(changes: dict[str, Any], state: str) -> None:
    cluster = Cluster(**{**SMALL, **changes})
    await (cluster.settle() if changes else cluster.run())
    assert cluster.status()["state"] == state
    await cluster.settle()
    reads, writes = len(cluster.kube.reads), len(cluster.kube.writes)
    for _ in range(3):
        assert await cluster.reconcile() is None
    assert (len(cluster.kube.reads), len(cluster.kube.writes)) == (reads, writes)


async def test_an_edited_last_rung_completes_its_trial() -> None:
    cluster = Cluster(**SMALL)
    await cluster.settle()
    while "search-0-r2" not in cluster.job_names():
        cluster.run_trainers()
        await cluster.settle()
    cluster.objects.patch("trainingjobs", KEY.namespace, "search-0-r2", {"spec": {"training": {"stopAfterEpoch": 5}}})
    await cluster.run()
    assert "search-0-r3" not in cluster.job_names()
    assert next(one for one in cluster.ledger_trials() if one.number == 0).state == "Complete"
    assert cluster.status()["state"] == "Complete"


async def test_warm_start_from_training_jobs_without_a_ledger() -> None:
    cluster = Cluster(**SMALL)
    await cluster.run()
    metadata, spec = {"name": "fine"}, cluster.experiment()["spec"]
    cluster.lose_ledger()
    fine = {"metadata": metadata, "spec": spec | {"warmStartFrom": [{"name": KEY.name}]}}
    cluster.objects.create("experiments", KEY.namespace, fine)
    cluster.sync_cache()
    await cluster.reconciler.reconcile(Key(KEY.namespace, "fine"))
    found = decode(cluster.objects.get("experimentledgers", KEY.namespace, "fine")["data"])
    assert [one.trial for one in found if isinstance(one, WarmStartTrial)] == [0, 1, 2, 3]
