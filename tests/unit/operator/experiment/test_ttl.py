"""The deletion of finished Experiments after ttlSecondsAfterFinished."""

from datetime import timedelta
from typing import Any

import pytest
from epochal_api.experiment.status import ExperimentStatus
from epochal_operator.experiment.report.plan import seconds_to_live

from tests.unit.operator.experiment.report.test_plan import report
from tests.unit.operator.objects import NOW, at

DAY = 86_400.0


def ended(finished: str = "True", kind: str = "Complete", reason: str = "Completed") -> ExperimentStatus:
    times = {"lastTransitionTime": at(0), "observedGeneration": 1, "status": finished, "message": ""}
    conditions = [{"type": kind, "reason": reason} | times, {"type": "Finished", "reason": kind} | times]
    return ExperimentStatus.model_validate({"completionTime": at(0), "conditions": conditions})


@pytest.mark.parametrize(
    ("ttl", "job", "left"),
    [
        (600, None, 600),
        (600, report(1), 600),
        (600, report(1, ""), DAY),  # the Job is running
        (600, report(1, "Failed"), DAY),  # retried
        (600, report(1, "Failed", age=-DAY), 600),  # no more retries
        (2 * DAY, report(1, "Failed"), 2 * DAY),
        (None, report(1), None),
    ],
)
def test_ttl_and_report(ttl: float | None, job: Any, left: float | None) -> None:
    assert seconds_to_live(None if ttl is None else int(ttl), ended(), job, NOW) == left


def test_elapsed_time_counts() -> None:
    assert seconds_to_live(600, ended(), None, NOW + timedelta(seconds=601)) == -1


def test_a_running_experiment_is_not_deleted() -> None:
    assert seconds_to_live(0, ended("False"), None, NOW) is None


@pytest.mark.parametrize(("reason", "left"), [("InvalidSpec", None), ("TooManyFailedTrials", 600)])
def test_ttl_depends_on_the_failure(reason: str, left: float | None) -> None:
    assert seconds_to_live(600, ended(kind="Failed", reason=reason), None, NOW) == left
