"""Changes of the spec: a Job is replaced until a container has run, and continues unchanged afterwards."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from epochal_api.kind import Metadata
from epochal_api.trainingjob.spec import TrainingJob
from epochal_api.trainingjob.status import Status

from epochal_operator.pods.diagnosis import is_live
from epochal_operator.pods.installation import Installation
from epochal_operator.pods.pod_template import QUEUE_LABEL
from epochal_operator.runtime.actions import DeleteChild, PatchChild
from epochal_operator.runtime.api.resource import JOBS
from epochal_operator.trainingjob.job.batch_job import (
    changed_fields,
    differs_from_resolved_spec,
    matches_user_spec,
    starting_controller,
)
from epochal_operator.trainingjob.job.observed import Observed, could_create_pods, first_run_time, is_terminating
from epochal_operator.trainingjob.pod.failures import is_last_pod, job_end
from epochal_operator.trainingjob.pod.state import lacks_image
from epochal_operator.trainingjob.reasons import Reason, StatusCause
from epochal_operator.trainingjob.status.predicates import failed_before_start, is_spec_ignored


def block_if_spec_lost(before: Status, observed: Observed) -> Observed:
    """Return the observed state, blocked with SpecLost if the spec was changed too late and the Job no longer exists.

    Only the Job contained the earlier, trained spec. A new Job with the changed spec would continue from checkpoints of
    another training.
    """
    if observed.job is not None or observed.blocked or not is_spec_ignored(before):
        return observed
    message = (
        "The Job with the trained spec no longer exists. The spec was changed too late to apply (condition "
        f"SpecApplied). {lost_spec_remedy(before)}"
    )
    return replace(observed, blocked=StatusCause(Reason.SPEC_LOST, message))


def lost_spec_remedy(before: Status) -> str:
    """Return the advice for a TrainingJob whose Job with the trained spec is deleted."""
    if before.results is None:
        return "No results are stored. Delete the TrainingJob and apply it again."
    return "Create a new TrainingJob with spec.training.continueFrom.uri set to status.results.uri of this TrainingJob."


def has_run_container(before: Status, observed: Observed) -> bool:
    """Return whether a container of a TrainingJob has run, by its status, its reports or its Job's pods."""
    return before.start_time is not None or before.progress is not None or first_run_time(before, observed) is not None


def is_changed_too_late(metadata: Metadata, before: Status) -> bool:
    """Return whether the invalid spec of a Job that has run a container is a change that came too late.

    An invalid spec has no digest to compare with the Job. Once the status has a start time, no change is applied. So a
    new generation that the operator first sees together with the start came too late. If the previous status had
    accepted this generation, another version of Epochal has other rules.
    """
    if before.start_time is not None or metadata.generation <= 1:
        return False
    return before.observed_generation != metadata.generation or failed_before_start(before)


def compare_spec(training_job: TrainingJob, observed: Observed, installation: Installation) -> Observed:
    """Return the observed state with the results of a comparison of the Job with the spec.

    These are `spec_ignored`, `ignored_fields` and `replaces_job`.
    """
    job, before = observed.job, training_job.status or Status()
    if job is None:
        return observed
    spec_ignored = has_run_container(before, observed) and not matches_user_spec(training_job, job)
    ignored_fields = changed_fields(training_job, job) if spec_ignored else ()
    ended = job_end(job, observed.pods) is not None
    replaces_job = not ended and not is_terminating(job) and must_replace_job(training_job, observed, installation)
    return replace(observed, spec_ignored=spec_ignored, ignored_fields=ignored_fields, replaces_job=replaces_job)


def must_replace_job(training_job: TrainingJob, observed: Observed, installation: Installation) -> bool:
    """Return whether a Job must be replaced: it was built from another spec, and no container of the Job has run.

    A started Job that differs only by the installation's defaults is kept, so that its pod keeps its place in the
    scheduler's queue. If its pod cannot start, it is replaced: the new default may be a corrected image.
    """
    job = observed.job
    if (
        job is None
        or has_run_container(training_job.status or Status(), observed)
        or not differs_from_resolved_spec(training_job, job, installation)
    ):
        return False
    return not could_create_pods(observed) or not matches_user_spec(training_job, job) or not _may_start(job, observed)


def _may_start(job: Mapping[str, Any], observed: Observed) -> bool:
    live_pods = [pod for pod in observed.pods if is_live(pod)]
    if not live_pods:
        return starting_controller(job) is not None or not job["spec"].get("suspend")
    return not any(map(lacks_image, live_pods))


def removal_action(job: Mapping[str, Any], observed: Observed) -> PatchChild | DeleteChild | None:
    """Return the next action to remove a Job that has not run a container, or None while its pods end.

    A container may start at any moment. So the Job is first suspended, which ends its pods. After the end of the pods,
    it is certain whether a container has run. A Job that another controller starts, such as Kueue, is deleted at once.
    """
    if is_terminating(job):
        return None
    if starting_controller(job) is None:
        if not job["spec"].get("suspend"):
            return patch_job(job, {"suspend": True})
        if any(map(is_live, observed.pods)):
            return None
    return delete_job(job, "was built from an earlier spec, and had not run a container")


def must_leave_queue(before: Status, observed: Observed, job: Mapping[str, Any]) -> bool:
    """Return whether the Job of a suspended TrainingJob must be deleted, because a queue could start it again.

    The label of the Job decides, because a cluster may put a Job into a queue that its spec does not name. Two Jobs are
    kept and suspended: a Job whose training has ended, so that its results are reported, and the only Job with the
    trained spec, because the training could not continue without it.
    """
    if QUEUE_LABEL not in job["metadata"].get("labels", {}):
        return False
    return not (observed.spec_ignored or is_spec_ignored(before) or _has_trained(before, observed, job))


def _has_trained(before: Status, observed: Observed, job: Mapping[str, Any]) -> bool:
    """Return whether the training of a Job has ended, although the Job may not have its end condition yet."""
    is_done = before.progress is not None and before.progress.stage == "Done"
    succeeded = any(pod["status"].get("phase") == "Succeeded" for pod in observed.pods)
    return is_done or succeeded or is_last_pod(job, observed.pods)


def is_start_unrecorded(before: Status, observed: Observed) -> bool:
    """Return whether a container has run, but the status has no start time. Without the Job, no other record exists."""
    return before.start_time is None and has_run_container(before, observed)


def patch_job(job: Mapping[str, Any], spec: Mapping[str, Any]) -> PatchChild:
    """Return the action that changes fields of a Job's spec; None removes a field."""
    return PatchChild(JOBS, job, spec, required=spec)


def delete_job(job: Mapping[str, Any], reason: str) -> DeleteChild:
    """Return the action that deletes a Job, unless it has changed meanwhile. The pods are deleted before the Job."""
    return DeleteChild(JOBS, job, reason, foreground=True)
