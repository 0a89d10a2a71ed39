"""The registration of the kind Experiment with the runtime."""

from collections.abc import Callable, Iterable
from functools import partial

from epochal_api.experiment.status import EXPERIMENT_CONDITIONS
from epochal_api.kind import GROUP
from epochal_api.trainingjob.spec import MAX_SPEC_BYTES, MAX_SPEC_DEPTH

from epochal_operator.checker.verdict import Checker
from epochal_operator.experiment import cache_transform
from epochal_operator.experiment.metrics import METRICS
from epochal_operator.experiment.reconcile import REPORT_JOBS, Reconciler
from epochal_operator.experiment.resources import EXPERIMENTS, TRIALS
from epochal_operator.pods.installation import Installation
from epochal_operator.runtime.api.bounded_reader import Bounds
from epochal_operator.runtime.api.resource import Key, Object
from epochal_operator.runtime.kind import Kind
from epochal_operator.runtime.store import Change, Store
from epochal_operator.trainingjob.interface import TRAINING_JOBS

BOUNDS = Bounds(MAX_SPEC_BYTES, MAX_SPEC_DEPTH, frozenset(EXPERIMENT_CONDITIONS), (f"{GROUP}/",))
"""The size limits of an Experiment that the operator reads from the API server."""
BATCH_SECONDS = 0.25
"""Seconds for which changes are collected before a reconcile: a hundred trials cause twelve updates a second."""


def experiments(
    installation: Callable[[], Installation],
    *,
    instance: str,
    metric_labels: tuple[str, ...] = (),
    checker: Checker | None = None,
) -> Kind:
    """Return the Kind of Experiments.

    Args:
        installation: Returns the settings with which Epochal was installed.
        instance: Name of this process, for Events.
        metric_labels: Labels of Experiments that become labels of their Prometheus metrics.
        checker: Checks whether Keras accepts a network; None in an installation without a checker.
    """
    return Kind(
        resource=EXPERIMENTS,
        reconciler=lambda context: Reconciler(context, installation, checker=checker, instance=instance),
        collect=partial(METRICS.collect, labels=metric_labels),
        owns=(REPORT_JOBS,),
        indexes=(TRIALS,),
        watches={TRAINING_JOBS: experiments_of},
        cache_transforms={
            EXPERIMENTS: partial(cache_transform.experiment, labels=metric_labels),
            TRAINING_JOBS: cache_transform.trial,
        },
        bounds=BOUNDS,
        batch_seconds=BATCH_SECONDS,
    )


def experiments_of(change: Change, store: Store) -> Iterable[Key]:  # noqa: ARG001 - the signature of `watches`
    """Return the keys of the Experiments to reconcile after a change of a TrainingJob in a watched field.

    `status.progress` is not watched, since a thousand trials would enqueue their Experiment after each epoch.
    """
    if _watched_fields(change.before) == _watched_fields(change.after):
        return ()
    jobs = [job for job in (change.before, change.after) if job is not None]
    return {key for job in jobs if (key := TRIALS.key(job)) is not None}


def _watched_fields(job: Object | None) -> object:
    """Return the fields of a TrainingJob that enqueue its Experiment when they change."""
    if job is None:
        return None
    status, metadata = job.get("status") or {}, job["metadata"]
    conditions = [
        tuple(map(condition.get, ("type", "status", "reason"))) for condition in status.get("conditions") or []
    ]
    state = (status.get("state"), conditions, status.get("startTime"), status.get("completionTime"))
    return metadata["uid"], metadata.get("deletionTimestamp"), TRIALS.key(job), job["spec"].get("suspend"), state
