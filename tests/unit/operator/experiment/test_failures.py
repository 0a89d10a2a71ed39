"""The causes of failed trials, as text for conditions and Events."""

from typing import Any

import pytest
from epochal_operator.experiment.failures import MAX_CAUSE, failure_cause, failure_causes
from epochal_operator.experiment.observed import Observed
from epochal_operator.experiment.trial import Trial
from epochal_operator.experiment.trial_state import jobs_by_rung

from tests.unit.operator.experiment.ledger.test_observe import complete, job
from tests.unit.operator.experiment.searches import spec, trial
from tests.unit.operator.objects import NOW

ADAM = "spec.training.optimizer (Adam): Adam has no argument 'momentum'"


def ended(number: int, reason: str, message: str = "", *, rung: int = 0) -> Any:
    """Returns a TrainingJob that has failed."""
    return job(number, rung, conditions=[{"type": "Failed", "status": "True", "reason": reason, "message": message}])


def failed_trial(number: int, reason: str = "InvalidTraining", *values: float) -> Trial:
    return trial(number, *values, state="Failed", reason=reason)


def causes(*trials: Trial, jobs: tuple[Any, ...] = ()) -> str:
    by_rung = jobs_by_rung(jobs, {"name": "search", "uid": "e"})
    return failure_causes(spec(), Observed(NOW, trials=trials, jobs=by_rung))


@pytest.mark.parametrize(
    ("trials", "jobs", "expected"),
    [
        ((trial(0, 0.5), trial(1)), (), ""),
        (
            (trial(0), failed_trial(4)),
            (ended(4, "InvalidTraining", ADAM),),
            f"search-4-r0: InvalidTraining: {ADAM}.",
        ),
        (
            (failed_trial(1, "OutOfMemory"), failed_trial(2), failed_trial(4)),
            (ended(1, "OutOfMemory", "raise the limit."), *(ended(one, "InvalidTraining", ADAM) for one in (2, 4))),
            f"search-2-r0: InvalidTraining: {ADAM} (and 1 more trial). search-1-r0: OutOfMemory: raise the limit.",
        ),
        # The TrainingJobs were deleted, or were never created.
        ((failed_trial(1), failed_trial(2)), (), "trial 1: InvalidTraining (and 1 more trial)."),
        # A later rung.
        (
            (failed_trial(1, "OutOfMemory", 0.5),),
            (complete(1), ended(1, "OutOfMemory", "x", rung=1)),
            "search-1-r1: OutOfMemory: x.",
        ),
        (
            (trial(1, state="Diverged", reason="NonFiniteLoss"),),
            (ended(1, "NonFiniteLoss", "loss is NaN"),),
            "search-1-r0: NonFiniteLoss: loss is NaN.",
        ),
        (
            tuple(failed_trial(number, f"Cause{number}") for number in range(5)),
            (),
            "trial 0: Cause0. trial 1: Cause1. trial 2: Cause2. And 2 more causes.",
        ),
    ],
)
def test_causes(trials: tuple[Trial, ...], jobs: tuple[Any, ...], expected: str) -> None:
    assert causes(*trials, jobs=jobs) == expected


def test_a_missing_metric_names_the_reported_metrics() -> None:
    cause = failure_cause(spec(), "MetricUnavailable", complete(1))
    assert cause == "MetricUnavailable: spec.objective.metric is 'val_accuracy', reported metrics: val_accuracy"


def test_a_long_message_is_one_short_line() -> None:
    cause = failure_cause(spec(), "Crashed", ended(1, "Crashed", "line\n" * 10_000))
    assert cause.startswith("Crashed: line line line")
    assert len(cause) == len("Crashed: ") + MAX_CAUSE + 1
