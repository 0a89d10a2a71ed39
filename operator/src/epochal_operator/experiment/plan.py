"""The plan for an Experiment: the actions that lead from the observed state to the desired state."""

from epochal_api.experiment.spec import ExperimentSpec
from epochal_api.experiment.status import ExperimentStatus
from epochal_api.kind import Metadata
from epochal_api.read_status import read_status

from epochal_operator.experiment.actions import (
    Action,
    AppendEvents,
    CreateReport,
    DeleteReport,
    Plan,
    SuspendTrial,
)
from epochal_operator.experiment.blockers import backoff_seconds
from epochal_operator.experiment.events import (
    best_unavailable,
    ledger_damaged,
    ledger_ignored,
    metric_unavailable,
    report_failed,
    report_waiting,
    transition_events,
    trial_failed,
)
from epochal_operator.experiment.failures import failure_cause
from epochal_operator.experiment.ledger.events import CHECKPOINT_LOST, REJECTED, Failed, Finished
from epochal_operator.experiment.ledger.observe import seconds_until_due
from epochal_operator.experiment.observed import Observed, ParsedSpec
from epochal_operator.experiment.phase import derive_phase, seconds_until_deadline
from epochal_operator.experiment.plan_trials import actions_on_trials, search_request, trials_to_start
from epochal_operator.experiment.reasons import Reason, StatusCause
from epochal_operator.experiment.report.plan import (
    drop_events_of_report,
    has_failed,
    next_report_step,
    retry_delay,
    seconds_to_live,
    seconds_until_wait_event,
)
from epochal_operator.experiment.schedule.next_trials import NextTrials
from epochal_operator.experiment.state import Phase, completion_time, needs_no_ledger
from epochal_operator.experiment.status import derive_status
from epochal_operator.experiment.trial_state import metric_names, reports_best_epoch
from epochal_operator.runtime.actions import ApplyStatus, DeleteSelf, EmitEvent, earliest
from epochal_operator.runtime.api.resource import Object
from epochal_operator.runtime.conditions import condition_of

_REASONS_WITH_EVENT = frozenset({Reason.METRIC_UNAVAILABLE, Reason.TRIAL_NOT_MADE, REJECTED})
"""Reasons of failed trials that have an Event of their own."""


def make_plan(document: Object, parsed: ParsedSpec, observed: Observed) -> Plan | StatusCause:
    """Return the plan for an Experiment, or the cause if its ledger was lost with some trials after its end."""
    metadata = Metadata.model_validate(document["metadata"])
    if metadata.deletion_timestamp is not None:
        return Plan()
    new, ledger = (*observed.warm_trials, *observed.new_events, *drop_events_of_report(observed)), observed.ledger
    if ledger.is_unusable and not observed.ledger_refused:
        event = ledger_damaged(ledger.resource_version) if ledger.is_damaged else ledger_ignored(metadata.uid)
        return Plan((EmitEvent(event), AppendEvents(())))
    spec, before = parsed.spec, read_status(ExperimentStatus, document.get("status"))
    if not observed.ledger_refused and any(seconds_until_due(event, observed.jobs, observed.now) == 0 for event in new):
        problems = (_trial_failed, _metric_unavailable, _best_unavailable)
        return Plan((*(action for problem in problems for action in problem(spec, observed)), AppendEvents(new)))
    if needs_no_ledger(metadata, before) and before.trials and len(observed.trials) < before.trials.created:
        # The ledger and some TrainingJobs were lost. The search has ended, so these trials are not trained again.
        return StatusCause(Reason.LEDGER_UNAVAILABLE, "The ExperimentLedger and some TrainingJobs were deleted.")
    return _plan_up_to_date(document, metadata, parsed, before, observed)


def _plan_up_to_date(
    document: Object, metadata: Metadata, parsed: ParsedSpec, before: ExperimentStatus, observed: Observed
) -> Plan:
    """Return the plan for an Experiment if no event has to be written to its ledger now."""
    spec = parsed.spec
    now = derive_phase(metadata, spec, before, observed)
    after = derive_status(metadata, spec, before, now, observed)
    status_actions = () if observed.status_apply_had_no_effect else _status_actions(spec, before, after)
    is_first = observed.trials and not (before.trials and before.trials.created)
    upcoming = NextTrials() if now.is_finished or observed.blocks_existing_trials else trials_to_start(spec, observed)
    trial_actions = actions_on_trials(document, parsed, now, observed, upcoming)
    if (is_first and status_actions) or observed.ledger_refused:
        # Before the first trial is created: from this status on, the API server rejects changes of the search.
        suspends = (action for action in trial_actions if isinstance(action, SuspendTrial) and action.suspend)
        late_in = seconds_until_deadline(spec.active_deadline_seconds, now.state, now.start, observed.now)
        retry_in = backoff_seconds(Reason.LEDGER_REFUSED, before, observed.now)
        return Plan((*suspends, *status_actions), earliest((retry_in, late_in)))
    actions = trial_actions or search_request(spec, before, now, observed, upcoming.create) or status_actions
    report = None
    if not actions and not observed.report_refused:
        report = next_report_step(
            spec,
            observed,
            is_finished=now.is_finished,
            is_complete=now.state == "Complete",
            end=completion_time(before),
        )
    match report:
        case CreateReport() | DeleteReport():
            actions = (report,)
        case tuple():
            actions = (AppendEvents(report),)
    if actions:
        return Plan((*_report_problem(observed), *actions))
    return _idle_plan(spec, before, now, observed, report if isinstance(report, float) else None)


def _trial_failed(spec: ExperimentSpec, observed: Observed) -> tuple[Action, ...]:
    """Return the Event that the first trial has failed, or no action.

    Only a failure that is not in the ledger yet causes this Event. A trial that has lost its checkpoint keeps its
    value, and is no failed trial.
    """
    if any(trial.state == "Failed" and trial.reason not in _REASONS_WITH_EVENT for trial in observed.ledger.trials):
        return ()
    failures = (event for event in observed.new_events if isinstance(event, Failed))
    first = next((event for event in failures if event.reason not in {CHECKPOINT_LOST, *_REASONS_WITH_EVENT}), None)
    job = observed.jobs.get((first.trial, first.rung)) if first is not None else None
    if first is None or job is None:
        return ()
    cause = failure_cause(spec, first.reason, job)
    return (EmitEvent(trial_failed(first.trial, job["metadata"]["name"], cause, spec.max_failed_trials)),)


def _metric_unavailable(spec: ExperimentSpec, observed: Observed) -> tuple[Action, ...]:
    """Return the Event that a trial has ended without the objective's metric, or no action.

    Only failures that are not in the ledger yet cause this Event. If several trials have failed in this way, the Event
    names only the first trial, because the others lack the same metric.
    """
    failures = (event for event in observed.new_events if isinstance(event, Failed))
    first = next((event for event in failures if event.reason == Reason.METRIC_UNAVAILABLE), None)
    job = observed.jobs.get((first.trial, first.rung)) if first is not None else None
    if job is None:
        return ()
    every = spec.template.spec.training.validation_every_epochs
    return (EmitEvent(metric_unavailable(spec.objective.metric, job["metadata"]["name"], metric_names(job), every)),)


def _best_unavailable(spec: ExperimentSpec, observed: Observed) -> tuple[Action, ...]:
    """Return the Event that trials are compared by their last epoch instead of their best epoch, or no action.

    Only the first finished rung causes this Event, because all trials use the same trainer.
    """
    if spec.objective.strategy != "Best" or any(trial.rungs for trial in observed.ledger.trials):
        return ()
    first = next((event for event in observed.new_events if isinstance(event, Finished)), None)
    job = observed.jobs.get((first.trial, first.rung)) if first is not None else None
    if job is None or reports_best_epoch(spec.objective, job):
        return ()
    return (EmitEvent(best_unavailable(spec.objective.metric, job["metadata"]["name"])),)


def _idle_plan(
    spec: ExperimentSpec, before: ExperimentStatus, now: Phase, observed: Observed, report_in: float | None
) -> Plan:
    """Return the plan if no object must change: the next reconcile, or the deletion of the Experiment after the TTL."""
    is_report_pending = report_in is not None and observed.report is not None and not has_failed(observed.report)
    to_live = (
        None
        if is_report_pending
        else seconds_to_live(spec.ttl_seconds_after_finished, before, observed.report, observed.now)
    )
    if (
        observed.report_refused
        and now.is_finished
        and (delay := retry_delay(observed.now, completion_time(before))) is not None
    ):
        # The deletion waits for the report, even if a quota blocks it.
        report_in, to_live = delay.total_seconds(), None
    if to_live is not None and to_live <= 0:
        return Plan((DeleteSelf(),))
    wait_event_in = seconds_until_wait_event(observed.report, observed.now) if observed.report is not None else None
    times = [report_in, to_live, wait_event_in or None, _requeue_after(spec, before, now, observed)]
    return Plan(_report_problem(observed), earliest(times))


def _report_problem(observed: Observed) -> tuple[Action, ...]:
    """Return the Event that the report Job has failed or waits in a queue, unless this Event was emitted before."""
    job = observed.report
    if job is None:
        return ()
    name, uid = job["metadata"]["name"], job["metadata"]["uid"]
    if has_failed(job):
        message = (condition_of(job, "Failed") or {}).get("message", "")
        event = report_failed(name, f"kubectl logs job/{name} shows the error while its pods exist. {message}", uid)
    elif seconds_until_wait_event(job, observed.now) == 0:
        event = report_waiting(name, f"{uid}/waits")
    else:
        return ()
    return (EmitEvent(event),) if observed.report_event_key != event.key else ()


def _status_actions(spec: ExperimentSpec, before: ExperimentStatus, after: ExperimentStatus) -> tuple[Action, ...]:
    """Return the Events and the new status, if the status changes. The Events precede the status."""
    if after == before:
        return ()
    maximize = spec.objective.goal == "Maximize"
    transitions = transition_events(spec.objective.metric, before, after, maximize=maximize, suspend=spec.suspend)
    return (*map(EmitEvent, transitions), ApplyStatus(after))


def _requeue_after(spec: ExperimentSpec, before: ExperimentStatus, now: Phase, observed: Observed) -> float | None:
    """Return the seconds until the next retry, ledger write or deadline, which no watch reports, or None."""
    times: list[float | None] = [(time - observed.now).total_seconds() for time in observed.delayed.values()]
    if now.state != "Complete":
        if observed.blocker is not None:
            times.append(backoff_seconds(observed.blocker.reason, before, observed.now))
        times += [seconds_until_due(event, observed.jobs, observed.now) for event in observed.new_events]
        times.append(seconds_until_deadline(spec.active_deadline_seconds, now.state, now.start, observed.now))
    return earliest(times)
