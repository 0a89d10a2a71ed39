"""The plan for an Experiment: the actions that lead from the observed state to the desired state."""

from dataclasses import replace
from itertools import count as count_from
from itertools import islice

from epochal_api.experiment.spec import ExperimentSpec
from epochal_api.experiment.status import ExperimentStatus
from epochal_api.kind import Metadata
from epochal_api.read_status import read_status

from epochal_operator.experiment.actions import (
    Action,
    AppendEvents,
    AskSearcher,
    BuildFailure,
    CreateReport,
    CreateTrial,
    DeleteReport,
    ImportanceState,
    Plan,
    SuspendTrial,
    suspensions,
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
from epochal_operator.experiment.reasons import Reason, StatusCause
from epochal_operator.experiment.report.plan import (
    drop_events_of_report,
    has_failed,
    next_report_step,
    retry_delay,
    seconds_to_live,
    seconds_until_wait_event,
)
from epochal_operator.experiment.schedule.next_trials import NextTrials, next_trials, stop_reason
from epochal_operator.experiment.schedule.pruning import trial_rungs
from epochal_operator.experiment.state import Phase, completion_time, needs_no_ledger, was_finished
from epochal_operator.experiment.status import derive_status, format_value, results_uri
from epochal_operator.experiment.trial import RungKey, Trial, rank_trials
from epochal_operator.experiment.trial_job import training_job
from epochal_operator.experiment.trial_state import has_started, metric_names, reports_best_epoch
from epochal_operator.runtime.actions import ApplyStatus, DeleteSelf, EmitEvent, earliest
from epochal_operator.runtime.api.resource import Object
from epochal_operator.runtime.conditions import condition_of

MAX_CREATED = 16
"""Maximum number of TrainingJobs that a plan creates. With a large template each takes long to build, and other
Experiments wait for that time."""
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
    upcoming = NextTrials() if now.is_finished or observed.blocker is not None else _next_trials(spec, observed)
    trial_actions = _trial_actions(document, parsed, now, observed, upcoming)
    if (is_first and status_actions) or observed.ledger_refused:
        # Before the first trial is created: from this status on, the API server rejects changes of the search.
        suspends = (action for action in trial_actions if isinstance(action, SuspendTrial) and action.suspend)
        late_in = seconds_until_deadline(spec.active_deadline_seconds, now.state, now.start, observed.now)
        retry_in = backoff_seconds(Reason.LEDGER_REFUSED, before, observed.now)
        return Plan((*suspends, *status_actions), earliest((retry_in, late_in)))
    actions = trial_actions or _search_request(spec, before, now, observed, upcoming.create) or status_actions
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
    return (EmitEvent(metric_unavailable(spec.objective.metric, job["metadata"]["name"], metric_names(job))),)


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


def _trial_actions(
    document: Object, parsed: ParsedSpec, now: Phase, observed: Observed, upcoming: NextTrials
) -> tuple[Action, ...]:
    """Return the actions that suspend, resume and create TrainingJobs."""
    spec, suspend_all = parsed.spec, parsed.spec.suspend or now.state == "Failed"
    stop, waiting = stop_reason(spec, observed.trials), _waiting(observed)
    missing, suspend = list[Trial](), dict[RungKey, bool]()
    for trial in observed.running:
        if (job := observed.job(trial)) is not None:
            suspend[trial.rung_key] = suspend_all or (stop is not None and not has_started(job))
        elif trial.rung_key not in waiting and not stop:
            missing.append(trial)
    actions = suspensions(observed.jobs, suspend | dict.fromkeys(observed.unexpected_jobs, True), observed.delayed)
    if suspend_all or now.is_finished or observed.blocker is not None:
        return actions
    occupied = sum(observed.job(trial) is not None for trial in observed.running) + observed.busy_unexpected_jobs
    to_create = (*missing[: max(0, spec.parallelism - occupied)], *upcoming.promote)
    return (*actions, *(_create_trial(document, parsed, trial) for trial in to_create[:MAX_CREATED]))


def _next_trials(spec: ExperimentSpec, observed: Observed) -> NextTrials:
    """Return the trials to promote and the number of new trials for the free slots.

    A trial whose TrainingJob is blocked occupies no slot; this applies to at most `parallelism` trials.
    """
    blocked = sum(trial.rung_key in observed.blocked for trial in observed.running)
    occupied = len(observed.running) - min(blocked, spec.parallelism) + observed.busy_unexpected_jobs
    exhausted = observed.ledger.is_exhausted or not observed.trial_capacity
    upcoming = next_trials(spec, observed.trials, occupied, exhausted=exhausted, blocked=_waiting(observed))
    return replace(upcoming, promote=upcoming.promote[: observed.rung_capacity])


def _waiting(observed: Observed) -> frozenset[RungKey]:
    """Return the rungs whose TrainingJob must not be created now, because it is blocked or delayed."""
    return frozenset((*observed.blocked, *observed.delayed))


def _create_trial(document: Object, parsed: ParsedSpec, trial: Trial) -> CreateTrial | BuildFailure:
    """Return the action that creates the TrainingJob of a rung, or a BuildFailure if an error prevents this."""
    spec, rung = parsed.spec, len(trial.rungs)
    rungs = trial_rungs(trial.number, spec.schedule, spec.template.spec.training.epochs)
    try:
        stop_after = rungs[rung] if rung < len(rungs) - 1 else None
        uri = results_uri(Metadata.model_validate(document["metadata"]), spec, trial)
        body = training_job(document, spec, parsed.space, trial, stop_after=stop_after, continue_from=uri)
    except Exception as error:  # noqa: BLE001 - an error in one TrainingJob does not block the others
        return BuildFailure(trial.rung_key, error)
    return CreateTrial(trial.rung_key, body)


def _search_request(
    spec: ExperimentSpec, before: ExperimentStatus, now: Phase, observed: Observed, new_trials: int
) -> tuple[Action, ...]:
    """Return the request to the searcher for new trials, else for importances; no action if neither is needed."""
    if count := min(new_trials, observed.batch_size, observed.trial_capacity):
        first = observed.trials[-1].number + 1 if observed.trials else 0
        # A TrainingJob without a trial in the ledger blocks its number: it has the name of the new trial's TrainingJob.
        used = {number for number, _ in observed.jobs}
        return (AskSearcher(tuple(islice((number for number in count_from(first) if number not in used), count))),)
    importance = _importance_state(spec, before, now, observed)  # In a request of its own: it may take long.
    return (AskSearcher(importance=importance),) if importance else ()


def _importance_state(
    spec: ExperimentSpec, before: ExperimentStatus, now: Phase, observed: Observed
) -> ImportanceState | None:
    """Return the inputs for which the parameter importances must be computed again, or None if they are up to date."""
    ranked = rank_trials(observed.trials, maximize=spec.objective.goal == "Maximize")
    if len(spec.parameters) <= 1 or not ranked:
        return None
    state = ImportanceState(ranked[0].number, format_value(ranked[0].value), now.is_finished)
    if observed.importance is not None and observed.importance.state == state:
        return None
    is_new_best = before.best is None or (before.best.trial, before.best.value) != state[:2]
    return state if is_new_best or (now.is_finished and not was_finished(before)) else None


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
