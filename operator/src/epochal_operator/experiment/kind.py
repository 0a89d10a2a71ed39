"""The registration of the kind Experiment with the runtime."""

from collections.abc import Callable, Iterable
from functools import partial

from epochal_api.experiment.status import EXPERIMENT_CONDITIONS
from epochal_api.kind import GROUP
from epochal_api.trainingjob.spec import MAX_SPEC_BYTES, MAX_SPEC_DEPTH

from epochal_operator.experiment import cache_transform
from epochal_operator.experiment.metrics import METRICS
from epochal_operator.experiment.reconcile import Reconciler
from epochal_operator.experiment.report.job import report_job
from epochal_operator.experiment.resources import EXPERIMENTS, TRIALS
from epochal_operator.experiment.trial_job import EXPERIMENT_LABEL
from epochal_operator.pods.installation import Installation
from epochal_operator.runtime.api.bounded_reader import Bounds
from epochal_operator.runtime.api.resource import JOBS, Key, Object
from epochal_operator.runtime.kind import Kind
from epochal_operator.runtime.owners import Owned
from epochal_operator.runtime.store import Change, Store
from epochal_operator.trainingjob.interface import TRAINING_JOBS

BOUNDS = Bounds(MAX_SPEC_BYTES, MAX_SPEC_DEPTH, frozenset(EXPERIMENT_CONDITIONS), (f"{GROUP}/",))
"""The limits within which an Experiment is read."""
REPORT_JOB = Owned(JOBS, EXPERIMENT_LABEL, cache_transform.report_job, report_job, is_optional=True)
"""The Job that writes the report. Its permissions in the chart: rbac.yaml and operatorpolicy.yaml."""
BATCH_SECONDS = 0.25
"""Seconds for which changes are collected. A hundred running trials send twelve updates a second, and a free slot may
wait this long.
"""


def experiments(
    installation: Callable[[], Installation],
    *,
    instance: str,
    metric_labels: tuple[str, ...] = (),
) -> Kind:
    """Return the Kind of Experiments.

    Args:
        installation: Returns the settings with which Epochal was installed.
        instance: Name of this process, for Events.
        metric_labels: Labels of Experiments that become labels of their metrics.
    """
    return Kind(
        resource=EXPERIMENTS,
        reconciler=lambda term: Reconciler(term, installation, instance=instance),
        collect=partial(METRICS.collect, labels=metric_labels),
        owns=(REPORT_JOB,),
        references=(TRIALS,),
        woken_by={TRAINING_JOBS: experiments_of},
        cached={
            EXPERIMENTS: partial(cache_transform.experiment, labels=metric_labels),
            TRAINING_JOBS: cache_transform.trial,
        },
        bounds=BOUNDS,
        batch_seconds=BATCH_SECONDS,
    )


def experiments_of(change: Change, store: Store) -> Iterable[Key]:  # noqa: ARG001 - as all that wakes
    """Return the keys of the Experiments that a change of a TrainingJob concerns.

    A finished epoch does not matter: otherwise each of a thousand trials would enqueue its Experiment each time.
    """
    if _matters(change.before) == _matters(change.after):
        return ()
    things = [thing for thing in (change.before, change.after) if thing is not None]
    return {key for thing in things if (key := TRIALS.key(thing)) is not None}


def _matters(job: Object | None) -> object:
    """Return the fields of a TrainingJob that concern the Experiment of its trial."""
    if job is None:
        return None
    status, metadata = job.get("status") or {}, job["metadata"]
    conditions = [(one.get("type"), one.get("status"), one.get("reason")) for one in status.get("conditions") or []]
    state = (status.get("state"), conditions, status.get("startTime"), status.get("completionTime"))
    return metadata["uid"], metadata.get("deletionTimestamp"), TRIALS.key(job), job["spec"].get("suspend"), state
