"""Changes of the spec: a Job is replaced until a container has run, and continues unchanged afterwards."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from epochal_api.kind import Metadata
from epochal_api.trainingjob.spec import TrainingJob
from epochal_api.trainingjob.status import Status

from epochal_operator.pods.diagnosis import may_run
from epochal_operator.pods.installation import Installation
from epochal_operator.runtime.actions import DeleteChild, PatchChild
from epochal_operator.runtime.api.resource import JOBS
from epochal_operator.trainingjob.job.batch_job import is_outdated, matches_user_spec, starting_controller
from epochal_operator.trainingjob.job.observed import Observed, could_create_pods, first_run_time, is_terminating
from epochal_operator.trainingjob.pod.failures import job_end
from epochal_operator.trainingjob.pod.state import lacks_image
from epochal_operator.trainingjob.reasons import Reason, StatusCause
from epochal_operator.trainingjob.status.predicates import is_refused, is_spec_ignored


def block_if_spec_lost(before: Status, observed: Observed) -> Observed:
    """Return the observed state, blocked if the Job with the trained spec no longer exists.

    Only the Job contained the trained spec. With the changed spec, a new Job would continue from checkpoints of another
    training.
    """
    if observed.job is not None or observed.blocked or not is_spec_ignored(before):
        return observed
    return replace(observed, blocked=StatusCause(Reason.SPEC_LOST, _SPEC_LOST))


_SPEC_LOST = (
    "The Job with the trained spec no longer exists. The spec was changed too late to apply (condition SpecApplied). "
    "Create a new TrainingJob with spec.training.continueFrom.uri set to status.results.uri of this TrainingJob."
)


def has_trained(before: Status, observed: Observed) -> bool:
    """Return whether a container of a TrainingJob has run, even while no operator was running."""
    return before.start_time is not None or before.progress is not None or first_run_time(before, observed) is not None


def is_changed_too_late(metadata: Metadata, before: Status) -> bool:
    """Return whether an invalid spec was first seen only after a container ran, before the status recorded the start.

    An invalid spec has no digest to compare. Once a status shows that a container has run, no change is applied. So a
    new generation that is first seen together with the start came too late. If the previous status had accepted this
    generation, the rules have changed instead, as in another version.
    """
    if before.start_time is not None or metadata.generation <= 1:
        return False
    return before.observed_generation != metadata.generation or is_refused(before)


def compare_spec(training_job: TrainingJob, observed: Observed, installation: Installation) -> Observed:
    """Return the observed state with the comparison of the Job to the current spec."""
    job, before = observed.job, training_job.status or Status()
    if job is None:
        return observed
    spec_ignored = has_trained(before, observed) and not matches_user_spec(training_job, job)
    ended = job_end(job, observed.pods) is not None
    replaces_job = not ended and not is_terminating(job) and must_replace_job(training_job, observed, installation)
    return replace(observed, spec_ignored=spec_ignored, replaces_job=replaces_job)


def must_replace_job(training_job: TrainingJob, observed: Observed, installation: Installation) -> bool:
    """Return whether a Job of another spec must be replaced, because it has not yet run a container.

    A Job that differs only by the installation's defaults keeps its place in the scheduler's queue, unless it cannot
    start: the new default may be a corrected image.
    """
    job = observed.job
    if (
        job is None
        or has_trained(training_job.status or Status(), observed)
        or not is_outdated(training_job, job, installation)
    ):
        return False
    return not could_create_pods(observed) or not matches_user_spec(training_job, job) or not _may_start(job, observed)


def _may_start(job: Mapping[str, Any], observed: Observed) -> bool:
    live_pods = [pod for pod in observed.pods if may_run(pod)]
    if not live_pods:
        return starting_controller(job) is not None or not job["spec"].get("suspend")
    return not any(map(lacks_image, live_pods))


def removal_action(job: Mapping[str, Any], observed: Observed) -> PatchChild | DeleteChild | None:
    """Return the next action to remove a Job that has not run a container, or None while its pods end.

    A container may start at any moment. So the Job is first suspended, which ends its pods. After their end it is
    certain whether one has run. A Job that another controller starts is deleted at once.
    """
    if is_terminating(job):
        return None
    if starting_controller(job) is None:
        if not job["spec"].get("suspend"):
            return patch_job(job, {"suspend": True})
        if any(map(may_run, observed.pods)):
            return None
    return delete_job(job, "was built from an earlier spec, and had not run a container")


def patch_job(job: Mapping[str, Any], spec: Mapping[str, Any]) -> PatchChild:
    """Return the action that changes fields of a Job's spec; None removes a field."""
    return PatchChild(JOBS, job, spec, required=spec)


def delete_job(job: Mapping[str, Any], reason: str) -> DeleteChild:
    """Return the action that deletes a Job if it is unchanged. The Job stays until its pods are deleted."""
    return DeleteChild(JOBS, job, reason, foreground=True)
