"""How soon what is in the way is tried again."""

import pytest
from epochal_api.experiment.status import ExperimentStatus
from epochal_operator.experiment.blockers import backoff_seconds
from epochal_operator.experiment.reasons import Reason

from tests.unit.operator.objects import NOW, at


def held_up(seconds: float, ready: str = "False") -> ExperimentStatus:
    times = {"lastTransitionTime": at(-seconds), "observedGeneration": 1}
    condition = {"type": "Ready", "status": ready, "reason": "TrialsRefused", "message": ""} | times
    return ExperimentStatus.model_validate({"conditions": [condition]})


@pytest.mark.parametrize(
    ("reason", "before", "wanted"),
    [
        (Reason.TRIALS_REFUSED, ExperimentStatus(), 30),
        (Reason.TRIALS_REFUSED, held_up(0), 30),
        (Reason.TRIALS_REFUSED, held_up(120), 120),
        (Reason.TRIALS_REFUSED, held_up(86_400), 300),
        (Reason.TRIALS_REFUSED, held_up(86_400, "True"), 30),
        (Reason.TRIALS_REFUSED, held_up(-3600), 30),  # another clock
        (Reason.CLEANUP, held_up(1), 1),
        (Reason.CLEANUP, held_up(40), 40),
        (Reason.FIELD_CONFLICT, held_up(40), None),  # somebody tells its end
    ],
)
def test_the_longer_it_has_been_in_the_way_the_later(
    reason: Reason, before: ExperimentStatus, wanted: float | None
) -> None:
    assert backoff_seconds(reason, before, NOW) == wanted
