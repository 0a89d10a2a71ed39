"""The Events of an Experiment: status transitions, and single failures."""

from collections.abc import Iterator

from epochal_api.experiment.status import ExperimentStatus, RankedTrial

from epochal_operator.experiment.reasons import Reason, effect
from epochal_operator.experiment.trial import finite
from epochal_operator.runtime.conditions import get_condition, is_true
from epochal_operator.runtime.events import Event, make_event

MAX_PARAMETERS = 8
"""The largest number of parameters in the message of an Event."""


def events(metric: str, before: ExperimentStatus, after: ExperimentStatus, *, maximize: bool = True) -> list[Event]:
    """Return the Events for the transition of an Experiment from one status to the next.

    Args:
        metric: The objective's metric.
        before: The previous status of the Experiment.
        after: The new status of the Experiment.
        maximize: Whether the highest value is the best.
    """
    is_new = after.best is not None and _is_better(after.best, before.best, maximize=maximize)
    return list(_events(metric, before, after, is_new_best=is_new))


def rejected(job_name: str, message: str, *, by: str = "The API server") -> Event:
    """Return the Event for a trial that fails because its TrainingJob is refused.

    Args:
        job_name: Name of its TrainingJob.
        message: The reason for the refusal.
        by: The refusing program.
    """
    return make_event(Reason.TRIAL_REJECTED, f"{by} refuses {job_name}, which fails: {message}", job_name)


def not_made(job_name: str, message: str) -> Event:
    """Return the Event for a trial that fails because its TrainingJob cannot be built.

    Args:
        job_name: Name of its TrainingJob.
        message: The error.
    """
    return make_event(Reason.TRIAL_NOT_MADE, f"{message} Its trial fails.", job_name)


def metric_unavailable(metric: str, job_name: str, figures: str) -> Event:
    """Return the Event for a trial that fails because it never reported the objective's metric.

    Args:
        metric: The objective's metric.
        job_name: Name of its TrainingJob.
        figures: The metrics that the trial reported.
    """
    note = (
        f"spec.objective.metric must be a figure that trials tell, found {metric!r}: {job_name}, which fails by it, "
        f"has told {figures}. Create a new Experiment with one of these."
    )
    return make_event(Reason.METRIC_UNAVAILABLE, note, job_name)


def best_unavailable(metric: str, job_name: str) -> Event:
    """Return the Event for trials that are compared by their last epoch, because no best epoch was reported.

    Args:
        metric: The objective's metric.
        job_name: Name of the first such TrainingJob.
    """
    note = (
        f"spec.objective.strategy is Best, but {job_name} has reported no best {metric}. Trials are judged by their "
        "last epoch, as with strategy Last. An earlier trainer image does so: check spec.template.spec.image."
    )
    return make_event(Reason.BEST_UNAVAILABLE, note, metric)


def ledger_damaged(version: str) -> Event:
    """Return the Event for a damaged ledger, which is about to be replaced.

    Args:
        version: The resourceVersion of the ExperimentLedger.
    """
    note = (
        "The data of its ExperimentLedger is damaged, or larger than any that Epochal writes: it is rebuilt from its "
        "TrainingJobs. Let nobody but the operator write ExperimentLedgers."
    )
    return make_event(Reason.LEDGER_DAMAGED, note, version)


def report_failed(job_name: str, message: str, key: str) -> Event:
    """Return the Event for a report that was not written.

    Args:
        job_name: Name of the Job that writes the report.
        message: The cause, or an empty text.
        key: The key of this failure, which distinguishes it from others with the same reason.
    """
    note = (
        "Its report is not written; the search goes on. That is tried again when there is more to report, and for a "
        f"day after the end, ever more seldom: at once if the Job {job_name} is deleted. {message}"
    )
    return make_event(Reason.REPORT_FAILED, note, key)


def report_waits(job_name: str, key: str) -> Event:
    """Return the Event for a report Job that waits for admission by a queue.

    Args:
        job_name: Name of the Job.
        key: The key of this wait, which distinguishes it from others with the same reason.
    """
    note = (
        f"Its report is not written yet: the Job {job_name} is suspended until a queue admits it. The "
        "search goes on. The queue must have room for the CPU and the memory that the Job asks for; why it waits, "
        "kubectl describe workloads says."
    )
    return make_event(Reason.REPORT_WAITING, note, key)


def ledger_ignored(uid: str) -> Event:
    """Return the Event for a ledger that belongs to another Experiment or is empty.

    Args:
        uid: The uid of the Experiment.
    """
    note = (
        "The data of its ExperimentLedger is empty, or a copy of another Experiment's: it is replaced by what "
        "its TrainingJobs tell. Let nobody but the operator write ExperimentLedgers. To learn from another Experiment, "
        "name it in spec.warmStartFrom of a new one."
    )
    return make_event(Reason.LEDGER_IGNORED, note, uid)


def _events(metric: str, before: ExperimentStatus, after: ExperimentStatus, *, is_new_best: bool) -> Iterator[Event]:
    if after.best is not None and is_new_best:
        yield make_event(Reason.NEW_BEST, _best(metric, after.best), "/".join(_worth(after.best)))
    generation = str(after.observed_generation)
    if is_true(before.conditions, "Suspended") and not is_true(after.conditions, "Suspended"):
        yield make_event(Reason.RESUMED, "It is no longer suspended.", generation)
    ready, was = get_condition(after.conditions, "Ready"), get_condition(before.conditions, "Ready")
    is_same = was is not None and ready is not None and (was.status, was.reason) == (ready.status, ready.reason)
    if ready is None or (is_same and _is_over(before) is _is_over(after)):
        return
    if effect(ready.reason).event:
        note = ready.message
        if after.best is not None and _is_over(after):
            note = f"{note} {_best(metric, after.best)}"
        yield make_event(Reason(ready.reason), note, f"{generation}/{ready.message}")


def _is_over(status: ExperimentStatus) -> bool:
    return status.state in {"Complete", "Failed"}


def _is_better(best: RankedTrial, other: RankedTrial | None, *, maximize: bool) -> bool:
    """Return whether the new best value beats the previous best value, which may have become worse."""
    now, was = finite(best.value), finite(other.value if other else None)
    if now is None or was is None:
        return was is None
    return now > was if maximize else now < was


def _worth(best: RankedTrial) -> tuple[str, str]:
    return str(best.trial), best.value


def _best(metric: str, best: RankedTrial) -> str:
    some = [f"{name} {value}" for name, value in list(best.parameters.items())[:MAX_PARAMETERS]]
    more = ", …" if len(best.parameters) > MAX_PARAMETERS else ""
    given = f" with {', '.join(some)}{more}" if some else ""
    template = " (the template as it is written)" if best.trial == 0 else ""
    return f"The best is trial {best.trial}{template}, {best.job_name}: {metric} {best.value}{given}."
