"""The phase of an Experiment: its state, and the cause for its conditions."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from epochal_api.condition import timestamp
from epochal_api.experiment.spec import ExperimentSpec
from epochal_api.experiment.status import ExperimentState, ExperimentStatus
from epochal_api.kind import Metadata

from epochal_operator.experiment.failures import failure_causes
from epochal_operator.experiment.observed import Observed
from epochal_operator.experiment.reasons import Reason, StatusCause
from epochal_operator.experiment.schedule.next_trials import FAILURE_REASONS, end_reason, stop_reason
from epochal_operator.experiment.schedule.pruning import promotions
from epochal_operator.experiment.state import FINISHED_STATES, Phase, was_finished
from epochal_operator.experiment.trial import has_value, max_trials
from epochal_operator.experiment.trial_state import is_idle, is_refused, is_training
from epochal_operator.runtime.api.resource import Object
from epochal_operator.runtime.conditions import condition_of, get_condition
from epochal_operator.runtime.reasons import reason_of

_FAILED = frozenset({*FAILURE_REASONS, Reason.DEADLINE_EXCEEDED})


def derive_phase(metadata: Metadata, spec: ExperimentSpec, before: ExperimentStatus, observed: Observed) -> Phase:
    """Return the phase of an Experiment with a valid spec."""
    end_cause = _end_cause(spec, observed)
    start = _start_time(spec, before, observed, is_finished=end_cause is not None)
    if cause := end_cause or deadline_cause(spec.active_deadline_seconds, start, observed.now):
        cause = _previous_end(metadata, before, cause)
        return Phase("Failed" if cause.reason in _FAILED else "Complete", cause, start)
    jobs = [job for trial in observed.running if (job := observed.job(trial)) is not None]
    if spec.suspend:
        if observed.busy_unexpected_jobs or not all(map(is_idle, jobs)):
            suspending = StatusCause(Reason.SUSPENDING, "The trials are stopping, because spec.suspend is true.")
            return Phase("Running", observed.delay_cause or suspending, start)
        return Phase("Suspended", StatusCause(Reason.SUSPENDED, "spec.suspend is true."), start)
    has_trained = any(trial.rungs for trial in observed.trials) or any(map(is_training, jobs))
    state: ExperimentState = "Running" if has_trained else "Queued"
    return Phase(state, _blocking_cause(observed, jobs) or _progress(spec, observed, state), start)


def _start_time(spec: ExperimentSpec, before: ExperimentStatus, observed: Observed, *, is_finished: bool) -> str | None:
    """Return the start time of an Experiment; None while it is suspended or has no trials.

    As for a Job, a resumed Experiment gets a new start time. An Experiment that continues after its end also gets a new
    start time, except after DeadlineExceeded: then it continues only if spec.activeDeadlineSeconds is raised.
    """
    if spec.suspend and not is_finished:
        return None
    failed = get_condition(before.conditions, "Failed")
    was_late = failed is not None and failed.reason == Reason.DEADLINE_EXCEEDED
    continues = was_finished(before) and not is_finished and not was_late
    if before.start_time is not None and not continues:
        return before.start_time
    return timestamp(observed.now) if observed.trials else None


def deadline(seconds: int | None, start: str | None) -> datetime | None:
    """Return the deadline of an Experiment; None without a start time or without spec.activeDeadlineSeconds."""
    if start is None or seconds is None:
        return None
    return datetime.fromisoformat(start) + timedelta(seconds=seconds)


def seconds_until_deadline(
    seconds: int | None, state: ExperimentState | None, start: str | None, now: datetime
) -> float | None:
    """Return the seconds until the deadline of an Experiment, or None if it has ended or has no deadline."""
    due = None if state in FINISHED_STATES else deadline(seconds, start)
    return (due - now).total_seconds() if due else None


def deadline_cause(seconds: int | None, start: str | None, now: datetime) -> StatusCause | None:
    """Return the cause DeadlineExceeded if an Experiment exceeded its deadline, or None."""
    due = deadline(seconds, start)
    if due is None or now < due:
        return None
    message = f"The Experiment exceeded spec.activeDeadlineSeconds: {seconds}. Raise this field to continue."
    return StatusCause(Reason.DEADLINE_EXCEEDED, message)


def _end_cause(spec: ExperimentSpec, observed: Observed) -> StatusCause | None:
    """Return the cause for which an Experiment has ended, except its deadline, or None while it continues."""
    trials = observed.trials
    ledger = observed.ledger
    if end := end_reason(spec, trials, exhausted=ledger.is_exhausted, unstarted_trials=observed.unstarted_trials):
        if end == "NoTrialSucceeded":
            return _no_trial_succeeded(spec, observed)
        return StatusCause(Reason(end), _MESSAGES[Reason(end)].format(**_message_values(spec, observed)))
    if not observed.trial_capacity and not observed.running:
        waiting = promotions(trials, spec, closed=True)
        if waiting and observed.rung_capacity:
            return None
        return _ledger_full(observed, len(waiting)) if has_value(trials) else _no_trial_succeeded(spec, observed)
    return None


def _previous_end(metadata: Metadata, before: ExperimentStatus, cause: StatusCause) -> StatusCause:
    """Return the cause of the end in the previous status if it already shows this end, else the new cause.

    The messages of failed trials are lost when their TrainingJobs are deleted after the end. An earlier version set
    Complete instead of NoTrialSucceeded: a newer version with other rules does not change an ended Experiment.
    """
    for condition in before.conditions or []:
        if condition.status != "True" or condition.observed_generation != metadata.generation:
            continue
        was_complete = condition.type == "Complete" and cause.reason == Reason.NO_TRIAL_SUCCEEDED
        if was_complete or (condition.type in FINISHED_STATES and condition.reason == cause.reason):
            return StatusCause(reason_of(Reason, condition.reason), condition.message)
    return cause


def _no_trial_succeeded(spec: ExperimentSpec, observed: Observed) -> StatusCause:
    """Return the cause NoTrialSucceeded, with the causes of failed and diverged trials."""
    states = [trial.state for trial in observed.trials]
    message = (
        f"No trial has a value of {spec.objective.metric}: of {len(states)} trials, {states.count('Failed')} failed "
        f"and {states.count('Diverged')} diverged."
    )
    if not (causes := failure_causes(spec, observed)):
        return StatusCause(Reason.NO_TRIAL_SUCCEEDED, f"{message} The search ended before a trial finished a rung.")
    return StatusCause(Reason.NO_TRIAL_SUCCEEDED, f"{message} Correct the cause in a new Experiment. {causes}")


def _ledger_full(observed: Observed, waiting: int = 0) -> StatusCause:
    """Return the cause LedgerFull, with the number of trials that cannot be promoted for lack of space."""
    message = _MESSAGES[Reason.LEDGER_FULL].format(count=len(observed.trials))
    unpromoted = f" The ledger has no space to promote {waiting} of them." if waiting else ""
    return StatusCause(Reason.LEDGER_FULL, f"{message}{unpromoted}")


_MESSAGES: Mapping[Reason, str] = {
    Reason.COMPLETED: "All {count} trials have finished.",
    Reason.TARGET_REACHED: "A trial has reached spec.objective.target: {target}.",
    Reason.FINISHED_EARLY: "The search ended after {count} trials, because spec.finish is true.",
    Reason.SEARCH_EXHAUSTED: "All combinations of spec.parameters were tried: {count} trials.",
    Reason.LEDGER_FULL: (
        "The ExperimentLedger is full after {count} trials. No new trials are created; existing trials continue as "
        "spec.schedule defines. For more trials, create a new Experiment with spec.warmStartFrom."
    ),
    Reason.TOO_MANY_FAILED_TRIALS: (
        "{failed} trials have failed, more than spec.maxFailedTrials: {limit}. Fix the cause, then raise "
        "spec.maxFailedTrials to continue. {causes}"
    ),
    Reason.ALL_TRIALS_DIVERGED: (
        "All {diverged} finished trials have diverged (loss is NaN or infinite), more than spec.maxFailedTrials: "
        "{limit}. Search lower learning rates, or raise spec.maxFailedTrials."
    ),
}


def _message_values(spec: ExperimentSpec, observed: Observed) -> dict[str, object]:
    states = [trial.state for trial in observed.trials]
    return {
        "count": len(states),
        "target": spec.objective.target,
        "failed": states.count("Failed"),
        "diverged": states.count("Diverged"),
        "limit": spec.max_failed_trials,
        "causes": failure_causes(spec, observed),
    }


def _blocking_cause(observed: Observed, jobs: list[Object]) -> StatusCause | None:
    """Return the first cause for which trials cannot start or train, or None.

    A cause that blocks all new TrainingJobs comes first, then a blocked rung, then a TrainingJob with a refused spec,
    then the cause for which none of the existing TrainingJobs is Ready.
    """
    if cause := observed.blocker or observed.delay_cause:
        return cause
    if observed.blocked:
        return observed.blocked[min(observed.blocked)]
    if refused := next(filter(is_refused, jobs), None):
        return StatusCause(Reason.TRIALS_NOT_READY, _refusal_message(refused))
    if jobs and all(condition_of(job, "Ready", "False") for job in jobs):
        name, ready = jobs[0]["metadata"]["name"], condition_of(jobs[0], "Ready", "False") or {}
        if ready.get("reason") not in _TRANSIENT_REASONS:
            stalled = all(condition_of(job, "Stalled") for job in jobs)
            reason = Reason.TRIALS_STALLED if stalled else Reason.TRIALS_NOT_READY
            return StatusCause(reason, f"{name}: {ready.get('reason')}: {ready.get('message', '')}")
    return None


def _refusal_message(job: Object) -> str:
    """Return the message about a trial whose existing TrainingJob has a spec that Epochal refuses."""
    name, failed = job["metadata"]["name"], condition_of(job, "Failed") or {}
    return (
        f"Epochal refuses the spec of the TrainingJob {name}. The trial waits for a version of Epochal that accepts "
        f"the spec. To create the TrainingJob again: kubectl delete trainingjob {name}. "
        f"{failed.get('reason')}: {failed.get('message', '')}"
    )


_TRANSIENT_REASONS = frozenset({"Creating", "Cleanup", "Failing"})
"""Reasons of a TrainingJob's condition Ready that last a short time only. They do not block the Experiment."""


def _progress(spec: ExperimentSpec, observed: Observed, state: ExperimentState) -> StatusCause:
    if stop_reason(spec, observed.trials):
        return StatusCause(Reason.FINISHING, "No new trials are created. Running trials finish their rung.")
    if not observed.trial_capacity and not observed.ledger.is_exhausted and len(observed.trials) < max_trials(spec):
        return _ledger_full(observed)
    # Until a trial has a value, the failures so far are probably those of all trials.
    causes = "" if has_value(observed.trials) else failure_causes(spec, observed)
    failures = f" No trial has a value of {spec.objective.metric} yet. {causes}" if causes else ""
    if state == "Queued":
        return StatusCause(Reason.QUEUED, f"The first trials are queued or will be created soon.{failures}")
    return StatusCause(Reason.RUNNING, f"The trials are training.{failures}")
