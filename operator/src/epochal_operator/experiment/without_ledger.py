"""The plan for an Experiment with an unreadable ledger: its trials continue, and no trial starts."""

from epochal_api.experiment import ExperimentSpec
from epochal_api.experiment_status import ExperimentState, ExperimentStatus
from epochal_api.kind import Metadata
from epochal_api.status import read_status

from epochal_operator.experiment.actions import Action, Suspend
from epochal_operator.experiment.events import events
from epochal_operator.experiment.life import time_to_live
from epochal_operator.experiment.observe import has_ended, is_idle, must_change
from epochal_operator.experiment.observed import Observed
from epochal_operator.experiment.patience import look_again_seconds
from epochal_operator.experiment.phase import Phase, is_trained
from epochal_operator.experiment.reasons import StatusCause
from epochal_operator.experiment.status import conditions
from epochal_operator.runtime.actions import ApplyStatus, DeleteSelf, EmitEvent
from epochal_operator.runtime.actions import Plan as AnyPlan
from epochal_operator.runtime.resource import Object

_ENDED = frozenset({"Complete", "Failed"})
_OF_THE_END = frozenset({"Suspended", "Complete", "Failed", "Finished"})
"""Conditions that stay unchanged after the end of a search."""

Plan = AnyPlan[Action]


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
    waits = spec.suspend or before.state in _ENDED
    steps = [
        Suspend(place, job, suspend=True)
        for place, job in observed.jobs.items()
        if waits and place not in observed.held and must_change(job, suspend=True)
    ]
    if steps:
        return Plan(tuple(steps))
    after = _status(metadata, spec, before, cause, observed)
    if after != before and not observed.told:
        return Plan((*map(EmitEvent, events(spec.objective.metric, before, after)), ApplyStatus(after)))
    life = time_to_live(spec.ttl_seconds_after_finished, before, observed.report, observed.now)
    if life is not None and life <= 0:
        return Plan((DeleteSelf(),))
    times = [life, None if is_over(metadata, before) else look_again_seconds(cause.reason, before, observed.now)]
    times += [(due - observed.now).total_seconds() for due in observed.held.values()]
    return Plan(requeue_after=min((one for one in times if one is not None), default=None))


def is_over(metadata: Metadata, before: ExperimentStatus) -> bool:
    """Return whether an Experiment with trials has ended by its current spec, so that it no longer needs a ledger.

    Args:
        metadata: The metadata of the Experiment.
        before: The status so far.
    """
    return _has_ended(before) and before.observed_generation == metadata.generation


def _has_ended(before: ExperimentStatus) -> bool:
    return before.state in _ENDED and bool(before.trials and before.trials.created)


def _status(
    metadata: Metadata, spec: ExperimentSpec, before: ExperimentStatus, cause: StatusCause, observed: Observed
) -> ExperimentStatus:
    ended = _has_ended(before)
    if is_over(metadata, before):
        return before
    state = before.state if ended and before.state is not None else _state(spec, observed)
    made = conditions(metadata.generation, before, observed.now, Phase(state, cause))
    ends = {one.type: one for one in before.conditions or [] if ended and one.type in _OF_THE_END}
    return before.model_copy(
        update={
            "observed_generation": metadata.generation,
            "state": state,
            "completion_time": before.completion_time if ended else None,
            "conditions": [ends.get(one.type, one) for one in made],
        }
    )


def _state(spec: ExperimentSpec, observed: Observed) -> ExperimentState:
    jobs = [job for job in observed.jobs.values() if not has_ended(job)]
    if spec.suspend:
        return "Suspended" if all(map(is_idle, jobs)) else "Running"
    return "Running" if any(map(is_trained, jobs)) else "Queued"
