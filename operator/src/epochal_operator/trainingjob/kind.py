"""The kind TrainingJob, as the runtime is told of it."""

from collections.abc import Callable, Iterable
from functools import partial

from epochal_api.kind import GROUP
from epochal_api.status import CONDITIONS
from epochal_api.trainingjob import MAX_SPEC_BYTES, MAX_SPEC_DEPTH

from epochal_operator.runtime.kind import Kind
from epochal_operator.runtime.reader import Bounds
from epochal_operator.runtime.resource import PODS, Key, Object, key_of
from epochal_operator.runtime.store import Change, Store, Trim
from epochal_operator.trainingjob import trim
from epochal_operator.trainingjob.metrics import collect
from epochal_operator.trainingjob.owned import CHILDREN, Child
from epochal_operator.trainingjob.pod_template import Installation
from epochal_operator.trainingjob.reconcile import Reconciler
from epochal_operator.trainingjob.resources import FOLLOWERS, OWNED_PODS, TRAINING_JOBS, owned

BOUNDS = Bounds(MAX_SPEC_BYTES, MAX_SPEC_DEPTH, frozenset(CONDITIONS), (f"{GROUP}/",))
"""What is read of a TrainingJob."""


def training_jobs(
    installation: Callable[[], Installation],
    *,
    instance: str,
    children: tuple[Child, ...] = CHILDREN,
    metric_labels: tuple[str, ...] = (),
) -> Kind:
    """Returns the description of TrainingJobs.

    Args:
        installation: Returns what fills in where a spec says nothing.
        instance: Name of this process, for Events.
        children: The table of their children.
        metric_labels: Labels that their series have, too.
    """
    keep: Trim = partial(trim.training_job, labels=metric_labels)
    return Kind(
        resource=TRAINING_JOBS,
        reconciler=lambda term: Reconciler(term, installation, instance=instance, children=children),
        collect=partial(collect, labels=metric_labels),
        owns=(*map(owned, children), OWNED_PODS),
        references=(FOLLOWERS,),
        woken_by={TRAINING_JOBS: followers},
        keeps={TRAINING_JOBS: keep, PODS: trim.pod} | {one.resource: one.keep for one in children},
        bounds=BOUNDS,
    )


def followers(change: Change, store: Store) -> Iterable[Key]:
    """Returns the keys of the TrainingJobs that wait for another one, if what they wait for has changed."""
    if _awaited(change.before) == _awaited(change.after):
        return ()
    return store.find(FOLLOWERS, key_of(change.after or change.before or {}))


def _awaited(document: Object | None) -> object:
    """Returns what matters of a TrainingJob to those that go on from it."""
    if document is None:
        return None
    status = document.get("status") or {}
    return status.get("state"), status.get("results"), FOLLOWERS.key(document)
