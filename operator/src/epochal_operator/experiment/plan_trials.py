"""The plan for the trials of an Experiment: TrainingJobs to suspend, resume or create, and requests to the searcher."""

from itertools import count as count_from
from itertools import islice

from epochal_api.experiment.spec import ExperimentSpec
from epochal_api.experiment.status import ExperimentStatus
from epochal_api.kind import Metadata

from epochal_operator.experiment.actions import (
    Action,
    AskSearcher,
    BuildFailure,
    CreateTrial,
    ImportanceState,
    suspensions,
)
from epochal_operator.experiment.observed import Observed, ParsedSpec
from epochal_operator.experiment.schedule.next_trials import NextTrials, next_trials, stop_reason
from epochal_operator.experiment.schedule.pruning import trial_rungs
from epochal_operator.experiment.state import Phase, was_finished
from epochal_operator.experiment.status import format_value, results_uri
from epochal_operator.experiment.trial import RungKey, Trial, rank_trials
from epochal_operator.experiment.trial_job import training_job
from epochal_operator.experiment.trial_state import has_started
from epochal_operator.runtime.api.resource import Object

MAX_CREATED = 16
"""Maximum number of TrainingJobs that a plan creates. With a large template each takes long to build, and other
Experiments wait for that time."""


def actions_on_trials(
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
    if suspend_all or now.is_finished or observed.blocks_existing_trials:
        return actions
    occupied = sum(observed.job(trial) is not None for trial in observed.running) + observed.busy_unexpected_jobs
    to_create = (*missing[: max(0, spec.parallelism - occupied)], *upcoming.promote)
    return (*actions, *(_create_trial(document, parsed, trial) for trial in to_create[:MAX_CREATED]))


def trials_to_start(spec: ExperimentSpec, observed: Observed) -> NextTrials:
    """Return the trials to promote and the number of new trials for the free slots.

    During the backoff of a failed search, trials are promoted, but no new trials are requested.
    A trial whose TrainingJob is blocked occupies no slot; this applies to at most `parallelism` trials.
    """
    blocked = sum(trial.rung_key in observed.blocked for trial in observed.running)
    occupied = len(observed.running) - min(blocked, spec.parallelism) + observed.busy_unexpected_jobs
    exhausted = observed.ledger.is_exhausted or not observed.trial_capacity
    upcoming = next_trials(spec, observed.trials, occupied, exhausted=exhausted, blocked=_waiting(observed))
    create = 0 if observed.blocker is not None else upcoming.create
    return NextTrials(upcoming.promote[: observed.rung_capacity], create)


def _waiting(observed: Observed) -> frozenset[RungKey]:
    """Return the (trial, rung) of each TrainingJob that must not be created now, because it is blocked or delayed."""
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


def search_request(
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
