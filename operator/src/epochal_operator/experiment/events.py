"""Builds the Events of an Experiment: changes of its status, and problems with a trial, the ledger or the report."""

from collections.abc import Iterator

from epochal_api.experiment.status import ExperimentStatus, RankedTrial

from epochal_operator.experiment.reasons import Reason, effect
from epochal_operator.experiment.state import FINISHED_STATES
from epochal_operator.experiment.trial import parse_finite
from epochal_operator.runtime.conditions import began_suspension, ended_suspension, get_condition
from epochal_operator.runtime.events import Event, make_event

MAX_PARAMETERS = 8
"""Maximum number of parameters in the message of an Event. Others are left out."""


def transition_events(
    metric: str, before: ExperimentStatus, after: ExperimentStatus, *, maximize: bool = True, suspend: bool = False
) -> list[Event]:
    """Return the Events for the transition of an Experiment from one status to the next. `suspend` is spec.suspend."""
    is_new_best = after.best is not None and _is_better(after.best, before.best, maximize=maximize)
    return list(_events(metric, before, after, is_new_best=is_new_best, suspend=suspend))


def trial_rejected(job_name: str, message: str, *, by: str = "The API server") -> Event:
    """Return the Event for a trial that fails because the API server or Epochal (`by`) refuses its TrainingJob."""
    return make_event(
        Reason.TRIAL_REJECTED, f"{by} refuses the TrainingJob {job_name}, so its trial fails: {message}", job_name
    )


def trial_not_made(job_name: str, message: str) -> Event:
    """Return the Event for a trial that fails because Epochal cannot build its TrainingJob."""
    return make_event(Reason.TRIAL_NOT_MADE, f"{message} The trial fails.", job_name)


def trial_failed(number: int, job_name: str, cause: str, max_failed_trials: int) -> Event:
    """Return the Event for the first failed trial of an Experiment, with the cause of the failure."""
    shared = (
        "This trial is the unchanged template, so other trials probably fail with the same cause."
        if number == 0
        else "Other trials may fail with the same cause."
    )
    limit = f"The Experiment fails if more than {max_failed_trials} trials fail (spec.maxFailedTrials)."
    note = f"The TrainingJob {job_name} failed. {shared} {limit} {cause}"
    return make_event(Reason.TRIAL_FAILED, note, job_name)


def metric_unavailable(metric: str, job_name: str, reported: str, every: int) -> Event:
    """Return the Event for a trial that fails because its TrainingJob reported no value of the objective's metric.

    Args:
        metric: The metric.
        job_name: The name of the TrainingJob.
        reported: The metrics that it has reported, as text.
        every: The template's `validationEveryEpochs`.
    """
    remedy = "with one of these metrics"
    if every > 1 and metric.startswith("val_"):
        remedy = f"with template.spec.training.validationEveryEpochs 1 instead of {every}, or {remedy}"
    note = (
        f"spec.objective.metric must be a metric that trials report, found {metric!r}: the trial fails, because "
        f"{job_name} has reported {reported}. Create a new Experiment {remedy}."
    )
    return make_event(Reason.METRIC_UNAVAILABLE, note, job_name)


def best_unavailable(metric: str, job_name: str) -> Event:
    """Return the Event for trials that are compared by their last epoch, because no best epoch was reported."""
    note = (
        f"spec.objective.strategy is Best, but {job_name} has reported no best {metric}. Trials are compared by their "
        "last epoch, as with strategy Last. Old trainer images report no best epoch: check spec.template.spec.image."
    )
    return make_event(Reason.BEST_UNAVAILABLE, note, metric)


def importance_unavailable(cause: str) -> Event:
    """Return the Event for parameter importances that the searcher cannot compute; the first failure is reported."""
    note = (
        "status.importance is not up to date, because the searcher cannot compute the importance of the parameters. "
        "The search continues. The operator computes the importances again for a new best trial, and at the end. "
        f"{cause}"
    )
    return make_event(Reason.IMPORTANCE_UNAVAILABLE, note, "importance")


def ledger_damaged(version: str) -> Event:
    """Return the Event for a ledger with damaged or too large data, which the operator rebuilds from TrainingJobs."""
    note = (
        "The data of the ExperimentLedger is damaged or exceeds the size limit. The operator rebuilds the data from "
        "the TrainingJobs. Only the operator may write ExperimentLedgers: check the RBAC rules."
    )
    return make_event(Reason.LEDGER_DAMAGED, note, version)


def report_failed(job_name: str, message: str, key: str) -> Event:
    """Return the Event for a report Job that has failed, or that cannot be created or deleted."""
    note = (
        f"The Job {job_name} has not written the report; the search continues. The operator retries with new results, "
        "and with a growing delay for a day after the end. To retry at once, delete the Job if it exists. "
        f"{message}"
    )
    return make_event(Reason.REPORT_FAILED, note, key)


def report_waiting(job_name: str, key: str) -> Event:
    """Return the Event for a report Job that waits for admission by a queue."""
    note = (
        f"The report is not written yet: the Job {job_name} is suspended until its queue admits it. The search "
        "continues. The queue needs free quota for the CPU and memory requests of the Job: see "
        "kubectl describe workloads."
    )
    return make_event(Reason.REPORT_WAITING, note, key)


def ledger_ignored(uid: str) -> Event:
    """Return the Event for a ledger that belongs to another Experiment or is empty."""
    note = (
        "The data of the ExperimentLedger is empty or belongs to another Experiment. The operator rebuilds the data "
        "from the TrainingJobs. Only the operator may write ExperimentLedgers: check the RBAC rules. To start from the "
        "trials of another Experiment, create a new Experiment with spec.warmStartFrom."
    )
    return make_event(Reason.LEDGER_IGNORED, note, uid)


def _events(
    metric: str, before: ExperimentStatus, after: ExperimentStatus, *, is_new_best: bool, suspend: bool
) -> Iterator[Event]:
    if after.best is not None and is_new_best:
        yield make_event(Reason.NEW_BEST, _best(metric, after.best), f"{after.best.trial}/{after.best.value}")
    generation = str(after.observed_generation)
    if (active_generation := began_suspension(before.conditions, after.conditions)) is not None:
        yield make_event(Reason.SUSPENDED, "The trials are suspended until spec.suspend is false.", active_generation)
    if (suspended_generation := ended_suspension(before.conditions, after.conditions, suspend=suspend)) is not None:
        yield make_event(Reason.RESUMED, "The Experiment is no longer suspended.", suspended_generation)
    ready, old_ready = get_condition(after.conditions, "Ready"), get_condition(before.conditions, "Ready")
    is_same = old_ready and ready and (old_ready.status, old_ready.reason) == (ready.status, ready.reason)
    if ready is None or (is_same and _is_finished(before) is _is_finished(after)):
        return
    if effect(ready.reason).event and effect(ready.reason).event_on_ready_change:
        note = ready.message
        if after.best is not None and _is_finished(after):
            note = f"{note} {_best(metric, after.best)}"
        yield make_event(Reason(ready.reason), note, f"{generation}/{ready.message}")


def _is_finished(status: ExperimentStatus) -> bool:
    return status.state in FINISHED_STATES


def _is_better(best: RankedTrial, other: RankedTrial | None, *, maximize: bool) -> bool:
    """Return whether the objective value of `best` is better than that of `other`, or `other` has no value.

    The value of the best trial can also become worse, for example when a trial finishes another rung.
    """
    new, old = parse_finite(best.value), parse_finite(other.value if other else None)
    if new is None or old is None:
        return old is None
    return new > old if maximize else new < old


def _best(metric: str, best: RankedTrial) -> str:
    shown = [f"{name} {value}" for name, value in list(best.parameters.items())[:MAX_PARAMETERS]]
    more = ", …" if len(best.parameters) > MAX_PARAMETERS else ""
    parameters = f" with {', '.join(shown)}{more}" if shown else ""
    template = " (the unchanged template)" if best.trial == 0 else ""
    return f"The best trial is trial {best.trial}{template}, {best.job_name}: {metric} {best.value}{parameters}."
