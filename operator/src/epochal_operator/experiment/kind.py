"""The kind Experiment, as the runtime is told of it."""

from collections.abc import Callable, Iterable
from functools import partial

from epochal_api.experiment_status import EXPERIMENT_CONDITIONS
from epochal_api.kind import GROUP
from epochal_api.trainingjob import MAX_SPEC_BYTES, MAX_SPEC_DEPTH

from epochal_operator.experiment import trim
from epochal_operator.experiment.metrics import collect
from epochal_operator.experiment.reconcile import Reconciler
from epochal_operator.experiment.resources import EXPERIMENTS, REPORT_JOBS, TRIALS
from epochal_operator.runtime.kind import Kind
from epochal_operator.runtime.reader import Bounds
from epochal_operator.runtime.resource import JOBS, Key, Object
from epochal_operator.runtime.store import Change, Store, Trim
from epochal_operator.trainingjob.pod_template import Installation
from epochal_operator.trainingjob.resources import TRAINING_JOBS

BOUNDS = Bounds(MAX_SPEC_BYTES, MAX_SPEC_DEPTH, frozenset(EXPERIMENT_CONDITIONS), (f"{GROUP}/",))
"""What is read of an Experiment."""
BATCH_SECONDS = 0.25
"""Of a hundred trials that run, some tell something twelve times a second; a free slot may wait for this long."""


def experiments(
    installation: Callable[[], Installation],
    *,
    instance: str,
    metric_labels: tuple[str, ...] = (),
) -> Kind:
    """Returns the description of Experiments.

    Args:
        installation: Returns what fills in where a spec says nothing.
        instance: Name of this process, for Events.
        metric_labels: Labels that their series have, too.
    """
    keep: Trim = partial(trim.experiment, labels=metric_labels)
    return Kind(
        resource=EXPERIMENTS,
        reconciler=lambda term: Reconciler(term, installation, instance=instance),
        collect=partial(collect, labels=metric_labels),
        owns=(REPORT_JOBS,),
        references=(TRIALS,),
        woken_by={TRAINING_JOBS: experiments_of},
        keeps={EXPERIMENTS: keep, TRAINING_JOBS: trim.trial, JOBS: trim.report_job},
        bounds=BOUNDS,
        batch_seconds=BATCH_SECONDS,
    )


def experiments_of(change: Change, store: Store) -> Iterable[Key]:  # noqa: ARG001 - as all that wakes
    """Returns the keys of the Experiments whose trial a TrainingJob is, or was, if what matters of it has changed.

    An epoch more does not matter: of a thousand trials each would have all looked at again.
    """
    if _matters(change.before) == _matters(change.after):
        return ()
    things = [thing for thing in (change.before, change.after) if thing is not None]
    return {key for thing in things if (key := TRIALS.key(thing)) is not None}


def _matters(job: Object | None) -> object:
    """Returns what of a TrainingJob matters to the Experiment whose trial it is."""
    if job is None:
        return None
    status, metadata = job.get("status") or {}, job["metadata"]
    conditions = [(one.get("type"), one.get("status"), one.get("reason")) for one in status.get("conditions") or []]
    state = (status.get("state"), conditions, status.get("startTime"), status.get("completionTime"))
    return metadata["uid"], metadata.get("deletionTimestamp"), TRIALS.key(job), job["spec"].get("suspend"), state
