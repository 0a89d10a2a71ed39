"""Changes of the spec: a Job is replaced until a container has run, and continues unchanged afterwards."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from epochal_api.kind import Metadata
from epochal_api.trainingjob.spec import TrainingJob
from epochal_api.trainingjob.status import Status

from epochal_operator.pods.diagnosis import alive
from epochal_operator.pods.installation import Installation
from epochal_operator.runtime.actions import DeleteChild, PatchChild
from epochal_operator.runtime.api.resource import JOBS
from epochal_operator.trainingjob.job.batch_job import is_as_written, outdated, starter
from epochal_operator.trainingjob.job.observed import Observed, first_run, has_begun, is_going
from epochal_operator.trainingjob.pod.failures import ending
from epochal_operator.trainingjob.pod.state import lacks_image
from epochal_operator.trainingjob.reasons import Reason, StatusCause
from epochal_operator.trainingjob.status.predicates import is_refused, is_spec_ignored


def without_its_spec(before: Status, observed: Observed) -> Observed:
    """Return the observed state, blocked if the Job with the trained spec no longer exists.

    Only the Job contained the trained spec. With the changed spec, a new Job would continue from checkpoints of another
    training.

    Args:
        before: The previous status.
        observed: The observed children.
    """
    if observed.child is not None or observed.blocked or not is_spec_ignored(before):
        return observed
    return replace(observed, blocked=StatusCause(Reason.SPEC_LOST, _SPEC_LOST))


_SPEC_LOST = (
    "Its Job is gone, and with it the spec that it was trained by, which was changed too late (condition SpecApplied). "
    "Create a new TrainingJob, whose spec.training.continueFrom.uri is status.results.uri of this one."
)


def started(before: Status, observed: Observed) -> bool:
    """Return whether a container of a TrainingJob has run, even while no operator was running.

    Args:
        before: The previous status.
        observed: The observed children.
    """
    return before.start_time is not None or before.progress is not None or first_run(before, observed) is not None


def is_overtaken(metadata: Metadata, before: Status) -> bool:
    """Return whether the spec of a started TrainingJob was changed too late, for a spec that is now invalid.

    An invalid spec has no digest to compare. Once a status shows that a container has run, no change is applied. So a
    new generation that is first seen together with the start came too late. If the previous status had accepted this
    generation, the rules have changed instead, as in another version.

    Args:
        metadata: Metadata of the TrainingJob.
        before: The previous status.
    """
    if before.start_time is not None or metadata.generation <= 1:
        return False
    return before.observed_generation != metadata.generation or is_refused(before)


def compared(job: TrainingJob, observed: Observed, installation: Installation) -> Observed:
    """Return the observed state with the comparison of the Job to the current spec.

    Args:
        job: The TrainingJob with its previous status.
        observed: The observed children.
        installation: Defaults for fields that the spec omits.
    """
    child, before = observed.child, job.status or Status()
    if child is None:
        return observed
    overtaken = started(before, observed) and not is_as_written(job, child)
    ended = ending(child, observed.pods) is not None
    replacing = not ended and not is_going(child) and is_to_be_replaced(job, observed, installation)
    return replace(observed, overtaken=overtaken, replacing=replacing)


def is_to_be_replaced(job: TrainingJob, observed: Observed, installation: Installation) -> bool:
    """Return whether a Job of another spec must be replaced, because it has not yet run a container.

    A Job that differs only by the installation's defaults keeps its place in the scheduler's queue, unless it cannot
    start: the new default may be a corrected image.

    Args:
        job: The TrainingJob with its previous status.
        observed: The observed children.
        installation: Defaults for fields that the spec omits.
    """
    child = observed.child
    if child is None or started(job.status or Status(), observed) or not outdated(job, child, installation):
        return False
    return not has_begun(observed) or not is_as_written(job, child) or not _may_start(child, observed)


def _may_start(child: Mapping[str, Any], observed: Observed) -> bool:
    """Return whether a container of a Job may start, as far as its image and its suspension allow."""
    living = [pod for pod in observed.pods if alive(pod)]
    if not living:
        return starter(child) is not None or not child["spec"].get("suspend")
    return not any(map(lacks_image, living))


def replacement_step(child: Mapping[str, Any], observed: Observed) -> PatchChild | DeleteChild | None:
    """Return the next action to remove a Job that has not run a container, or None while its pods end.

    A container may start at any moment. So the Job is first suspended, which ends its pods. After their end it is
    certain whether one has run. A Job that another controller starts is deleted at once.

    Args:
        child: The Job.
        observed: The observed children.
    """
    if is_going(child):
        return None
    if starter(child) is None:
        if not child["spec"].get("suspend"):
            return patch_job(child, {"suspend": True})
        if any(map(alive, observed.pods)):
            return None
    return delete_job(child, _OUTDATED)


_OUTDATED = "was built from an earlier spec, and had not run a container"


def patch_job(child: Mapping[str, Any], spec: Mapping[str, Any]) -> PatchChild:
    """Return the action that changes fields of a Job's spec; None removes a field."""
    return PatchChild(JOBS, child, spec, required=spec)


def delete_job(child: Mapping[str, Any], why: str) -> DeleteChild:
    """Return the action that deletes a Job if it is unchanged. The Job stays until its pods are deleted."""
    return DeleteChild(JOBS, child, why, foreground=True)
