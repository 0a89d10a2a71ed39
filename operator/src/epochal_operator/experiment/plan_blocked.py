"""The plans for an Experiment with an invalid spec or an unreadable ledger: trials continue, and none starts."""

from collections.abc import Iterable

from epochal_api.condition import timestamp
from epochal_api.experiment.spec import ExperimentSpec
from epochal_api.experiment.status import ExperimentState, ExperimentStatus
from epochal_api.kind import Metadata
from epochal_api.read_status import read_status

from epochal_operator.experiment.actions import Plan, Suspend, suspensions
from epochal_operator.experiment.blockers import backoff_seconds
from epochal_operator.experiment.events import events
from epochal_operator.experiment.ledger.observe import may_have_new_events
from epochal_operator.experiment.observed import Observed
from epochal_operator.experiment.phase import deadline, lateness
from epochal_operator.experiment.reasons import Reason, StatusCause
from epochal_operator.experiment.report.plan import seconds_to_live
from epochal_operator.experiment.state import ENDED, Phase, needs_no_ledger, search_has_ended
from epochal_operator.experiment.status import conditions
from epochal_operator.experiment.trial import Place
from epochal_operator.experiment.trial_state import has_begun, has_ended, is_idle, is_trained
from epochal_operator.pods.mutable_fields import MutableFields
from epochal_operator.runtime.actions import ApplyStatus, DeleteSelf, EmitEvent
from epochal_operator.runtime.api.resource import Object

_FINAL_CONDITIONS = frozenset({"Suspended", "Complete", "Failed", "Finished"})
"""Conditions that stay unchanged after the end of a search."""


def plan_invalid_spec(document: Object, message: str, observed: Observed) -> Plan:
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
    after = invalid_spec_status(metadata, before, message, observed, mutable)
    stops_all, finishes = mutable.suspend or after.state in ENDED, document["spec"].get("finish") is True
    trials, suspend = {one.number: one for one in observed.trials}, dict[Place, bool]()
    for (number, rung), job in observed.jobs.items():
        stops = stops_all or (finishes and not has_begun(job)) or not may_have_new_events(trials.get(number), rung)
        if observed.ledger.events or stops:  # Only a readable ledger decides which trials may train.
            suspend[number, rung] = stops
    due = None if after.state in ENDED else deadline(mutable.active_deadline_seconds, after.start_time)
    return _plan(
        observed,
        steps=suspensions(observed.jobs, suspend, observed.held),
        metric="",
        before=before,
        after=after,
        ttl=mutable.ttl_seconds_after_finished,
        times=[(due - observed.now).total_seconds() if due else None],
    )


def plan_without_ledger(document: Object, spec: ExperimentSpec, cause: StatusCause, observed: Observed) -> Plan:
    """Return the plan for an Experiment with an unreadable ledger.

    Its status keeps the fields that follow only from the ledger: the numbers of trials, and the best trial. No
    TrainingJob is resumed, since only the ledger determines which of these may train.

    Args:
        document: The Experiment, as JSON.
        spec: The spec of the Experiment.
        cause: The cause that the ledger cannot be read.
        observed: The observed state of the Experiment.
    """
    metadata = Metadata.model_validate(document["metadata"])
    if metadata.deletion_timestamp is not None:
        return Plan()
    before = read_status(ExperimentStatus, document.get("status"))
    stops = spec.suspend or before.state in ENDED
    return _plan(
        observed,
        steps=suspensions(observed.jobs, dict.fromkeys(observed.jobs, True) if stops else {}, observed.held),
        metric=spec.objective.metric,
        before=before,
        after=_status_without_ledger(metadata, spec, before, cause, observed),
        ttl=spec.ttl_seconds_after_finished,
        times=[None if needs_no_ledger(metadata, before) else backoff_seconds(cause.reason, before, observed.now)],
    )


def invalid_spec_status(
    metadata: Metadata, before: ExperimentStatus, message: str, observed: Observed, mutable: MutableFields
) -> ExperimentStatus:
    """Return the status of an Experiment with an invalid spec.

    Running trials continue, or wait, because another version of Epochal may understand the spec. The result of an ended
    search stays, even if its spec becomes invalid later.

    Args:
        metadata: The metadata of the Experiment.
        before: The previous status of the Experiment.
        message: The violated rule, with the name of the field.
        observed: The observed state of the Experiment.
        mutable: The fields of its spec that apply even if the rest of the spec is invalid.
    """
    is_seen, was_over, trials = (
        before.observed_generation == metadata.generation,
        search_has_ended(before),
        before.trials,
    )
    if was_over and is_seen:
        return before  # A newer version with other rules does not change an ended Experiment.
    phase = _invalid_spec_phase(before, message, observed, mutable)
    trials, since = before.trials, before.completion_time if is_seen or was_over else None
    if trials is not None:
        running = sum(map(is_trained, observed.jobs.values()))
        queued = max(0, trials.queued + trials.running - running)
        trials = trials.model_copy(update={"running": running, "queued": queued})
    after = _changed(metadata, before, phase, observed, final=ENDED if was_over else frozenset())
    completion_time = (since or timestamp(observed.now)) if phase.ended else None
    return after.model_copy(update={"trials": trials, "start_time": phase.start, "completion_time": completion_time})


def _invalid_spec_phase(before: ExperimentStatus, message: str, observed: Observed, mutable: MutableFields) -> Phase:
    """Return the phase of an Experiment with an invalid spec: its previous phase, suspended, or too late."""
    begun = before.trials is not None and before.trials.created > 0
    state: ExperimentState = before.state if begun and before.state is not None else "Failed"
    start = before.start_time
    if before.state not in ENDED and begun:  # As for a Job, a resumed Experiment starts again.
        start = None if mutable.suspend else start or timestamp(observed.now)
    if state in ENDED:
        return Phase(state, StatusCause(Reason.INVALID_SPEC, message), start)
    if late := lateness(mutable.active_deadline_seconds, start, observed.now):
        return Phase("Failed", late, start)
    if not mutable.suspend:
        state, note = "Running" if state == "Suspended" else state, "It begins no trials; those that there are go on."
    elif not all(map(is_idle, observed.jobs.values())):
        state, note = "Running", "Its trials stop, since spec.suspend is true."
    else:
        state, note = "Suspended", "Its trials are suspended, since spec.suspend is true."
    note = observed.undone.message if observed.undone is not None else note
    return Phase(state, StatusCause(Reason.INVALID_SPEC, f"{message}\n{note}"), start)


def _plan(
    observed: Observed,
    *,
    steps: tuple[Suspend, ...],
    metric: str,
    before: ExperimentStatus,
    after: ExperimentStatus,
    ttl: int | None,
    times: Iterable[float | None],
) -> Plan:
    """Return the plan: the actions on TrainingJobs, else the new status, else the deletion or the next reconcile."""
    if steps:
        return Plan(steps)
    if after != before and not observed.told:
        return Plan((*map(EmitEvent, events(metric, before, after)), ApplyStatus(after)))
    to_live = seconds_to_live(ttl, before, observed.report, observed.now)
    if to_live is not None and to_live <= 0:
        return Plan((DeleteSelf(),))
    times = [to_live, *times, *((due - observed.now).total_seconds() for due in observed.held.values())]
    return Plan(requeue_after=min((one for one in times if one is not None), default=None))


def _status_without_ledger(
    metadata: Metadata, spec: ExperimentSpec, before: ExperimentStatus, cause: StatusCause, observed: Observed
) -> ExperimentStatus:
    if needs_no_ledger(metadata, before):
        return before
    if before.state in ENDED and before.trials and before.trials.created:
        return _changed(metadata, before, Phase(before.state, cause), observed, final=_FINAL_CONDITIONS)
    after = _changed(metadata, before, Phase(_state(spec, observed), cause), observed)
    return after.model_copy(update={"completion_time": None})


def _changed(
    metadata: Metadata,
    before: ExperimentStatus,
    phase: Phase,
    observed: Observed,
    final: frozenset[str] = frozenset(),
) -> ExperimentStatus:
    """Return the previous status with another phase; the `final` conditions stay unchanged."""
    kept = {one.type: one for one in before.conditions or [] if one.type in final}
    made = conditions(metadata.generation, before, observed.now, phase)
    return before.model_copy(
        update={
            "observed_generation": metadata.generation,
            "state": phase.state,
            "conditions": [kept.get(one.type, one) for one in made],
        }
    )


def _state(spec: ExperimentSpec, observed: Observed) -> ExperimentState:
    jobs = [job for job in observed.jobs.values() if not has_ended(job)]
    if spec.suspend:
        return "Suspended" if all(map(is_idle, jobs)) else "Running"
    return "Running" if any(map(is_trained, jobs)) else "Queued"
