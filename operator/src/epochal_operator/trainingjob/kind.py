"""The description of the kind TrainingJob for the runtime."""

from collections.abc import Callable, Iterable
from functools import partial

from epochal_api.kind import GROUP
from epochal_api.trainingjob.spec import MAX_SPEC_BYTES, MAX_SPEC_DEPTH
from epochal_api.trainingjob.status import CONDITIONS

from epochal_operator.checker.verdict import Checker
from epochal_operator.pods.installation import Installation
from epochal_operator.runtime.api.bounded_reader import Bounds
from epochal_operator.runtime.api.resource import Key, Object, key_of
from epochal_operator.runtime.kind import Kind
from epochal_operator.runtime.store import Change, Store
from epochal_operator.trainingjob import cache_transform
from epochal_operator.trainingjob.metrics import METRICS
from epochal_operator.trainingjob.reconcile import Reconciler
from epochal_operator.trainingjob.resources import CONTINUING_JOBS, JOB, OWNED_PODS, TRAINING_JOBS

BOUNDS = Bounds(MAX_SPEC_BYTES, MAX_SPEC_DEPTH, frozenset(CONDITIONS), (f"{GROUP}/",))


def training_jobs(
    installation: Callable[[], Installation],
    *,
    instance: str,
    metric_labels: tuple[str, ...] = (),
    checker: Checker | None = None,
) -> Kind:
    """Return the description of the kind TrainingJob.

    Args:
        installation: Returns the defaults for fields that a spec omits.
        instance: Name of this process's pod, for Events.
        metric_labels: Labels of TrainingJobs that become labels of their Prometheus metrics.
        checker: Checks whether Keras accepts a network; None in an installation without a checker.
    """
    return Kind(
        resource=TRAINING_JOBS,
        reconciler=lambda context: Reconciler(context, installation, checker=checker, instance=instance),
        collect=partial(METRICS.collect, labels=metric_labels),
        owns=(JOB, OWNED_PODS),
        indexes=(CONTINUING_JOBS,),
        watches={TRAINING_JOBS: continuing_jobs},
        cache_transforms={TRAINING_JOBS: partial(cache_transform.training_job, labels=metric_labels)},
        bounds=BOUNDS,
    )


def continuing_jobs(change: Change, store: Store) -> Iterable[Key]:
    """Return the keys of the TrainingJobs that continue from a TrainingJob with a changed state or results."""
    if _fields_for_followers(change.before) == _fields_for_followers(change.after):
        return ()
    return store.find(CONTINUING_JOBS, key_of(change.after or change.before or {}))


def _fields_for_followers(document: Object | None) -> object:
    if document is None:
        return None
    status = document.get("status") or {}
    return status.get("state"), status.get("results"), CONTINUING_JOBS.key(document)
