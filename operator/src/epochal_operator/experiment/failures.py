"""The causes of failed and diverged trials, as text for conditions and Events."""

from collections.abc import Sequence

from epochal_api.experiment.spec import ExperimentSpec

from epochal_operator.experiment.observed import Observed
from epochal_operator.experiment.reasons import Reason
from epochal_operator.experiment.trial import Trial
from epochal_operator.experiment.trial_state import metric_names
from epochal_operator.runtime.api.resource import Object
from epochal_operator.runtime.conditions import condition_of

MAX_CAUSES = 3
"""Maximum number of different causes in a message. The message ends with the number of further causes."""
MAX_CAUSE = 224
"""Maximum characters of the message in a cause. A longer message is cut: three causes fit into the message of a
condition."""
_READ_CHARACTERS = 4 * MAX_CAUSE
"""Length of the beginning of a TrainingJob's message that a cause uses, before repeated white space is removed."""


def failure_causes(spec: ExperimentSpec, observed: Observed) -> str:
    """Return the most frequent causes of failed and diverged trials as text, each with its first TrainingJob.

    An example is "f-mom-4-r0: InvalidTraining: Adam has no argument 'momentum' (and 2 more trials)". The text is empty
    if no trial has failed or diverged.
    """
    by_cause: dict[str, list[Trial]] = {}
    for trial in observed.trials:
        if trial.state in {"Failed", "Diverged"}:
            by_cause.setdefault(failure_cause(spec, trial.reason, observed.job(trial)), []).append(trial)
    ranked = sorted(by_cause, key=lambda cause: len(by_cause[cause]), reverse=True)
    more = [f"And {len(ranked) - MAX_CAUSES} more causes."] if len(ranked) > MAX_CAUSES else []
    return " ".join([*(_sentence(cause, by_cause[cause], observed) for cause in ranked[:MAX_CAUSES]), *more])


def failure_cause(spec: ExperimentSpec, reason: str, job: Object | None) -> str:
    """Return why a trial failed or diverged: the reason, and the shortened message of its TrainingJob, if any."""
    if reason == Reason.METRIC_UNAVAILABLE:
        message = f"spec.objective.metric is {spec.objective.metric!r}, reported metrics: {metric_names(job)}"
    else:
        message = str((condition_of(job or {}, "Failed") or {}).get("message", ""))
    text = " ".join(message[:_READ_CHARACTERS].split())
    return f"{reason}: {text if len(text) <= MAX_CAUSE else f'{text[:MAX_CAUSE]}…'}" if text else reason


def _sentence(cause: str, trials: Sequence[Trial], observed: Observed) -> str:
    """Return a cause as a sentence, with the first trial's TrainingJob and the number of further trials."""
    job, more = observed.job(trials[0]), len(trials) - 1
    name = job["metadata"]["name"] if job is not None else f"trial {trials[0].number}"
    others = f" (and {more} more trial{'' if more == 1 else 's'})" if more else ""
    return f"{name}: {cause.removesuffix('.')}{others}."
