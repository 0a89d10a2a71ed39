"""The registration of the kind ModelServer with the runtime."""

from collections.abc import Callable, Iterable
from functools import partial

from epochal_api.experiment.spec import EXPERIMENT_LABEL
from epochal_api.kind import GROUP
from epochal_api.modelserver.status import SERVER_CONDITIONS
from epochal_api.trainingjob.spec import MAX_SPEC_BYTES, MAX_SPEC_DEPTH

from epochal_operator.modelserver import cache_transform
from epochal_operator.modelserver.children import CHILDREN, OWNED_PODS, OWNED_REPLICA_SETS
from epochal_operator.modelserver.metrics import METRICS
from epochal_operator.modelserver.reconcile import Reconciler
from epochal_operator.modelserver.resources import (
    EXPERIMENTS,
    MODEL_SERVERS,
    SERVERS_OF_EXPERIMENT,
    SERVERS_OF_JOB,
)
from epochal_operator.pods.installation import Installation
from epochal_operator.runtime.api.bounded_reader import Bounds
from epochal_operator.runtime.api.resource import Key, Object, key_of
from epochal_operator.runtime.cache_transform import pick
from epochal_operator.runtime.kind import Kind
from epochal_operator.runtime.store import Change, Store
from epochal_operator.trainingjob.interface import TRAINING_JOBS

BOUNDS = Bounds(MAX_SPEC_BYTES, MAX_SPEC_DEPTH, frozenset(SERVER_CONDITIONS), (f"{GROUP}/",))
"""Limits of size and depth for parsing a ModelServer from a response of the API server."""


def model_servers(
    installation: Callable[[], Installation], *, instance: str, metric_labels: tuple[str, ...] = ()
) -> Kind:
    """Return the description of ModelServers for the runtime."""
    return Kind(
        resource=MODEL_SERVERS,
        reconciler=lambda context: Reconciler(context, installation, instance=instance),
        collect=partial(METRICS.collect, labels=metric_labels),
        owns=(*CHILDREN, OWNED_REPLICA_SETS, OWNED_PODS),
        indexes=(SERVERS_OF_JOB, SERVERS_OF_EXPERIMENT),
        watches={TRAINING_JOBS: servers_of_job, EXPERIMENTS: servers_of_experiment},
        optional=frozenset({TRAINING_JOBS, EXPERIMENTS}),
        cache_transforms={
            MODEL_SERVERS: partial(cache_transform.model_server, labels=metric_labels),
            TRAINING_JOBS: cache_transform.training_job,
            EXPERIMENTS: cache_transform.experiment,
        },
        bounds=BOUNDS,
    )


def servers_of_job(change: Change, store: Store) -> Iterable[Key]:
    """Return the keys of the ModelServers whose spec.source references a changed TrainingJob or its Experiment.

    There are no keys if the change does not affect the models.
    """
    if _model_fields(change.before) == _model_fields(change.after):
        return ()
    job = change.after or change.before or {}
    key, experiment = key_of(job), (job["metadata"].get("labels") or {}).get(EXPERIMENT_LABEL)
    servers_of_trial = store.find(SERVERS_OF_EXPERIMENT, Key(key.namespace, experiment)) if experiment else {}
    return {*store.find(SERVERS_OF_JOB, key), *servers_of_trial}


def servers_of_experiment(change: Change, store: Store) -> Iterable[Key]:
    """Return the keys of the ModelServers whose spec.source references a changed Experiment.

    There are no keys if the change does not affect the models.
    """
    if _best_trial_fields(change.before) == _best_trial_fields(change.after):
        return ()
    return store.find(SERVERS_OF_EXPERIMENT, key_of(change.after or change.before or {}))


def _model_fields(job: Object | None) -> object:
    """Return the fields of a TrainingJob that affect the models of ModelServers: uid, state, conditions, results."""
    if job is None:
        return None
    status = job.get("status") or {}
    conditions = [pick(condition, ("type", "status", "reason")) for condition in status.get("conditions") or []]
    return job["metadata"]["uid"], status.get("state"), conditions, status.get("results")


def _best_trial_fields(experiment: Object | None) -> object:
    """Return the fields of an Experiment that affect models of ModelServers: uid, state, best trial's TrainingJob."""
    if experiment is None:
        return None
    status = experiment.get("status") or {}
    return experiment["metadata"]["uid"], status.get("state"), (status.get("best") or {}).get("jobName")
