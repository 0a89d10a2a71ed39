"""Which transitions of an Experiment are Events."""

from typing import Any

import pytest
from epochal_api.experiment.status import ExperimentStatus
from epochal_operator.experiment.events import events, rejected, report_failed
from epochal_operator.experiment.reasons import Reason, StatusCause
from epochal_operator.experiment.state import Phase
from epochal_operator.experiment.trial import Trial

from tests.unit.operator.experiment.searches import trial
from tests.unit.operator.experiment.test_status import derived


def at_phase(reason: Reason, state: Any = "Running", *trials: Trial, message: str = "why") -> ExperimentStatus:
    found: ExperimentStatus = derived(list(trials), now=Phase(state, StatusCause(reason, message)))
    return found


NOTHING = ExperimentStatus()
RUNNING = at_phase(Reason.RUNNING)
CONFLICT = at_phase(Reason.NAME_CONFLICT)
SUSPENDED = at_phase(Reason.SUSPENDED, "Suspended")


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        (NOTHING, at_phase(Reason.QUEUED, "Queued"), []),
        (NOTHING, RUNNING, []),
        (RUNNING, CONFLICT, ["NameConflict"]),
        (CONFLICT, CONFLICT, []),
        (CONFLICT, at_phase(Reason.NAME_CONFLICT, message="other words"), []),
        (RUNNING, SUSPENDED, ["Suspended"]),
        (SUSPENDED, RUNNING, ["Resumed"]),
        (RUNNING, at_phase(Reason.COMPLETED, "Complete"), ["Completed"]),
        (RUNNING, at_phase(Reason.LEDGER_FULL), ["LedgerFull"]),
        (at_phase(Reason.LEDGER_FULL), at_phase(Reason.LEDGER_FULL, "Complete"), ["LedgerFull"]),
        (RUNNING, at_phase(Reason.DEADLINE_EXCEEDED, "Failed"), ["DeadlineExceeded"]),
        (RUNNING, at_phase(Reason.RUNNING, "Running", trial(1, 0.5)), ["NewBest"]),
        (at_phase(Reason.RUNNING, "Running", trial(1, 0.5)), at_phase(Reason.RUNNING, "Running", trial(1, 0.5, 0.6)),
         ["NewBest"]),
        (at_phase(Reason.RUNNING, "Running", trial(1, 0.5)),
         at_phase(Reason.RUNNING, "Running", trial(1, 0.5), trial(2, 0.4)),
         []),
        (at_phase(Reason.RUNNING, "Running", trial(1, 0.5)),
         at_phase(Reason.COMPLETED, "Complete", trial(1, 0.5), trial(2, 0.6)), ["NewBest", "Completed"]),
    ],
)  # fmt: skip
def test_what_is_told(before: ExperimentStatus, after: ExperimentStatus, wanted: list[str]) -> None:
    assert [str(one.reason) for one in events("val_accuracy", before, after)] == wanted


def test_the_best_is_named_with_what_made_it() -> None:
    best = trial(12, 0.9921, parameters={"rate": "0.0021", "filters": "32"})
    (told,) = events("val_accuracy", RUNNING, at_phase(Reason.RUNNING, "Running", best))
    assert told.note == "The best is trial 12, search-12-r0: val_accuracy 0.9921 with rate 0.0021, filters 32."
    assert told.type == "Normal"
    (told,) = events("val_accuracy", RUNNING, at_phase(Reason.RUNNING, "Running", trial(0, 0.5)))
    assert "trial 0 (the template as it is written)" in told.note
    many = trial(12, 0.9, parameters={f"p{number}": "1" for number in range(20)})
    (told,) = events("val_accuracy", RUNNING, at_phase(Reason.RUNNING, "Running", many))
    assert told.note.endswith("p7 1, ….")


def test_the_end_names_the_best() -> None:
    before = at_phase(Reason.RUNNING, "Running", trial(1, 0.5))
    (told,) = events("loss", before, at_phase(Reason.COMPLETED, "Complete", trial(1, 0.5), message="All are done."))
    assert told.note == "All are done. The best is trial 1, search-1-r0: loss 0.5."


def test_what_one_trial_and_the_report_tell() -> None:
    refused = rejected("search-1-r0", "spec.network: must not")
    assert (refused.type, refused.reason, refused.key) == ("Warning", "TrialRejected", "search-1-r0")
    assert "spec.network: must not" in refused.note
    assert report_failed("search-report", "No bucket.", "uid").note.endswith("No bucket.")


@pytest.mark.parametrize(("value", "maximize", "wanted"), [
    (0.6, True, ["NewBest"]), (0.4, True, []), (0.6, False, []), (0.4, False, ["NewBest"]), (0.5, True, []),
])  # fmt: skip
def test_a_best_that_has_become_worse_is_no_new_best(value: float, wanted: list[str], *, maximize: bool) -> None:
    before = at_phase(Reason.RUNNING, "Running", trial(1, 0.5))
    after = at_phase(Reason.RUNNING, "Running", trial(2, value))
    assert [str(one.reason) for one in events("loss", before, after, maximize=maximize)] == wanted
