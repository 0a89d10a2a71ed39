"""The plans for an Experiment with an invalid spec or an unreadable ledger: no new trial is created."""

from epochal_api.condition import timestamp
from epochal_api.experiment.spec import ExperimentSpec
from epochal_api.experiment.status import ExperimentState, ExperimentStatus
from epochal_api.kind import Metadata
from epochal_api.read_status import read_status

from epochal_operator.experiment.actions import Plan, suspensions
from epochal_operator.experiment.blockers import backoff_seconds
from epochal_operator.experiment.events import transition_events
from epochal_operator.experiment.ledger.observe import may_have_new_events
from epochal_operator.experiment.observed import Observed
from epochal_operator.experiment.phase import deadline_cause, seconds_until_deadline
from epochal_operator.experiment.reasons import Reason, StatusCause
from epochal_operator.experiment.report.plan import seconds_to_live
from epochal_operator.experiment.state import FINISHED_STATES, Phase, has_search_result, needs_no_ledger
from epochal_operator.experiment.status import conditions
from epochal_operator.experiment.trial import RungKey
from epochal_operator.experiment.trial_state import has_ended, has_started, is_idle, is_training
from epochal_operator.pods.mutable_fields import MutableFields
from epochal_operator.runtime.actions import ApplyStatus, DeleteSelf, EmitEvent, earliest
from epochal_operator.runtime.api.resource import Object
from epochal_operator.runtime.conditions import get_condition

_FINAL_CONDITIONS = frozenset({"Suspended", "Complete", "Failed", "Finished"})
"""Conditions that stay unchanged if the ledger of an ended search cannot be read."""


def plan_invalid_spec(document: Object, message: str, observed: Observed, reason: Reason = Reason.INVALID_SPEC) -> Plan:
    """Return the plan for an Experiment with an invalid spec: existing trials continue or are suspended."""
    metadata = Metadata.model_validate(document["metadata"])
    if metadata.deletion_timestamp is not None:
        return Plan()
    before, mutable = read_status(ExperimentStatus, document.get("status")), MutableFields.read(document["spec"])
    after = invalid_spec_status(metadata, before, message, observed, mutable, reason)
    finish = document["spec"].get("finish") is True
    return _plan(observed, metric="", before=before, after=after, mutable=mutable, finish=finish)


def plan_without_ledger(document: Object, spec: ExperimentSpec, cause: StatusCause, observed: Observed) -> Plan:
    """Return the plan for an Experiment with an unreadable ledger.

    Its status keeps the fields that follow only from the ledger: the numbers of trials, and the best trial. No
    TrainingJob is resumed, since only the ledger determines which of these may train.
    """
    metadata = Metadata.model_validate(document["metadata"])
    if metadata.deletion_timestamp is not None:
        return Plan()
    before = read_status(ExperimentStatus, document.get("status"))
    mutable = MutableFields(spec.suspend, spec.active_deadline_seconds, spec.ttl_seconds_after_finished)
    ready = get_condition(before.conditions, "Ready")
    is_final = needs_no_ledger(metadata, before) and (ready is None or ready.reason != cause.reason)
    return _plan(
        observed,
        metric=spec.objective.metric,
        before=before,
        after=_status_without_ledger(metadata, mutable, before, cause, observed),
        mutable=mutable,
        finish=spec.finish,
        retry_in=None if is_final else backoff_seconds(cause.reason, before, observed.now),
    )


def invalid_spec_status(  # noqa: PLR0917 - the inputs of the status
    metadata: Metadata,
    before: ExperimentStatus,
    message: str,
    observed: Observed,
    mutable: MutableFields,
    reason: Reason = Reason.INVALID_SPEC,
) -> ExperimentStatus:
    """Return the status of an Experiment with an invalid spec.

    An Experiment with trials does not fail, because another version of Epochal may accept the spec. The conditions of
    an ended search stay, even if its spec becomes invalid later.
    """
    is_observed, has_result = before.observed_generation == metadata.generation, has_search_result(before)
    if has_result and is_observed:
        return before  # A newer version with other rules does not change an ended Experiment.
    phase = _invalid_spec_phase(before, StatusCause(reason, message), observed, mutable)
    trials, completion_time = before.trials, before.completion_time if is_observed or has_result else None
    if trials is not None:
        running = sum(map(is_training, observed.jobs.values()))
        queued = max(0, trials.queued + trials.running - running)
        trials = trials.model_copy(update={"running": running, "queued": queued})
    final = FINISHED_STATES if has_result else frozenset()
    after = _with_phase(metadata, before, phase, observed, suspend=mutable.suspend, final=final)
    completion_time = (completion_time or timestamp(observed.now)) if phase.is_finished else None
    return after.model_copy(update={"trials": trials, "start_time": phase.start, "completion_time": completion_time})


def _invalid_spec_phase(
    before: ExperimentStatus, cause: StatusCause, observed: Observed, mutable: MutableFields
) -> Phase:
    """Return the phase of an Experiment with an invalid spec: Failed if it has no trials or exceeded its deadline."""
    state: ExperimentState = before.state if _has_trials(before) and before.state is not None else "Failed"
    start = _start_time(before, observed, mutable)
    if state in FINISHED_STATES:
        return Phase(state, cause, start)
    if late := deadline_cause(mutable.active_deadline_seconds, start, observed.now):
        return Phase("Failed", late, start)
    if not mutable.suspend:
        state, note = (
            "Running" if state == "Suspended" else state,
            "Existing trials continue; no new trials are created.",
        )
    elif not all(map(is_idle, observed.jobs.values())):
        state, note = "Running", "The trials are stopping, because spec.suspend is true."
    else:
        state, note = "Suspended", "The trials are suspended, because spec.suspend is true."
    note = observed.delay_cause.message if observed.delay_cause is not None else note
    return Phase(state, cause._replace(message=f"{cause.message}\n{note}"), start)


def _plan(
    observed: Observed,
    *,
    metric: str,
    before: ExperimentStatus,
    after: ExperimentStatus,
    mutable: MutableFields,
    finish: bool,
    retry_in: float | None = None,
) -> Plan:
    """Return the plan: suspensions of TrainingJobs, else the new status, else the deletion or the next reconcile."""
    suspend_all = mutable.suspend or after.state in FINISHED_STATES
    suspend = _suspended(observed, suspend_all=suspend_all, finish=finish)
    if steps := suspensions(observed.jobs, suspend, observed.delayed):
        return Plan(steps)
    if after != before and not observed.status_apply_had_no_effect:
        transitions = transition_events(metric, before, after, suspend=mutable.suspend)
        return Plan((*map(EmitEvent, transitions), ApplyStatus(after)))
    to_live = seconds_to_live(mutable.ttl_seconds_after_finished, before, observed.report, observed.now)
    if to_live is not None and to_live <= 0:
        return Plan((DeleteSelf(),))
    late_in = seconds_until_deadline(mutable.active_deadline_seconds, after.state, after.start_time, observed.now)
    times = [to_live, retry_in, late_in, *((due - observed.now).total_seconds() for due in observed.delayed.values())]
    return Plan(requeue_after=earliest(times))


def _suspended(observed: Observed, *, suspend_all: bool, finish: bool) -> dict[RungKey, bool]:
    """Return the desired `spec.suspend` by trial and rung. Without a readable ledger, no TrainingJob is resumed.

    A trial trains one rung at a time: of several unfinished TrainingJobs, a user has created all but the oldest.
    `finish` suspends TrainingJobs that have not started.
    """
    trials, suspend = {trial.number: trial for trial in observed.trials}, dict[RungKey, bool]()
    current = dict[int, int]()
    for number, rung in sorted(observed.jobs, key=lambda key: (_creation_time(observed.jobs[key]), key)):
        if not has_ended(observed.jobs[number, rung]):
            current.setdefault(number, rung)
    for (number, rung), job in observed.jobs.items():
        trial = trials.get(number)
        is_of_ledger = may_have_new_events(trial, rung) if trial is not None else not trials
        is_expected = is_of_ledger and rung == current.get(number, rung)
        must_suspend = suspend_all or not is_expected or (finish and not has_started(job))
        if observed.ledger.events or must_suspend:
            suspend[number, rung] = must_suspend
    return suspend


def _creation_time(job: Object) -> str:
    return str(job["metadata"].get("creationTimestamp", ""))


def _has_trials(before: ExperimentStatus) -> bool:
    return before.trials is not None and before.trials.created > 0


def _start_time(before: ExperimentStatus, observed: Observed, mutable: MutableFields) -> str | None:
    """Return the start time of an Experiment. As for a Job, a resumed Experiment gets a new start time."""
    if before.state in FINISHED_STATES or not _has_trials(before):
        return before.start_time
    return None if mutable.suspend else before.start_time or timestamp(observed.now)


def _status_without_ledger(
    metadata: Metadata, mutable: MutableFields, before: ExperimentStatus, cause: StatusCause, observed: Observed
) -> ExperimentStatus:
    if needs_no_ledger(metadata, before):
        return before
    if before.state in FINISHED_STATES and _has_trials(before):
        return _with_phase(
            metadata, before, Phase(before.state, cause), observed, suspend=mutable.suspend, final=_FINAL_CONDITIONS
        )
    start = _start_time(before, observed, mutable)
    late = deadline_cause(mutable.active_deadline_seconds, start, observed.now)
    phase = Phase("Failed", late, start) if late else Phase(_state(observed, suspend=mutable.suspend), cause, start)
    after = _with_phase(metadata, before, phase, observed, suspend=mutable.suspend)
    completion_time = timestamp(observed.now) if phase.is_finished else None
    return after.model_copy(update={"start_time": start, "completion_time": completion_time})


def _with_phase(
    metadata: Metadata,
    before: ExperimentStatus,
    phase: Phase,
    observed: Observed,
    *,
    suspend: bool,
    final: frozenset[str] = frozenset(),
) -> ExperimentStatus:
    """Return the previous status with the state and conditions of a phase; conditions of the `final` types stay."""
    kept = {condition.type: condition for condition in before.conditions or [] if condition.type in final}
    new = conditions(metadata.generation, before, observed.now, phase, suspend=suspend)
    return before.model_copy(
        update={
            "observed_generation": metadata.generation,
            "state": phase.state,
            "conditions": [kept.get(condition.type, condition) for condition in new],
        }
    )


def _state(observed: Observed, *, suspend: bool) -> ExperimentState:
    jobs = [job for job in observed.jobs.values() if not has_ended(job)]
    if suspend:
        return "Suspended" if all(map(is_idle, jobs)) else "Running"
    return "Running" if any(map(is_training, jobs)) else "Queued"
