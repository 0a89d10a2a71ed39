"""Where an Experiment is, and why."""

from typing import Any

import pytest
from epochal_api.experiment.status import ExperimentStatus
from epochal_operator.experiment.observed import Observed
from epochal_operator.experiment.phase import phase
from epochal_operator.experiment.reasons import Reason, StatusCause
from epochal_operator.experiment.trial import Trial

from tests.unit.operator.experiment.ledger.test_observe import job
from tests.unit.operator.experiment.searches import ledger, spec, trial
from tests.unit.operator.objects import NOW, at

DONE = trial(0, 0.1, 0.2, 0.3)
TROUBLE = [{"type": "Ready", "status": "False", "reason": "ImagePullBackOff", "message": "no such image"}]
STALLED = [*TROUBLE, {"type": "Stalled", "status": "True", "reason": "NoMatchingNode", "message": "no such labels"}]
PASSES = [{"type": "Ready", "status": "False", "reason": "Creating", "message": ""}]
CONFLICT = StatusCause(Reason.NAME_CONFLICT, "search-1-r0 is somebody else's")
REFUSED = StatusCause(Reason.TRIALS_REFUSED, "exceeded quota")


def seen(trials: list[Trial], *jobs: Any, **rest: Any) -> Observed:
    places = [one["metadata"]["name"].split("-")[1:] for one in jobs]
    by_place = {(int(number), int(rung[1:])): one for (number, rung), one in zip(places, jobs, strict=True)}
    own = ledger(**{name: rest.pop(name) for name in ("size", "exhausted") if name in rest})
    return Observed(NOW, own, trials=tuple(trials), jobs=by_place, **rest)


@pytest.mark.parametrize(
    ("observed", "changes", "wanted"),
    [
        (seen([]), {}, ("Queued", "Queued")),
        (seen([trial(0)], job(0)), {}, ("Queued", "Queued")),
        (seen([trial(0)], job(0, state="Running")), {}, ("Running", "Running")),
        (seen([trial(0), trial(1, 0.5)], job(0)), {}, ("Running", "Running")),
        # In the way.
        (seen([trial(0)], job(0, conditions=TROUBLE)), {}, ("Queued", "TrialsNotReady")),
        (seen([trial(0)], job(0, conditions=STALLED)), {}, ("Queued", "TrialsStalled")),
        (
            seen([trial(0), trial(1)], job(0, conditions=STALLED), job(1, conditions=TROUBLE)),
            {},
            ("Queued", "TrialsNotReady"),
        ),
        (seen([trial(0)], job(0, conditions=PASSES)), {}, ("Queued", "Queued")),
        (seen([trial(0), trial(1)], job(0, conditions=TROUBLE), job(1, state="Running")), {}, ("Running", "Running")),
        (seen([trial(1)], blocked={(1, 0): CONFLICT}), {}, ("Queued", "NameConflict")),
        (seen([trial(1)], blocked={(1, 0): CONFLICT}, hindered=REFUSED), {}, ("Queued", "TrialsRefused")),
        # As its spec asks.
        (seen([]), {"suspend": True}, ("Suspended", "Suspended")),
        (seen([trial(0)], job(0, state="Running")), {"suspend": True}, ("Running", "Suspending")),
        (seen([trial(0)], job(0, state="Suspended")), {"suspend": True}, ("Suspended", "Suspended")),
        (seen([trial(0, 0.1)], job(0, 1, state="Running")), {"finish": True}, ("Complete", "FinishedEarly")),
        (
            seen([trial(0, 0.1), trial(1, uids=("u",))], job(1, state="Running")),
            {"finish": True},
            ("Running", "Finishing"),
        ),
        # Over.
        (seen([DONE]), {"maxTrials": 1}, ("Complete", "Completed")),
        (seen([DONE]), {"maxTrials": 1, "suspend": True}, ("Complete", "Completed")),
        (seen([DONE], exhausted=True), {}, ("Complete", "SearchExhausted")),
        (seen([DONE], size=250_000), {}, ("Complete", "LedgerFull")),
        (seen([trial(0)], size=250_000), {}, ("Queued", "LedgerFull")),
        (seen([trial(0)], size=250_000), {"maxTrials": 1}, ("Queued", "Queued")),
        (seen([trial(0)], size=250_000, exhausted=True), {}, ("Queued", "Queued")),
        (seen([trial(0, 0.1)], size=204_672), {"maxTrials": 1}, ("Running", "Running")),
        (seen([trial(0, state="Failed")]), {"maxFailedTrials": 0}, ("Failed", "TooManyFailedTrials")),
        (seen([trial(0)]), {"activeDeadlineSeconds": 60}, ("Failed", "DeadlineExceeded")),
        (seen([trial(0)]), {"activeDeadlineSeconds": 61}, ("Queued", "Queued")),
        (seen([DONE]), {"activeDeadlineSeconds": 60, "maxTrials": 1}, ("Complete", "Completed")),
    ],
)
def test_where_it_is(observed: Observed, changes: dict[str, Any], wanted: tuple[str, str]) -> None:
    found = phase(spec(**changes), ExperimentStatus(start_time=at(-60)), observed)
    assert (found.state, found.cause.reason) == wanted
    assert found.ended is (wanted[0] in {"Complete", "Failed"})


def test_the_deadline_counts_from_the_start() -> None:
    assert phase(spec(activeDeadlineSeconds=1), ExperimentStatus(), seen([trial(0)])).state == "Queued"


@pytest.mark.parametrize(
    ("observed", "changes", "words"),
    [
        (seen([trial(0)], job(0, conditions=TROUBLE)), {}, "search-0-r0: ImagePullBackOff: no such image"),
        (
            seen([trial(7, state="Failed", reason="OutOfMemory")]),
            {"maxFailedTrials": 0},
            "more than spec.maxFailedTrials: 0. The last one, trial 7, did for the reason OutOfMemory",
        ),
        (
            seen([DONE]),
            {"objective": {"metric": "a", "goal": "Maximize", "target": "0.3"}},
            "spec.objective.target: 0.3",
        ),
    ],
)
def test_why(observed: Observed, changes: dict[str, Any], words: str) -> None:
    assert words in phase(spec(**changes), ExperimentStatus(), observed).cause.message
