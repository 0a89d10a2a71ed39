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
    Append,
    Ask,
    Create,
    CreateReport,
    DeleteReport,
    ImportanceState,
    Plan,
    Suspend,
    Unmade,
    suspensions,
)
from epochal_operator.experiment.blockers import backoff_seconds
from epochal_operator.experiment.events import (
    best_unavailable,
    events,
    ledger_damaged,
    ledger_ignored,
    metric_unavailable,
    report_failed,
    report_waits,
)
from epochal_operator.experiment.ledger.events import Failed, Finished
from epochal_operator.experiment.ledger.observe import due_in
from epochal_operator.experiment.observed import Observed, ParsedSpec
from epochal_operator.experiment.phase import deadline, phase
from epochal_operator.experiment.reasons import Reason, StatusCause
from epochal_operator.experiment.report.plan import deleted, has_failed, report_step, retry, seconds_to_live, waits_in
from epochal_operator.experiment.schedule.next_trials import Next, decide, stop
from epochal_operator.experiment.schedule.pruning import ladder
from epochal_operator.experiment.state import Phase, end_of, is_finished, needs_no_ledger
from epochal_operator.experiment.status import results_uri, shown, status
from epochal_operator.experiment.trial import Place, Trial, best
from epochal_operator.experiment.trial_job import training_job
from epochal_operator.experiment.trial_state import figures, has_begun, reports_best
from epochal_operator.runtime.actions import ApplyStatus, DeleteSelf, EmitEvent
from epochal_operator.runtime.api.resource import Object
from epochal_operator.runtime.conditions import condition_of

MAX_BEGUN = 16
"""Maximum number of TrainingJobs that a plan creates. With a large template each takes long to build, and other
Experiments wait for that time."""


def plan(document: Object, parsed: ParsedSpec, observed: Observed) -> Plan | StatusCause:
    """Return the plan for an Experiment, or the cause that it cannot have a ledger any more.

    Args:
        document: The Experiment, as JSON.
        parsed: The parsed spec.
        observed: The observed state of the Experiment.
    """
    metadata = Metadata.model_validate(document["metadata"])
    if metadata.deletion_timestamp is not None:
        return Plan()
    new, ledger = (*observed.warm, *observed.news, *deleted(observed)), observed.ledger
    if ledger.foreign and not observed.unnoted:
        event = ledger_damaged(ledger.resource_version) if ledger.damaged else ledger_ignored(metadata.uid)
        return Plan((EmitEvent(event), Append(())))
    spec, before = parsed.spec, read_status(ExperimentStatus, document.get("status"))
    if not observed.unnoted and any(due_in(one, observed.jobs, observed.now) == 0 for one in new):
        return Plan((*_unavailable(spec, observed), *_best_unavailable(spec, observed), Append(new)))
    if needs_no_ledger(metadata, before) and before.trials and len(observed.trials) < before.trials.created:
        # The ledger and some TrainingJobs were lost. The search has ended, so these trials are not trained again.
        return StatusCause(Reason.LEDGER_UNAVAILABLE, "The ledger and some TrainingJobs were lost.")
    return _plan_up_to_date(document, metadata, parsed, before, observed)


def _plan_up_to_date(
    document: Object, metadata: Metadata, parsed: ParsedSpec, before: ExperimentStatus, observed: Observed
) -> Plan:
    """Return the plan for an Experiment with all observed events in its ledger."""
    spec = parsed.spec
    now = phase(spec, before, observed)
    after = status(metadata, spec, before, now, observed)
    writes = () if observed.told else _writes(spec, before, after)
    is_free = observed.trials and not (before.trials and before.trials.created)
    upcoming = Next() if now.ended or observed.hindered is not None else _next(spec, observed)
    steps = _trial_steps(document, parsed, now, observed, upcoming)
    if (is_free and writes) or observed.unnoted:
        # Before the first trial is created: from this status on, the API server rejects changes of the search.
        stops = tuple(one for one in steps if isinstance(one, Suspend)) if spec.suspend else ()
        return Plan((*stops, *writes), backoff_seconds(Reason.LEDGER_REFUSED, before, observed.now))
    todo = steps or _question(spec, before, now, observed, upcoming.create) or writes
    report = None
    if not todo and not observed.unreported:
        report = report_step(spec, observed, ended=now.ended, complete=now.state == "Complete", end=end_of(before))
    match report:
        case CreateReport() | DeleteReport():
            todo = (report,)
        case tuple():
            todo = (Append(report),)
    if todo:
        return Plan((*_report_failure(observed), *todo))
    return _rest(spec, before, now, observed, report if isinstance(report, float) else None)


def _unavailable(spec: ExperimentSpec, observed: Observed) -> tuple[Action, ...]:
    """Return the Event that a trial has not reported the objective's metric, before the failure is in the ledger.

    The Event names only the first of these trials, because the others miss the same metric.
    """
    failed = (one for one in observed.news if isinstance(one, Failed) and one.reason == Reason.METRIC_UNAVAILABLE)
    first = next(failed, None)
    job = observed.jobs.get((first.trial, first.rung)) if first is not None else None
    if job is None:
        return ()
    return (EmitEvent(metric_unavailable(spec.objective.metric, job["metadata"]["name"], figures(job))),)


def _best_unavailable(spec: ExperimentSpec, observed: Observed) -> tuple[Action, ...]:
    """Return the Event that the last epoch counts in place of the best epoch.

    Only the first finished rung causes this Event, because all trials use the same trainer.
    """
    if spec.objective.strategy != "Best" or any(one.rungs for one in observed.ledger.trials):
        return ()
    first = next((one for one in observed.news if isinstance(one, Finished)), None)
    job = observed.jobs.get((first.trial, first.rung)) if first is not None else None
    if job is None or reports_best(spec.objective, job):
        return ()
    return (EmitEvent(best_unavailable(spec.objective.metric, job["metadata"]["name"])),)


def _rest(
    spec: ExperimentSpec, before: ExperimentStatus, now: Phase, observed: Observed, report_in: float | None
) -> Plan:
    """Return the plan once nothing must change: the time of the next reconcile, or the deletion after the TTL."""
    waits = report_in is not None and observed.report is not None and not has_failed(observed.report)
    to_live = None if waits else seconds_to_live(spec.ttl_seconds_after_finished, before, observed.report, observed.now)
    if observed.unreported and now.ended and (pause := retry(observed.now, end_of(before))) is not None:
        # The deletion waits for the report, even if a quota blocks it.
        report_in, to_live = pause.total_seconds(), None
    if to_live is not None and to_live <= 0:
        return Plan((DeleteSelf(),))
    queued_in = waits_in(observed.report, observed.now) if observed.report is not None else None
    times = [report_in, to_live, queued_in or None, _requeue_after(spec, before, now, observed)]
    return Plan(_report_failure(observed), min((one for one in times if one is not None), default=None))


def _trial_steps(
    document: Object, parsed: ParsedSpec, now: Phase, observed: Observed, upcoming: Next
) -> tuple[Action, ...]:
    """Return the actions on TrainingJobs: which to suspend or resume, and which to create."""
    spec, waits = parsed.spec, parsed.spec.suspend or now.state == "Failed"
    stopped, waiting = stop(spec, observed.trials), _waiting(observed)
    missing, suspend = list[Trial](), dict[Place, bool]()
    for trial in observed.running:
        if (job := observed.job(trial)) is not None:
            suspend[trial.place] = waits or (stopped is not None and not has_begun(job))
        elif trial.place not in waiting and not stopped:
            missing.append(trial)
    steps = suspensions(observed.jobs, suspend | dict.fromkeys(observed.strays, True), observed.held)
    if waits or now.ended or observed.hindered is not None:
        return steps
    taken = sum(observed.job(trial) is not None for trial in observed.running) + observed.busy_strays
    begin = (*missing[: max(0, spec.parallelism - taken)], *upcoming.promote)
    return (*steps, *(_create(document, parsed, one) for one in begin[:MAX_BEGUN]))


def _next(spec: ExperimentSpec, observed: Observed) -> Next:
    """Return the trials and promotions for the free slots.

    A trial whose TrainingJob is blocked takes no slot, up to as many of these trials as `parallelism`.
    """
    blocked = sum(one.place in observed.blocked for one in observed.running)
    taken = len(observed.running) - min(blocked, spec.parallelism) + observed.busy_strays
    closed = observed.ledger.exhausted or not observed.fits
    found = decide(spec, observed.trials, taken, exhausted=closed, blocked=_waiting(observed))
    return replace(found, promote=found.promote[: observed.climbs])


def _waiting(observed: Observed) -> frozenset[Place]:
    """Return the blocked or held places. Their TrainingJobs are not created now."""
    return frozenset((*observed.blocked, *observed.held))


def _create(document: Object, parsed: ParsedSpec, trial: Trial) -> Create | Unmade:
    """Return the action that creates the TrainingJob of a rung, or that reports that it cannot be built."""
    spec, rung = parsed.spec, len(trial.rungs)
    rungs = ladder(trial.number, spec.schedule, spec.template.spec.training.epochs)
    try:
        stop_after = rungs[rung] if rung < len(rungs) - 1 else None
        uri = results_uri(Metadata.model_validate(document["metadata"]), spec, trial)
        body = training_job(document, spec, parsed.space, trial, stop_after=stop_after, continue_from=uri)
    except Exception as error:  # noqa: BLE001 - an error in one TrainingJob does not block the others
        return Unmade(trial.place, error)
    return Create(trial.place, body)


def _question(
    spec: ExperimentSpec, before: ExperimentStatus, now: Phase, observed: Observed, wanted: int
) -> tuple[Action, ...]:
    """Return the request to the searcher, or no action if none is due."""
    if count := min(wanted, observed.batch, observed.fits):
        first = observed.trials[-1].number + 1 if observed.trials else 0
        # A TrainingJob without a trial in the ledger blocks its number: it has the name of the new trial's TrainingJob.
        taken = {number for number, _ in observed.jobs}
        return (Ask(tuple(islice((one for one in count_from(first) if one not in taken), count))),)
    importance = _importance_state(spec, before, now, observed)  # In a request of its own: it may take long.
    return (Ask(importance=importance),) if importance else ()


def _importance_state(
    spec: ExperimentSpec, before: ExperimentStatus, now: Phase, observed: Observed
) -> ImportanceState | None:
    """Return the state for which the parameter importances must be computed, or None if they are up to date."""
    ranked = best(observed.trials, maximize=spec.objective.goal == "Maximize")
    if len(spec.parameters) <= 1 or not ranked:
        return None
    found = ImportanceState(ranked[0].number, shown(ranked[0].value), now.ended)
    is_new = before.best is None or (before.best.trial, before.best.value) != found[:2]
    was_asked = observed.importance is not None and observed.importance.state == found
    return found if (is_new or (now.ended and not is_finished(before))) and not was_asked else None


def _report_failure(observed: Observed) -> tuple[Action, ...]:
    """Return the Event that the report Job has failed or waits in a queue, unless this Event was emitted before."""
    job = observed.report
    if job is None:
        return ()
    name, uid = job["metadata"]["name"], job["metadata"]["uid"]
    if has_failed(job):
        why = (condition_of(job, "Failed") or {}).get("message", "")
        event = report_failed(name, f"kubectl logs job/{name} says why, as long as its pods are there. {why}", uid)
    elif waits_in(job, observed.now) == 0:
        event = report_waits(name, f"{uid}/waits")
    else:
        return ()
    return (EmitEvent(event),) if observed.report_told != event.key else ()


def _writes(spec: ExperimentSpec, before: ExperimentStatus, after: ExperimentStatus) -> tuple[Action, ...]:
    """Return the Events and the new status, if the status changes. The Events precede the status."""
    if after == before:
        return ()
    transitions = events(spec.objective.metric, before, after, maximize=spec.objective.goal == "Maximize")
    return (*map(EmitEvent, transitions), ApplyStatus(after))


def _requeue_after(spec: ExperimentSpec, before: ExperimentStatus, now: Phase, observed: Observed) -> float | None:
    """Return the seconds until a reconcile that no watch triggers, or None."""
    times: list[float | None] = [(time - observed.now).total_seconds() for time in observed.held.values()]
    if now.state == "Complete":
        return min((one for one in times if one is not None), default=None)
    if (hindered := observed.hindered) is not None:
        times.append(backoff_seconds(hindered.reason, before, observed.now))
    times += [due_in(one, observed.jobs, observed.now) for one in observed.news]
    due = None if now.ended else deadline(spec.active_deadline_seconds, now.start)
    times.append((due - observed.now).total_seconds() if due else None)
    return min((one for one in times if one is not None), default=None)
