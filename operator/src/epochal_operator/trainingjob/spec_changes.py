"""What a change of the spec does to a Job: it gives way to another one until a container has run, and then goes on."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from epochal_api.kind import Metadata
from epochal_api.status import Status
from epochal_api.trainingjob import TrainingJob

from epochal_operator.trainingjob.actions import Action, delete, patch
from epochal_operator.trainingjob.children import Observed, first_run, has_begun, is_going
from epochal_operator.trainingjob.conditions import is_spec_ignored
from epochal_operator.trainingjob.failures import ending
from epochal_operator.trainingjob.job import is_as_written, outdated, starter
from epochal_operator.trainingjob.pod_template import Installation
from epochal_operator.trainingjob.pods import alive, lacks_image
from epochal_operator.trainingjob.reasons import Reason, StatusCause
from epochal_operator.trainingjob.status import is_refused


def without_its_spec(before: Status, observed: Observed) -> Observed:
    """Returns what is seen, with what is in the way of another Job where the spec is not the one that was trained.

    That one went along with the Job alone: by another one the checkpoints would be trained on as nobody meant it.

    Args:
        before: Its status so far.
        observed: Its children.
    """
    if observed.child is not None or observed.blocked or not is_spec_ignored(before):
        return observed
    return replace(observed, blocked=StatusCause(Reason.SPEC_LOST, _SPEC_LOST))


_SPEC_LOST = (
    "Its Job is gone, and with it the spec that it was trained by, which was changed too late (condition SpecApplied). "
    "Create a new TrainingJob, whose spec.training.continueFrom.uri is status.results.uri of this one."
)


def started(before: Status, observed: Observed) -> bool:
    """Returns whether a container of a TrainingJob has run, be it while nobody was there to say so.

    Args:
        before: Its status so far.
        observed: Its children.
    """
    return before.start_time is not None or before.progress is not None or first_run(before, observed) is not None


def is_overtaken(metadata: Metadata, before: Status) -> bool:
    """Returns whether the spec of a TrainingJob that has begun was changed too late, where it breaks the rules.

    Such a spec compares to nothing. But none is changed any more once a status has said that a container has run, so a
    change that comes to light with that is one that came too late, unless it was taken for good before: then the rules
    are other ones now, as another version has.

    Args:
        metadata: Its metadata.
        before: Its status so far.
    """
    if before.start_time is not None or metadata.generation <= 1:
        return False
    return before.observed_generation != metadata.generation or is_refused(before)


def compared(job: TrainingJob, observed: Observed, installation: Installation) -> Observed:
    """Returns what is seen, with how the Job compares to the spec as it is now.

    Args:
        job: The TrainingJob with its status so far.
        observed: Its children.
        installation: What fills in where the spec says nothing.
    """
    child, before = observed.child, job.status or Status()
    if child is None:
        return observed
    overtaken = started(before, observed) and is_as_written(job, child) is False
    ended = ending(child, observed.pods) is not None
    replacing = not ended and not is_going(child) and is_to_be_replaced(job, observed, installation)
    return replace(observed, overtaken=overtaken, replacing=replacing)


def is_to_be_replaced(job: TrainingJob, observed: Observed, installation: Installation) -> bool:
    """Returns whether a Job is of another spec than the TrainingJob has now, and has not run a container yet.

    For what has changed in the installation alone none gives up its place in the scheduler's queue, unless that is of
    no use: its image may be what was mended.

    Args:
        job: The TrainingJob with its status so far.
        observed: Its children.
        installation: What fills in where the spec says nothing.
    """
    child = observed.child
    if child is None or started(job.status or Status(), observed) or not outdated(job, child, installation):
        return False
    return not has_begun(observed) or is_as_written(job, child) is not True or not _may_start(child, observed)


def _may_start(child: Mapping[str, Any], observed: Observed) -> bool:
    """Returns whether a container of a Job may start as things are, as far as its image and its suspension tell."""
    living = [pod for pod in observed.pods if alive(pod)]
    if not living:
        return starter(child) is not None or not child["spec"].get("suspend")
    return not any(map(lacks_image, living))


def replacement_step(child: Mapping[str, Any], observed: Observed) -> Action | None:
    """Returns the next step to be rid of a Job of which no container has run yet, or None while it takes its time.

    A container may start at this very moment. So the Job is suspended first, which ends its pods, and whether one of
    them has run is known for sure once they have ended. One that somebody else starts is deleted as it is.

    Args:
        child: The Job.
        observed: Its children.
    """
    if is_going(child):
        return None
    if starter(child) is None:
        if not child["spec"].get("suspend"):
            return patch(child, {"suspend": True})
        if any(map(alive, observed.pods)):
            return None
    return delete(child, _OUTDATED)


_OUTDATED = "was built from an earlier spec, and had not run a container"
