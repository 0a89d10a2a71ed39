"""Asynchronous successive halving (ASHA), https://arxiv.org/abs/1810.05934."""

from collections.abc import Sequence

from epochal_api.experiment.spec import ExperimentSpec, Schedule

from epochal_operator.experiment.trial import Trial


def rungs(schedule: Schedule, epochs: int) -> tuple[int, ...]:
    """Return the epochs after which trials are compared; the last value is all epochs.

    The other values are minEpochs times powers of the reduction factor, as long as the value times the square root of
    the factor is at most `epochs`.
    """
    rungs, epoch = [], schedule.min_epochs
    while epoch**2 * schedule.factor <= epochs**2:
        rungs.append(epoch)
        epoch *= schedule.factor
    return (*rungs, epochs)


def promotions(trials: Sequence[Trial], count: int, spec: ExperimentSpec, *, closed: bool) -> list[Trial]:
    """Return the trials of a bracket that continue with their next rung: the highest rungs first.

    Of n trials that finished a rung, the best n / factor are promoted; trials that still run do not delay this. If a
    trial failed after its promotion, another trial is promoted instead.

    Args:
        trials: The trials of the bracket.
        count: The number of rungs of the bracket.
        spec: The spec of the Experiment.
        closed: Whether no new trials will be created. Then each complete rung promotes at least one trial.
    """
    promoted: list[Trial] = []
    for rung in range(count - 1):
        is_open = promoted or any(trial.state == "Running" and len(trial.rungs) <= rung for trial in trials)
        best = _best_trials(trials, rung, spec, min_count=1 if closed and not is_open else 0)
        promoted = [*(trial for trial in best if len(trial.rungs) == rung + 1 and trial.can_be_promoted), *promoted]
    return promoted


def max_promotions(count: int, trials: int, factor: int) -> int:
    """Return the largest number of promotions in a bracket with `count` rungs, if no promoted trial fails."""
    return sum(max(1, trials // factor**rung) for rung in range(1, count))


def _best_trials(trials: Sequence[Trial], rung: int, spec: ExperimentSpec, *, min_count: int) -> list[Trial]:
    """Return the best trials that finished a rung: the trials already promoted, and the trials to promote.

    Their number is the number of finished trials divided by the reduction factor, at least `min_count`. Failed trials
    and trials dropped while paused count as finished, but other trials are returned in their place.
    """
    finished = [
        (value, trial) for trial in trials if len(trial.rungs) > rung and (value := trial.rungs[rung].value) is not None
    ]
    sign = -1 if spec.objective.goal == "Maximize" else 1
    eligible = [(sign * value, trial.number, trial) for value, trial in finished if not _is_replaced(trial, rung)]
    count = max(min_count, len(finished) // spec.schedule.factor)
    return [trial for *_, trial in sorted(eligible, key=lambda entry: entry[:2])[:count]]


def _is_replaced(trial: Trial, rung: int) -> bool:
    """Return whether this trial failed, diverged or was dropped, so that another trial is promoted in its place."""
    dropped = trial.dropped and trial.state == "Paused" and len(trial.rungs) == rung + 1
    return dropped or trial.state in {"Failed", "Diverged"}
