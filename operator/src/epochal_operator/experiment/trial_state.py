"""The state of a trial's TrainingJob, from its metadata, conditions and status."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from epochal_api.experiment.spec import Objective

from epochal_operator.runtime.api.resource import Object
from epochal_operator.runtime.conditions import condition_of
from epochal_operator.runtime.owners import controller_uid
from epochal_operator.trainingjob.interface import Reason as TrialReason

_TRIAL = re.compile(r"-(0|[1-9][0-9]{0,8})-r(0|[1-9][0-9]{0,3})")
MAX_FIGURES = 32
"""Maximum number of available metrics in a message about a missing metric."""
_TRAINED = frozenset({"Running", "Storing"})
PLACES = 4096
"""Maximum number of cached results of `place_of`."""
Jobs = Mapping[tuple[int, int], Object]
"""TrainingJobs by trial and rung."""


@lru_cache(maxsize=PLACES)
def place_of(name: str, experiment: str) -> tuple[int, int] | None:
    """Return the trial and the rung in the name of a TrainingJob, or None. Names never change, so results are cached.

    Args:
        name: The name of the TrainingJob.
        experiment: The name of the Experiment.
    """
    found = _TRIAL.fullmatch(name, len(experiment)) if name.startswith(experiment) else None
    return (int(found[1]), int(found[2])) if found else None


def jobs_of(things: Iterable[Object], metadata: Object) -> dict[tuple[int, int], Object]:
    """Return the TrainingJobs that an Experiment owns, by trial and rung.

    Args:
        things: TrainingJobs with the Experiment's name in a label. Any user can set this label.
        metadata: The metadata of the Experiment.
    """
    own = (one for one in things if controller_uid(one) == metadata["uid"])
    return {place: one for one in own if (place := place_of(one["metadata"]["name"], metadata["name"])) is not None}


def has_begun(job: Object) -> bool:
    """Return whether a container of a TrainingJob has run."""
    return bool((job.get("status") or {}).get("startTime"))


def is_refused(job: Object) -> bool:
    """Return whether a TrainingJob has the reason InvalidSpec and no container has run yet, so that it may still train.

    Another version of Epochal, or a corrected spec, ends this state.
    """
    failed = condition_of(job, "Failed")
    return failed is not None and failed.get("reason") == TrialReason.INVALID_SPEC and not has_begun(job)


def has_ended(job: Object) -> bool:
    """Return whether a TrainingJob is Complete or Failed, and never trains again."""
    is_failed = condition_of(job, "Failed") is not None and not is_refused(job)
    return is_failed or condition_of(job, "Complete") is not None


def must_change(job: Object, *, suspend: bool) -> bool:
    """Return whether the field `spec.suspend` of a trial's TrainingJob must change.

    Args:
        job: The TrainingJob.
        suspend: The value that the field must have.
    """
    going = job["metadata"].get("deletionTimestamp") is not None
    return not has_ended(job) and not going and job["spec"].get("suspend", False) is not suspend


def is_idle(job: Object) -> bool:
    """Return whether a TrainingJob trains nothing now: it is suspended, refused, or has ended."""
    return state_of(job) == "Suspended" or is_refused(job) or has_ended(job)


def figures(job: Object | None) -> str:
    """Return the names of the metrics that a TrainingJob has reported, as text for a message.

    Args:
        job: The TrainingJob; None if it does not exist.
    """
    status = (job or {}).get("status") or {}
    best = (status.get("best") or {}).get("metric")
    names = sorted({*(status.get("metrics") or {}), *([best] if best else [])})
    return ", ".join(map(str, names[:MAX_FIGURES])) or "none"


def state_of(job: Object) -> str:
    """Return the state of a trial's TrainingJob, Queued if its status is empty."""
    return str((job.get("status") or {}).get("state", "Queued"))


def reports_best(objective: Objective, job: Object) -> bool:
    """Return whether a trainer has reported the best epoch by the objective's metric. Earlier images do not."""
    return ((job.get("status") or {}).get("best") or {}).get("metric") == objective.metric


def is_trained(job: Object | None) -> bool:
    """Return whether the TrainingJob of a trial is training now."""
    return job is not None and state_of(job) in _TRAINED
