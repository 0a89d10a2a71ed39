"""The state of a trial's TrainingJob, from its metadata, conditions and status."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from epochal_api.experiment.spec import Objective

from epochal_operator.runtime.api.resource import Object
from epochal_operator.runtime.conditions import condition_of
from epochal_operator.runtime.owners import controller_uid
from epochal_operator.trainingjob.interface import TRAINER_STARTS
from epochal_operator.trainingjob.interface import Reason as TrialReason

_TRIAL = re.compile(r"-(0|[1-9][0-9]{0,8})-r(0|[1-9][0-9]{0,3})")
MAX_METRIC_NAMES = 32
"""Maximum number of reported metrics in a message about a missing metric. Further metrics are left out."""
_TRAINING_STATES = frozenset({"Running", "Storing"})
MAX_CACHED_NAMES = 4096
"""Maximum number of cached results of `parse_trial_name`."""
Jobs = Mapping[tuple[int, int], Object]
"""TrainingJobs by trial and rung."""


@lru_cache(maxsize=MAX_CACHED_NAMES)
def parse_trial_name(name: str, experiment: str) -> tuple[int, int] | None:
    """Return the trial and the rung in the name of a TrainingJob, or None if the name has another form."""
    match = _TRIAL.fullmatch(name, len(experiment)) if name.startswith(experiment) else None
    return (int(match[1]), int(match[2])) if match else None


def jobs_by_rung(jobs: Iterable[Object], metadata: Object) -> dict[tuple[int, int], Object]:
    """Return the TrainingJobs that an Experiment owns, by trial and rung.

    Args:
        jobs: TrainingJobs with the Experiment's name in a label. Any user can set this label.
        metadata: The metadata of the Experiment.
    """
    own = (job for job in jobs if controller_uid(job) == metadata["uid"])
    keys = ((parse_trial_name(job["metadata"]["name"], metadata["name"]), job) for job in own)
    return {key: job for key, job in keys if key is not None}


def has_started(job: Object) -> bool:
    """Return whether a container of a TrainingJob has run."""
    return bool((job.get("status") or {}).get("startTime"))


def is_refused(job: Object) -> bool:
    """Return whether a TrainingJob has the reason InvalidSpec and no container has run yet, so that it may still train.

    Another version of Epochal, or a corrected spec, ends this state.
    """
    failed = condition_of(job, "Failed")
    return failed is not None and failed.get("reason") == TrialReason.INVALID_SPEC and not has_started(job)


def has_ended(job: Object) -> bool:
    """Return whether a TrainingJob is Complete or Failed, and never trains again."""
    # The search for Complete is first: most TrainingJobs of a long search have it.
    if condition_of(job, "Complete") is not None:
        return True
    return condition_of(job, "Failed") is not None and not is_refused(job)


def needs_suspend_change(job: Object, *, suspend: bool) -> bool:
    """Return whether `spec.suspend` of a TrainingJob must change: False if it has ended or is being deleted."""
    is_deleted = job["metadata"].get("deletionTimestamp") is not None
    return not has_ended(job) and not is_deleted and job["spec"].get("suspend", False) is not suspend


def is_idle(job: Object) -> bool:
    """Return whether a TrainingJob is suspended, refused, or has ended."""
    return state_of(job) == "Suspended" or is_refused(job) or has_ended(job)


def metric_names(job: Object | None) -> str:
    """Return the names of the metrics that a TrainingJob has reported, as text for a message."""
    status = (job or {}).get("status") or {}
    best = (status.get("best") or {}).get("metric")
    names = sorted({*(status.get("metrics") or {}), *([best] if best else [])})
    return ", ".join(map(str, names[:MAX_METRIC_NAMES])) or "none"


def state_of(job: Object) -> str:
    """Return the state of a trial's TrainingJob, Queued if its status is empty."""
    return str((job.get("status") or {}).get("state", "Queued"))


def reports_best_epoch(objective: Objective, job: Object) -> bool:
    """Return whether a trainer has reported the best epoch by the objective's metric. Earlier images do not."""
    return ((job.get("status") or {}).get("best") or {}).get("metric") == objective.metric


def is_training(job: Object | None) -> bool:
    """Return whether the trainer of a trial's TrainingJob runs now. It may still import Keras or load data."""
    if job is None or state_of(job) in _TRAINING_STATES:
        return job is not None
    ready = condition_of(job, "Ready")
    return state_of(job) == "Starting" and ready is not None and ready.get("reason") in TRAINER_STARTS
