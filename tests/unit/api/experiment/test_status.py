"""The status of an Experiment is explained, bounded, and read whichever version wrote it."""

from typing import Any

from epochal_api.crd import schema
from epochal_api.experiment.spec import Experiment, parse
from epochal_api.experiment.status import EXPERIMENT_CONDITIONS, EXPERIMENT_STATES, MAX_TOP, ExperimentStatus
from epochal_api.trainingjob.status import CONDITIONS, read_status

from tests.unit.api.experiment.test_spec import SMALLEST

FIELDS = schema(Experiment)["properties"]["status"]["properties"]
BEST: dict[str, Any] = {"trial": 12, "jobName": "search-12-r2", "value": "0.99", "parameters": {"rate": "0.1"}}


def test_what_another_version_says_is_read_as_far_as_it_is_understood() -> None:
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


def test_more_than_there_may_be_is_cut() -> None:
    read = read_status(ExperimentStatus, {"top": [BEST] * 30, "importance": {f"p{n}": "0.5" for n in range(99)}})
    assert len(read.top or []) == MAX_TOP
    assert len(read.importance or {}) == 32


def test_states_and_conditions_are_explained() -> None:
    assert FIELDS["state"]["enum"] == list(EXPERIMENT_STATES)
    assert all(state in FIELDS["state"]["description"] for state in EXPERIMENT_STATES)
    assert all(name in FIELDS["conditions"]["description"] for name in EXPERIMENT_CONDITIONS)
    assert set(EXPERIMENT_CONDITIONS) <= set(CONDITIONS)
