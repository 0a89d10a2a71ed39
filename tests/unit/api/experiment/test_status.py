"""The status of an Experiment, as read from any version."""

from typing import Any

from epochal_api.experiment.spec import parse
from epochal_api.experiment.status import MAX_TOP, ExperimentStatus
from epochal_api.read_status import read_status

from tests.unit.api.experiment.test_spec import SMALLEST

BEST: dict[str, Any] = {"trial": 12, "jobName": "search-12-r2", "value": "0.99", "parameters": {"rate": "0.1"}}


def test_status_of_another_version_is_read_in_part() -> None:
    best = BEST | {"of": "all"}
    status = {"state": "Dreaming", "trials": {"created": 3, "asleep": 2}, "best": best, "top": [best, {"trial": 1}]}
    read = read_status(ExperimentStatus, status)
    assert read.state is None
    assert read.trials is not None
    assert (read.trials.created, read.trials.diverged) == (3, 0)
    assert read.best is not None
    assert read.best.parameters == {"rate": "0.1"}
    assert [one.trial for one in read.top or []] == [12]
    assert parse({**SMALLEST, "status": status}).status == read


def test_long_lists_and_maps_are_cut() -> None:
    read = read_status(ExperimentStatus, {"top": [BEST] * 30, "importance": {f"p{n}": "0.5" for n in range(99)}})
    assert len(read.top or []) == MAX_TOP
    assert len(read.importance or {}) == 32
