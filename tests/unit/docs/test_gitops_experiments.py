"""The health of an Experiment by docs/gitops.md, in every state."""

from typing import Any

import pytest
from epochal_api.experiment.status import EXPERIMENT_STATES, ExperimentStatus
from epochal_operator.experiment.observed import Observed
from epochal_operator.experiment.phase import derive_phase
from epochal_operator.experiment.plan_blocked import invalid_spec_status
from epochal_operator.experiment.reasons import Reason, StatusCause
from epochal_operator.experiment.status import derive_status
from epochal_operator.pods.mutable_fields import MutableFields

from tests.unit.docs.gitops import EXPRESSIONS, Object
from tests.unit.docs.training_health import (
    BEFORE,
    DONE,
    TO_MEND,
    UNDER_WAY,
    WAITS_AS_TOLD,
    WRONG,
    Health,
    training_health,
)
from tests.unit.operator.experiment.searches import spec, trial
from tests.unit.operator.experiment.test_phase import CONFLICT, REFUSED
from tests.unit.operator.experiment.test_phase import observed_state as seen
from tests.unit.operator.experiment.test_status import METADATA
from tests.unit.operator.objects import NOW, at

EXPRESSED = EXPRESSIONS["Experiment"]
BEST = trial(0, 0.1, 0.2, 0.3)
CLEANUP = StatusCause(Reason.CLEANUP, "The TrainingJob search-0-r0 of an earlier Experiment is being deleted.")


def status_of(observed: Observed, **changes: Any) -> ExperimentStatus:
    of = spec(**changes)
    return derive_status(
        METADATA,
        of,
        ExperimentStatus(),
        derive_phase(METADATA, of, ExperimentStatus(start_time=at(-60)), observed),
        observed,
    )


SEEN: dict[str, tuple[ExperimentStatus, Health]] = {
    "nothing yet": (ExperimentStatus(), BEFORE),
    "before its first trials": (status_of(seen([])), UNDER_WAY),
    "before its first trials, while those of an earlier one go": (status_of(seen([], blocker=CLEANUP)), BEFORE),
    "running": (status_of(seen([trial(0), trial(1, 0.5)])), UNDER_WAY),
    "a quota": (status_of(seen([trial(0)], blocker=REFUSED)), TO_MEND),
    "a name that is taken": (status_of(seen([trial(1)], blocked={(1, 0): CONFLICT})), TO_MEND),
    "suspended": (status_of(seen([]), suspend=True), WAITS_AS_TOLD),
    "complete": (status_of(seen([BEST]), maxTrials=1), DONE),
    "failed": (status_of(seen([trial(0, state="Failed")]), maxFailedTrials=0), WRONG),
    "a spec that is refused": (
        invalid_spec_status(METADATA, ExperimentStatus(), "spec.parameters: no", Observed(NOW), MutableFields()),
        WRONG,
    ),
}


def served(of: ExperimentStatus, generation: int = METADATA.generation) -> Object:
    return {
        "apiVersion": "epochal.dev/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": METADATA.name, "generation": generation},
        "status": of.dump(),
    }


@pytest.mark.parametrize(("of", "expected"), SEEN.values(), ids=SEEN)
def test_every_state_has_its_health(of: ExperimentStatus, expected: Health) -> None:
    assert training_health(served(of)) == expected


def test_every_state_is_tested() -> None:
    assert {of.state for of, _ in SEEN.values()} - {None} == set(EXPERIMENT_STATES)


@pytest.mark.parametrize("before", ["running", "failed", "complete"])
def test_a_status_of_another_generation_does_not_count(before: str) -> None:
    of, _ = SEEN[before]
    assert training_health(served(of, METADATA.generation + 1)) == BEFORE


def test_the_expressions_are_for_experiments() -> None:
    of = served(ExperimentStatus())
    assert (EXPRESSED["apiVersion"], EXPRESSED["kind"]) == (of["apiVersion"], of["kind"])
