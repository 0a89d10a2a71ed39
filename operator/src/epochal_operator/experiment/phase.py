"""The phase of an Experiment: its state, and the cause for its conditions."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from epochal_api.condition import timestamp
from epochal_api.experiment.spec import ExperimentSpec
from epochal_api.experiment.status import ExperimentState, ExperimentStatus

from epochal_operator.experiment.observed import Observed
from epochal_operator.experiment.reasons import Reason, StatusCause
from epochal_operator.experiment.schedule.next_trials import end, stop
from epochal_operator.experiment.schedule.pruning import promotions
from epochal_operator.experiment.state import Phase, is_finished
from epochal_operator.experiment.trial import Trial, max_trials
from epochal_operator.experiment.trial_state import figures, is_idle, is_refused, is_trained
from epochal_operator.runtime.api.resource import Object
from epochal_operator.runtime.conditions import condition_of, get_condition

_FAILED = frozenset({Reason.TOO_MANY_FAILED_TRIALS, Reason.ALL_TRIALS_DIVERGED, Reason.DEADLINE_EXCEEDED})


def phase(spec: ExperimentSpec, before: ExperimentStatus, observed: Observed) -> Phase:
    """Return the phase of an Experiment with a valid spec.

    Args:
        spec: The spec of the Experiment.
        before: The previous status of the Experiment.
        observed: The observed state of the Experiment.
    """
    end_cause = _end(spec, observed)
    start = _start(spec, before, observed, is_over=end_cause is not None)
    if found := end_cause or lateness(spec.active_deadline_seconds, start, observed.now):
        return Phase("Failed" if found.reason in _FAILED else "Complete", found, start)
    jobs = [job for one in observed.running if (job := observed.job(one)) is not None]
    if spec.suspend:
        if observed.busy_strays or not all(map(is_idle, jobs)):
            stops = StatusCause(Reason.SUSPENDING, "Its trials stop, since spec.suspend is true.")
            return Phase("Running", observed.undone or stops, start)
        return Phase("Suspended", StatusCause(Reason.SUSPENDED, "spec.suspend is true."), start)
    begun = any(one.rungs for one in observed.trials) or any(map(is_trained, jobs))
    state: ExperimentState = "Running" if begun else "Queued"
    return Phase(state, _hindrance(observed, jobs) or _progress(spec, observed, state), start)


def _start(spec: ExperimentSpec, before: ExperimentStatus, observed: Observed, *, is_over: bool) -> str | None:
    """Return the start time of an Experiment.

    As for a Job, a resumed Experiment starts again. An Experiment that continues after its end also starts again.
    An Experiment that exceeded its deadline continues only if the deadline is raised.
    """
    if spec.suspend and not is_over:
        return None
    failed = get_condition(before.conditions, "Failed")
    was_late = failed is not None and failed.reason == Reason.DEADLINE_EXCEEDED
    continues = is_finished(before) and not is_over and not was_late
    if before.start_time is not None and not continues:
        return before.start_time
    return timestamp(observed.now) if observed.trials else None


def deadline(seconds: int | None, start: str | None) -> datetime | None:
    """Return the deadline of an Experiment, or None if it has no deadline.

    Args:
        seconds: The spec.activeDeadlineSeconds.
        start: The start time of the Experiment, RFC 3339.
    """
    if start is None or seconds is None:
        return None
    return datetime.fromisoformat(start) + timedelta(seconds=seconds)


def lateness(seconds: int | None, start: str | None, now: datetime) -> StatusCause | None:
    """Return the cause DeadlineExceeded if an Experiment exceeded its deadline, or None.

    Args:
        seconds: The spec.activeDeadlineSeconds.
        start: The start time of the Experiment, RFC 3339.
        now: The current time, with a time zone.
    """
    due = deadline(seconds, start)
    if due is None or now < due:
        return None
    message = f"It took longer than spec.activeDeadlineSeconds: {seconds}. Raised, it goes on."
    return StatusCause(Reason.DEADLINE_EXCEEDED, message)


def _end(spec: ExperimentSpec, observed: Observed) -> StatusCause | None:
    """Return the cause of the end of an Experiment without regard to its deadline, or None."""
    trials = observed.trials
    if found := end(spec, trials, exhausted=observed.ledger.exhausted, unstarted=observed.unstarted):
        return StatusCause(Reason(found), _MESSAGES[Reason(found)].format(**_words(spec, observed)))
    if not observed.fits and not observed.running:
        waiting = promotions(trials, spec, closed=True)
        return None if waiting and observed.climbs else _full(observed, len(waiting))
    return None


def _full(observed: Observed, waiting: int = 0) -> StatusCause:
    """Return the cause LedgerFull, with the number of trials that cannot be promoted for lack of space."""
    message = _MESSAGES[Reason.LEDGER_FULL].format(count=len(observed.trials))
    stay = f" {waiting} of them would be promoted, and there is no room for that either." if waiting else ""
    return StatusCause(Reason.LEDGER_FULL, f"{message}{stay}")


_MESSAGES: Mapping[Reason, str] = {
    Reason.COMPLETED: "All {count} trials are done.",
    Reason.TARGET_REACHED: "A trial has reached spec.objective.target: {target}.",
    Reason.FINISHED_EARLY: "It has finished after {count} trials, since spec.finish is true.",
    Reason.SEARCH_EXHAUSTED: "All combinations of spec.parameters are tried: {count} trials.",
    Reason.LEDGER_FULL: (
        "Its ExperimentLedger has no room for more than {count} trials: no new ones are made, "
        "and those that there are go on as spec.schedule has it. For more, create a new Experiment; with "
        "spec.warmStartFrom it learns from this one."
    ),
    Reason.TOO_MANY_FAILED_TRIALS: (
        "{failed} trials have failed, more than spec.maxFailedTrials: {most}. The last one, {last}, did for the reason "
        "{why}. Raised, it goes on."
    ),
    Reason.ALL_TRIALS_DIVERGED: (
        "The loss of all {diverged} trials that have ended is no number, and these are more than spec.maxFailedTrials: "
        "{most}. Search lower learning rates, or raise it."
    ),
}


def _words(spec: ExperimentSpec, observed: Observed) -> dict[str, object]:
    trials = observed.trials
    failed = [one for one in trials if one.state == "Failed"]
    return {
        "count": len(trials),
        "target": spec.objective.target,
        "failed": len(failed),
        "diverged": sum(one.state == "Diverged" for one in trials),
        "most": spec.max_failed_trials,
        "last": f"trial {failed[-1].number}" if failed else "",
        "why": _why(spec, failed[-1], observed) if failed else "",
    }


def _why(spec: ExperimentSpec, trial: Trial, observed: Observed) -> str:
    """Return the reason of a failed trial, with details if its metric is missing."""
    if trial.reason != Reason.METRIC_UNAVAILABLE:
        return trial.reason
    told = f"spec.objective.metric is {spec.objective.metric!r}, and it has told {figures(observed.job(trial))}"
    return f"{trial.reason} ({told})"


def _hindrance(observed: Observed, jobs: list[Object]) -> StatusCause | None:
    """Return the cause that blocks new trials or all existing trials, or None."""
    if found := observed.hindered or observed.undone:
        return found
    if observed.blocked:
        return observed.blocked[min(observed.blocked)]
    if refused := next(filter(is_refused, jobs), None):
        return StatusCause(Reason.TRIALS_NOT_READY, _refusal(refused))
    if jobs and all(condition_of(job, "Ready", "False") for job in jobs):
        name, why = jobs[0]["metadata"]["name"], condition_of(jobs[0], "Ready", "False") or {}
        if why.get("reason") not in _PASSES:
            stalled = all(condition_of(job, "Stalled") for job in jobs)
            reason = Reason.TRIALS_STALLED if stalled else Reason.TRIALS_NOT_READY
            return StatusCause(reason, f"{name}: {why.get('reason')}: {why.get('message', '')}")
    return None


def _refusal(job: Object) -> str:
    """Return the message about a trial with a refused TrainingJob."""
    name, failed = job["metadata"]["name"], condition_of(job, "Failed") or {}
    return (
        f"Epochal refuses the spec of the TrainingJob {name}, and its trial waits until a version of Epochal accepts "
        f"it. To have the trial made again: kubectl delete trainingjob {name}. "
        f"{failed.get('reason')}: {failed.get('message', '')}"
    )


_PASSES = frozenset({"Creating", "Cleanup", "Failing"})
"""Reasons of a TrainingJob that is not ready for a moment: every TrainingJob passes through them."""


def _progress(spec: ExperimentSpec, observed: Observed, state: ExperimentState) -> StatusCause:
    if stop(spec, observed.trials):
        return StatusCause(Reason.FINISHING, "It makes no new trials. What is trained now ends its rung.")
    if not observed.fits and not observed.ledger.exhausted and len(observed.trials) < max_trials(spec):
        return _full(observed)
    if state == "Queued":
        return StatusCause(Reason.QUEUED, "Its first trials wait, or are about to be made.")
    return StatusCause(Reason.RUNNING, "Its trials are trained.")
