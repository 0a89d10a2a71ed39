"""How long an Experiment that has ended stays."""

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
        (600, report(1, ""), DAY),  # it is being written
        (600, report(1, "Failed"), DAY),  # it is tried again
        (600, report(1, "Failed", age=-DAY), 600),  # it is given up
        (2 * DAY, report(1, "Failed"), 2 * DAY),
        (None, report(1), None),
    ],
)
def test_it_stays_for_its_time_and_until_its_report_is_written(ttl: float | None, job: Any, left: float | None) -> None:
    assert seconds_to_live(None if ttl is None else int(ttl), ended(), job, NOW) == left


def test_of_its_time_what_has_passed_is_over() -> None:
    assert seconds_to_live(600, ended(), None, NOW + timedelta(seconds=601)) == -1


def test_what_goes_on_stays() -> None:
    assert seconds_to_live(0, ended("False"), None, NOW) is None


@pytest.mark.parametrize(("reason", "left"), [("InvalidSpec", None), ("TooManyFailedTrials", 600)])
def test_an_experiment_with_a_refused_spec_stays(reason: str, left: float | None) -> None:
    assert seconds_to_live(600, ended(kind="Failed", reason=reason), None, NOW) == left
