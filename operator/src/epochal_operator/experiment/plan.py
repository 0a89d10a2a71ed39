"""The plan for an Experiment: the actions that lead from the observed state to the desired state."""

from dataclasses import replace
from itertools import count as count_from
from itertools import islice

from epochal_api.experiment import ExperimentSpec
from epochal_api.experiment_status import ExperimentStatus
from epochal_api.kind import Metadata
from epochal_api.status import read_status

from epochal_operator.experiment.actions import Action, Append, Ask, Create, Suspend, Unmade
from epochal_operator.experiment.events import (
    best_unavailable,
    events,
    ledger_ignored,
    metric_unavailable,
    report_failed,
    report_waits,
)
from epochal_operator.experiment.ledger import Failed, Finished
from epochal_operator.experiment.life import end_of, time_to_live
from epochal_operator.experiment.next import Next, decide, stop
from epochal_operator.experiment.observe import due_in, figures, has_begun, is_due, may_tell, must_change, reports_best
from epochal_operator.experiment.observed import Observed, Occasion, Place, Wanted
from epochal_operator.experiment.patience import look_again_seconds
from epochal_operator.experiment.phase import Phase, deadline, phase, started
from epochal_operator.experiment.reasons import Reason, StatusCause
from epochal_operator.experiment.report import (
    CreateReport,
    DeleteReport,
    deleted,
    has_failed,
    report_step,
    retry,
    waits_in,
)
from epochal_operator.experiment.schedule import Promotion, ladder
from epochal_operator.experiment.status import is_ended, refused, results_uri, shown, status
from epochal_operator.experiment.trial_job import training_job
from epochal_operator.experiment.trials import Trial, best, value
from epochal_operator.experiment.without_ledger import is_over, plan_without_ledger
from epochal_operator.pods.mutable_fields import MutableFields
from epochal_operator.runtime.actions import ApplyStatus, DeleteSelf, EmitEvent
from epochal_operator.runtime.actions import Plan as AnyPlan
from epochal_operator.runtime.conditions import condition_of
from epochal_operator.runtime.resource import Object

MAX_BEGUN = 16
"""Maximum number of TrainingJobs that a plan creates. With a large template each takes long to build, and other
Experiments wait for that time."""

Plan = AnyPlan[Action]


def plan(document: Object, wanted: Wanted, observed: Observed) -> Plan:
    """Return the plan for an Experiment.

    Args:
        document: The Experiment, as JSON.
        wanted: The parsed spec.
        observed: The observed state of the Experiment.
    """
    metadata = Metadata.model_validate(document["metadata"])
    if metadata.deletion_timestamp is not None:
        return Plan()
    new = (*observed.warm, *observed.news, *deleted(observed))
    if observed.foreign and not observed.unnoted:
        return Plan((EmitEvent(ledger_ignored(metadata.uid)), Append(())))
    spec, before = wanted.spec, read_status(ExperimentStatus, document.get("status"))
    if any(is_due(one, observed.jobs, observed.now) for one in new) and not observed.unnoted:
        return Plan((*_unavailable(spec, observed), *_best_unavailable(spec, observed), Append(new)))
    if is_over(metadata, before) and before.trials and len(observed.trials) < before.trials.created:
        # The ledger and some TrainingJobs were lost. The search has ended, so these trials are not trained again.
        return plan_without_ledger(document, spec, _TRIALS_LOST, observed)
    return _go_on(document, metadata, wanted, before, observed)


def _go_on(document: Object, metadata: Metadata, wanted: Wanted, before: ExperimentStatus, observed: Observed) -> Plan:
    """Return the plan for an Experiment with all observed events in its ledger."""
    spec = wanted.spec
    now = phase(spec, started(spec, before, observed), observed)
    after = status(metadata, spec, before, now, observed)
    writes = () if observed.told else _writes(spec, before, after)
    is_free = observed.trials and not (before.trials and before.trials.created)
    steps = _trial_steps(document, wanted, now, observed)
    if (is_free and writes) or observed.unnoted:
        # Before the first trial is created: from this status on, the API server rejects changes of the search.
        stops = tuple(one for one in steps if isinstance(one, Suspend)) if spec.suspend else ()
        return Plan((*stops, *writes), look_again_seconds(Reason.LEDGER_REFUSED, before, observed.now))
    todo = steps or _question(spec, before, now, observed) or writes
    step = None if todo or observed.unreported else _report_step(spec, before, now, observed)
    if step is not None and not isinstance(step, float):
        todo = (step,)
    if todo:
        return Plan((*_report_failure(observed), *todo))
    return _rest(spec, before, now, observed, step if isinstance(step, float) else None)


_TRIALS_LOST = StatusCause(Reason.LEDGER_UNAVAILABLE, "The ledger and some TrainingJobs were lost.")


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
    if spec.objective.strategy != "Best" or any(one.rungs for one in observed.noted):
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
    life = None if waits else time_to_live(spec.ttl_seconds_after_finished, before, observed.report, observed.now)
    if observed.unreported and now.ended and (pause := retry(observed.now, end_of(before))) is not None:
        report_in, life = pause.total_seconds(), None  # The deletion waits for the report, even if a quota blocks it.
    if life is not None and life <= 0:
        return Plan((DeleteSelf(),))
    queued_in = waits_in(observed.report, observed.now) if observed.report is not None else None
    times = [report_in, life, queued_in or None, _look_again(spec, before, now, observed)]
    return Plan(_report_failure(observed), min((one for one in times if one is not None), default=None))


def refuse(document: Object, message: str, observed: Observed) -> Plan:
    """Return the plan for an Experiment with an invalid spec: its trials continue or are suspended, and none starts.

    Args:
        document: The Experiment, as JSON.
        message: The message of the validation error, which names the field.
        observed: The observed state of the Experiment.
    """
    metadata = Metadata.model_validate(document["metadata"])
    if metadata.deletion_timestamp is not None:
        return Plan()
    before, mutable = read_status(ExperimentStatus, document.get("status")), MutableFields.read(document["spec"])
    after = refused(metadata, before, message, observed, mutable)
    waits = mutable.suspend or after.state in {"Complete", "Failed"}
    finishes, by_number = document["spec"].get("finish") is True, {one.number: one for one in observed.trials}
    steps: list[Action] = []
    for place, job in observed.jobs.items():
        stops = waits or (finishes and not has_begun(job)) or not may_tell(by_number.get(place[0]), place[1])
        if observed.ledger is None and not stops:
            continue  # The ledger decides which trials may train.
        if place not in observed.held and must_change(job, suspend=stops):
            steps.append(Suspend(place, job, stops))
    if steps:
        return Plan(tuple(steps))
    if after != before and not observed.told:
        return Plan((*map(EmitEvent, events("", before, after)), ApplyStatus(after)))
    life = time_to_live(mutable.ttl_seconds_after_finished, before, observed.report, observed.now)
    if life is not None and life <= 0:
        return Plan((DeleteSelf(),))
    times = [life, *((due - observed.now).total_seconds() for due in observed.held.values())]
    if after.state not in {"Complete", "Failed"}:
        due = deadline(mutable.active_deadline_seconds, after.start_time)
        times.append((due - observed.now).total_seconds() if due else None)
    return Plan(requeue_after=min((one for one in times if one is not None), default=None))


def _trial_steps(document: Object, wanted: Wanted, now: Phase, observed: Observed) -> tuple[Action, ...]:
    """Return the actions on TrainingJobs: which to suspend or resume, and which to create."""
    spec, waits = wanted.spec, wanted.spec.suspend or now.state == "Failed"
    stopped = stop(spec, observed.trials)
    steps: list[Action] = []
    missing: list[Trial] = []
    waiting = _waiting(observed)
    for trial in observed.running:
        place, job = (trial.number, len(trial.rungs)), observed.job(trial)
        if job is None:
            missing += [trial] if place not in waiting and not stopped else []
            continue
        suspend = waits or (stopped is not None and not has_begun(job))
        if place not in observed.held and must_change(job, suspend=suspend):
            steps.append(Suspend(place, job, suspend))
    steps += [
        Suspend(place, job, suspend=True)
        for place, job in observed.strays.items()
        if place not in observed.held and must_change(job, suspend=True)
    ]
    if waits or now.ended or observed.hindered is not None:
        return tuple(steps)
    taken = sum(observed.job(trial) is not None for trial in observed.running) + observed.busy_strays
    begin = [Promotion(one.number, len(one.rungs)) for one in missing[: max(0, spec.parallelism - taken)]]
    begin += _next(spec, observed).promote
    by_number = {one.number: one for one in observed.trials}
    return (
        *steps,
        *(_create(document, wanted, by_number[one.trial], one.rung) for one in begin[:MAX_BEGUN]),
    )


def _next(spec: ExperimentSpec, observed: Observed) -> Next:
    """Return the trials and promotions for the free slots.

    A trial whose TrainingJob is blocked takes no slot, up to as many of these trials as `parallelism`.
    """
    blocked = sum((one.number, len(one.rungs)) in observed.blocked for one in observed.running)
    taken = len(observed.running) - min(blocked, spec.parallelism) + observed.busy_strays
    closed = observed.exhausted or observed.full
    found = decide(spec, observed.trials, taken, exhausted=closed, blocked=_waiting(observed))
    return replace(found, promote=found.promote[: observed.climbs])


def _waiting(observed: Observed) -> frozenset[Place]:
    """Return the blocked or held places. Their TrainingJobs are not created now."""
    return frozenset((*observed.blocked, *observed.held))


def _create(document: Object, wanted: Wanted, trial: Trial, rung: int) -> Create | Unmade:
    """Return the action that creates the TrainingJob of a rung, or that reports that it cannot be built."""
    spec, place = wanted.spec, (trial.number, rung)
    rungs = ladder(trial.number, spec.schedule, spec.template.spec.training.epochs)
    try:
        body = training_job(
            document,
            spec,
            wanted.space,
            trial=trial.number,
            rung=rung,
            parameters=trial.parameters,
            known=trial.known,
            stop_after=rungs[rung] if rung < len(rungs) - 1 else None,
            continue_from=results_uri(Metadata.model_validate(document["metadata"]), spec, trial),
        )
    except Exception as error:  # noqa: BLE001 - an error in one TrainingJob does not block the others
        return Unmade(place, error)
    return Create(place, body)


def _question(spec: ExperimentSpec, before: ExperimentStatus, now: Phase, observed: Observed) -> tuple[Action, ...]:
    """Return the request to the searcher, or no action if none is due."""
    wanted = 0 if now.ended or observed.hindered is not None else _next(spec, observed).create
    if count := min(wanted, observed.batch, observed.fits):
        first = observed.trials[-1].number + 1 if observed.trials else 0
        # A TrainingJob without a trial in the ledger blocks its number: it has the name of the new trial's TrainingJob.
        taken = {number for number, _ in observed.jobs}
        return (Ask(tuple(islice((one for one in count_from(first) if one not in taken), count))),)
    importance = _occasion(spec, before, now, observed)  # In a request of its own: it may take long.
    return (Ask(importance=importance),) if importance else ()


def _occasion(spec: ExperimentSpec, before: ExperimentStatus, now: Phase, observed: Observed) -> Occasion | None:
    """Return the state for which the parameter importances must be computed, or None if they are up to date."""
    ranked = best(observed.trials, maximize=spec.objective.goal == "Maximize")
    if len(spec.parameters) <= 1 or not ranked:
        return None
    found = Occasion(ranked[0].number, shown(value(ranked[0])), now.ended)
    is_new = before.best is None or (before.best.trial, before.best.value) != found[:2]
    was_asked = observed.importance is not None and observed.importance.occasion == found
    return found if (is_new or (now.ended and not is_ended(before))) and not was_asked else None


def _report_step(
    spec: ExperimentSpec, before: ExperimentStatus, now: Phase, observed: Observed
) -> Append | CreateReport | DeleteReport | float | None:
    step = report_step(spec, observed, ended=now.ended, complete=now.state == "Complete", end=end_of(before))
    return Append(step) if isinstance(step, tuple) else step


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
    told = events(spec.objective.metric, before, after, maximize=spec.objective.goal == "Maximize")
    return (*map(EmitEvent, told), ApplyStatus(after))


def _look_again(spec: ExperimentSpec, before: ExperimentStatus, now: Phase, observed: Observed) -> float | None:
    """Return the seconds until a reconcile that no watch triggers, or None."""
    times: list[float | None] = [(time - observed.now).total_seconds() for time in observed.held.values()]
    if now.state == "Complete":
        return min((one for one in times if one is not None), default=None)
    if (hindered := observed.hindered) is not None:
        times.append(look_again_seconds(hindered.reason, before, observed.now))
    times += [due_in(one, observed.jobs, observed.now) for one in observed.news]
    due = None if now.ended else deadline(spec.active_deadline_seconds, started(spec, before, observed))
    times.append((due - observed.now).total_seconds() if due else None)
    return min((one for one in times if one is not None), default=None)
