"""A small second kind: a Sweep owns a pod and TrainingJobs, and waits for a named TrainingJob."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from epochal_operator.runtime.api.errors import NotFound
from epochal_operator.runtime.api.kube import LEADER_MANAGER
from epochal_operator.runtime.api.resource import PODS, Key, Object, Resource, key_of
from epochal_operator.runtime.cache_transform import bounded_metadata
from epochal_operator.runtime.kind import Kind, ReconcileContext
from epochal_operator.runtime.owners import OwnedType
from epochal_operator.runtime.store import Change, SpecIndex, Store
from epochal_operator.trainingjob.resources import TRAINING_JOBS
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

SWEEPS = Resource("epochal.dev", "v1alpha1", "sweeps", "Sweep")
LABEL = "epochal.dev/sweep"
NOTE = "epochal.dev/note"
OWNED_PODS = OwnedType(PODS, LABEL)
OWNED_TRIALS = OwnedType(TRAINING_JOBS, LABEL)
AWAITED = SpecIndex(SWEEPS, lambda sweep: Key(sweep["metadata"]["namespace"], sweep["spec"]["after"]))


def _sweep(thing: Object) -> Object:
    return {"metadata": bounded_metadata(thing["metadata"]), "spec": thing["spec"], "status": thing.get("status") or {}}


def _trial(thing: Object) -> Object:
    return {"metadata": bounded_metadata(thing["metadata"], annotations=[NOTE])}


def _pod(thing: Object) -> Object:
    return {"metadata": bounded_metadata(thing["metadata"]), "status": thing.get("status") or {}}


def _waiting(change: Change, store: Store) -> Iterable[Key]:
    return store.find(AWAITED, key_of(change.after or change.before or {}))


def _collect(sweeps: Iterable[Object]) -> Iterator[Metric]:
    family = GaugeMetricFamily("epochal_sweep_trials", "TrainingJobs of a Sweep.", labels=["namespace", "name"])
    for sweep in sweeps:
        family.add_metric(list(key_of(sweep)), sweep["status"].get("trials", 0))
    yield family


class _Reconciler:
    def __init__(self, context: ReconcileContext) -> None:
        self._context = context
        self._kube, self._store = context.kube.without_retries(), context.store
        self.reconciled: list[Key] = []

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def reconcile(self, key: Key) -> float | None:
        self.reconciled.append(key)
        sweep = self._store.get(SWEEPS, key)
        if sweep is None:
            return None
        awaited = self._store.get(TRAINING_JOBS, Key(key.namespace, sweep["spec"]["after"]))
        if awaited is not None and not self._store.find(OWNED_PODS, key):
            made = await self._kube.create(PODS, _child(sweep), manager=LEADER_MANAGER)
            self._context.on_change(self._store.put(PODS, made))
        trials = self._store.find(OWNED_TRIALS, key)
        notes = [trial["metadata"]["annotations"].get(NOTE) for trial in trials.values()]
        status = {"state": "Running" if awaited else "Waiting", "trials": len(trials), "notes": notes}
        if status != sweep["status"]:
            uid = sweep["metadata"]["uid"]
            try:
                written = await self._kube.apply_status(SWEEPS, *key, uid=uid, manager=LEADER_MANAGER, status=status)
            except NotFound:
                return None
            self._context.on_change(self._store.put(SWEEPS, written))
        return None


def _child(sweep: Object) -> dict[str, Any]:
    metadata: Mapping[str, Any] = sweep["metadata"]
    owner = {"apiVersion": SWEEPS.api_version, "kind": SWEEPS.kind, "name": metadata["name"], "uid": metadata["uid"]}
    return {
        "metadata": {
            "name": f"{metadata['name']}-0",
            "namespace": metadata["namespace"],
            "labels": {LABEL: metadata["name"]},
            "ownerReferences": [owner | {"controller": True}],
        },
        "spec": {"containers": [{"name": "sampler"}]},
    }


SWEEP = Kind(
    resource=SWEEPS,
    reconciler=_Reconciler,
    collect=_collect,
    owns=(OWNED_PODS, OWNED_TRIALS),
    indexes=(AWAITED,),
    watches={TRAINING_JOBS: _waiting},
    cache_transforms={SWEEPS: _sweep, PODS: _pod, TRAINING_JOBS: _trial},
)
