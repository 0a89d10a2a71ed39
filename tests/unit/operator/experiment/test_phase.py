"""The state of an Experiment, and its cause."""

from typing import Any

import pytest
from epochal_api.experiment.status import ExperimentStatus
from epochal_api.kind import Metadata
from epochal_operator.experiment.observed import Observed
from epochal_operator.experiment.phase import derive_phase
from epochal_operator.experiment.reasons import Reason, StatusCause
from epochal_operator.experiment.state import Phase
from epochal_operator.experiment.status import conditions
from epochal_operator.experiment.trial import Trial
from epochal_operator.trainingjob.status.status import derive_status

from tests.unit.operator.experiment.ledger.test_observe import job
from tests.unit.operator.experiment.searches import ledger, spec, trial
from tests.unit.operator.objects import (
    DOUBTFUL_LABELS,
    NOW,
    at,
    child,
    seen,
    training_job,
    unmatched,
    unscheduled,
)

METADATA = Metadata(name="search", namespace="vision", uid="e", generation=3)
DONE = trial(0, 0.1, 0.2, 0.3)
TROUBLE = [{"type": "Ready", "status": "False", "reason": "ImagePullBackOff", "message": "no such image"}]
STALLED = [*TROUBLE, {"type": "Stalled", "status": "True", "reason": "NoMatchingNode", "message": "no such labels"}]
PASSES = [{"type": "Ready", "status": "False", "reason": "Creating", "message": ""}]
IMPORTS, PULLS = ([{"type": "Ready", "status": "True", "reason": word}] for word in ("ImportingKeras", "PullingImage"))
CONFLICT = StatusCause(Reason.NAME_CONFLICT, "search-1-r0 is somebody else's")
REFUSED = StatusCause(Reason.TRIALS_REFUSED, "exceeded quota")

FAILED = [
    *(trial(number, state="Failed", reason="InvalidTraining") for number in range(2)),
    trial(2, state="Diverged", reason="NonFiniteLoss"),
]
BAD = [
    job(
        number, conditions=[{"type": "Failed", "status": "True", "reason": "InvalidTraining", "message": "no momentum"}]
    )
    for number in range(2)
]


def observed_state(trials: list[Trial], *jobs: Any, **rest: Any) -> Observed:
    places = [one["metadata"]["name"].split("-")[1:] for one in jobs]
    by_place = {(int(number), int(rung[1:])): one for (number, rung), one in zip(places, jobs, strict=True)}
    own = ledger(**{name: rest.pop(name) for name in ("size", "is_exhausted") if name in rest})
    return Observed(NOW, own, trials=tuple(trials), jobs=by_place, **rest)


@pytest.mark.parametrize(
    ("observed", "changes", "expected"),
    [
        (observed_state([]), {}, ("Queued", "Queued")),
        (observed_state([trial(0)], job(0)), {}, ("Queued", "Queued")),
        (observed_state([trial(0)], job(0, state="Running")), {}, ("Running", "Running")),
        (observed_state([trial(0)], job(0, state="Starting", conditions=IMPORTS)), {}, ("Running", "Running")),
        (observed_state([trial(0)], job(0, state="Starting", conditions=PULLS)), {}, ("Queued", "Queued")),
        (observed_state([trial(0), trial(1, 0.5)], job(0)), {}, ("Running", "Running")),
        # Blocked.
        (observed_state([trial(0)], job(0, conditions=TROUBLE)), {}, ("Queued", "TrialsNotReady")),
        (observed_state([trial(0)], job(0, conditions=STALLED)), {}, ("Queued", "TrialsStalled")),
        (
            observed_state([trial(0), trial(1)], job(0, conditions=STALLED), job(1, conditions=TROUBLE)),
            {},
            ("Queued", "TrialsNotReady"),
        ),
        (observed_state([trial(0)], job(0, conditions=PASSES)), {}, ("Queued", "Queued")),
        (
            observed_state([trial(0), trial(1)], job(0, conditions=TROUBLE), job(1, state="Running")),
            {},
            ("Running", "Running"),
        ),
        (observed_state([trial(1)], blocked={(1, 0): CONFLICT}), {}, ("Queued", "NameConflict")),
        (observed_state([trial(1)], blocked={(1, 0): CONFLICT}, blocker=REFUSED), {}, ("Queued", "TrialsRefused")),
        # suspend and finish.
        (observed_state([]), {"suspend": True}, ("Suspended", "Suspended")),
        (observed_state([trial(0)], job(0, state="Running")), {"suspend": True}, ("Running", "Suspending")),
        (observed_state([trial(0)], job(0, state="Suspended")), {"suspend": True}, ("Suspended", "Suspended")),
        (observed_state([trial(0, 0.1)], job(0, 1, state="Running")), {"finish": True}, ("Complete", "FinishedEarly")),
        (
            observed_state([trial(0, 0.1), trial(1, uids=("u",))], job(1, state="Running")),
            {"finish": True},
            ("Running", "Finishing"),
        ),
        # Finished.
        (observed_state([DONE]), {"maxTrials": 1}, ("Complete", "Completed")),
        (observed_state([DONE]), {"maxTrials": 1, "suspend": True}, ("Complete", "Completed")),
        (observed_state([DONE], is_exhausted=True), {}, ("Complete", "SearchExhausted")),
        (observed_state([DONE], size=250_000), {}, ("Complete", "LedgerFull")),
        (observed_state([trial(0, state="Failed")], size=250_000), {}, ("Failed", "NoTrialSucceeded")),
        (observed_state([trial(0, state="Failed")]), {"maxTrials": 1}, ("Failed", "NoTrialSucceeded")),
        (observed_state([trial(0)], size=250_000), {}, ("Queued", "LedgerFull")),
        (observed_state([trial(0)], size=250_000), {"maxTrials": 1}, ("Queued", "Queued")),
        (observed_state([trial(0)], size=250_000, is_exhausted=True), {}, ("Queued", "Queued")),
        (observed_state([trial(0, 0.1)], size=204_672), {"maxTrials": 1}, ("Running", "Running")),
        (observed_state([trial(0, state="Failed")]), {"maxFailedTrials": 0}, ("Failed", "TooManyFailedTrials")),
        (observed_state([trial(0)]), {"activeDeadlineSeconds": 60}, ("Failed", "DeadlineExceeded")),
        (observed_state([trial(0)]), {"activeDeadlineSeconds": 61}, ("Queued", "Queued")),
        (observed_state([DONE]), {"activeDeadlineSeconds": 60, "maxTrials": 1}, ("Complete", "Completed")),
    ],
)
def test_state_and_reason(observed: Observed, changes: dict[str, Any], expected: tuple[str, str]) -> None:
    found = derive_phase(METADATA, spec(**changes), ExperimentStatus(start_time=at(-60)), observed)
    assert (found.state, found.cause.reason) == expected
    assert found.is_finished is (expected[0] in {"Complete", "Failed"})


@pytest.mark.parametrize("message", DOUBTFUL_LABELS)
def test_trials_without_a_matching_node_are_stalled(message: str) -> None:
    reasons = []
    for training, seconds in ((training_job(), -899), (training_job(), -900), (unmatched(-900), -1800)):
        status = derive_status(training, seen(child(), unscheduled(message, seconds))).dump()
        observed = observed_state([trial(0)], job(0, **status))
        reasons.append(derive_phase(METADATA, spec(), ExperimentStatus(start_time=at(-60)), observed).cause.reason)
    assert reasons == ["Queued", "TrialsNotReady", "TrialsStalled"]


def test_the_deadline_starts_with_the_start_time() -> None:
    found = derive_phase(METADATA, spec(activeDeadlineSeconds=1), ExperimentStatus(), observed_state([trial(0)]))
    assert found.state == "Queued"


@pytest.mark.parametrize(
    ("observed", "changes", "words"),
    [
        (observed_state([trial(0)], job(0, conditions=TROUBLE)), {}, "search-0-r0: ImagePullBackOff: no such image"),
        (
            observed_state([trial(7, state="Failed", reason="OutOfMemory")]),
            {"maxFailedTrials": 0},
            "raise spec.maxFailedTrials to continue. trial 7: OutOfMemory.",
        ),
        (
            observed_state(FAILED, *BAD),
            {"maxTrials": 3},
            "new Experiment. search-0-r0: InvalidTraining: no momentum (and 1 more trial). trial 2: NonFiniteLoss.",
        ),
        (
            observed_state([]),
            {"finish": True},
            "No trial has a value of val_accuracy: of 0 trials, 0 failed and 0 diverged. The search ended before",
        ),
        # The first failure is reported while the search goes on, until a trial has a value.
        (
            observed_state([FAILED[0], trial(1)], BAD[0], job(1, state="Running")),
            {},
            "The trials are training. No trial has a value of val_accuracy yet. search-0-r0: InvalidTraining: no mom",
        ),
        (observed_state([FAILED[0], trial(1)], BAD[0], job(1)), {}, "search-0-r0: InvalidTraining: no momentum."),
        (observed_state([FAILED[0], trial(1, 0.5)], BAD[0]), {}, "The trials are training."),
        (
            observed_state([DONE]),
            {"objective": {"metric": "a", "goal": "Maximize", "target": "0.3"}},
            "spec.objective.target: 0.3",
        ),
    ],
)
def test_messages(observed: Observed, changes: dict[str, Any], words: str) -> None:
    assert words in derive_phase(METADATA, spec(**changes), ExperimentStatus(), observed).cause.message


def ended_status(end: Phase, generation: int = 3) -> ExperimentStatus:
    return ExperimentStatus(
        state=end.state, conditions=conditions(generation, ExperimentStatus(), NOW, end, suspend=False)
    )


@pytest.mark.parametrize("changes", [{"maxTrials": 3}, {"maxFailedTrials": 1}])
def test_the_causes_of_an_end_stay_without_training_jobs(changes: dict[str, Any]) -> None:
    end = derive_phase(METADATA, spec(**changes), ExperimentStatus(), observed_state(FAILED, *BAD))
    assert "search-0-r0: InvalidTraining: no momentum" in end.cause.message
    assert derive_phase(METADATA, spec(**changes), ended_status(end), observed_state(FAILED)).cause == end.cause
    # A change of the spec causes a new end.
    changed = derive_phase(METADATA, spec(**changes), ended_status(end, 2), observed_state(FAILED))
    assert "trial 0: InvalidTraining" in changed.cause.message


def test_an_upgrade_keeps_a_complete_experiment_without_a_value() -> None:
    """Version 0.1.0 has no reason NoTrialSucceeded."""
    end = Phase("Complete", StatusCause(Reason.COMPLETED, "All 3 trials have finished."))
    search, observed = spec(maxTrials=3), observed_state(FAILED)
    found = derive_phase(METADATA, search, ended_status(end), observed)
    assert (found.state, found.cause) == (end.state, end.cause)
    # A change of the spec causes a new end.
    changed = derive_phase(METADATA, search, ended_status(end, 2), observed)
    assert (changed.state, changed.cause.reason) == ("Failed", "NoTrialSucceeded")
