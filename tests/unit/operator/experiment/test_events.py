"""The Events for transitions of an Experiment."""

from typing import Any

import pytest
from epochal_api.experiment.status import ExperimentStatus
from epochal_operator.experiment.events import metric_unavailable, report_failed, transition_events, trial_rejected
from epochal_operator.experiment.reasons import Reason, StatusCause
from epochal_operator.experiment.state import Phase
from epochal_operator.experiment.trial import Trial
from epochal_operator.runtime.conditions import is_true

from tests.unit.operator.experiment.searches import trial
from tests.unit.operator.experiment.test_status import derived


def at_phase(reason: Reason, state: Any = "Running", *trials: Trial, message: str = "why") -> ExperimentStatus:
    found: ExperimentStatus = derived(list(trials), now=Phase(state, StatusCause(reason, message)))
    return found


NOTHING = ExperimentStatus()
RUNNING_PHASE = Phase("Running", StatusCause(Reason.RUNNING, "The trials are training."))
RUNNING = at_phase(Reason.RUNNING)
CONFLICT = at_phase(Reason.NAME_CONFLICT)
SUSPENDED = at_phase(Reason.SUSPENDED, "Suspended")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
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
def test_events_of_transitions(before: ExperimentStatus, after: ExperimentStatus, expected: list[str]) -> None:
    assert [str(one.reason) for one in transition_events("val_accuracy", before, after)] == expected


def test_resume_has_one_event_for_each_suspension() -> None:
    later = RUNNING.model_copy(update={"observed_generation": (RUNNING.observed_generation or 0) + 1})
    events = {one for after in (RUNNING, later) for one in transition_events("val_accuracy", SUSPENDED, after)}
    assert len(events) == 1
    assert transition_events("val_accuracy", SUSPENDED, RUNNING, suspend=True) == []


def test_resume_before_the_end_of_a_late_pod_has_one_event() -> None:
    stopping = Phase("Running", StatusCause(Reason.SUSPENDING, "The trials are stopping."))
    late: ExperimentStatus = derived([], SUSPENDED, stopping, changes={"suspend": True})
    assert transition_events("val_accuracy", SUSPENDED, late, suspend=True) == []
    assert is_true(late.conditions, "Suspended")
    resumed: ExperimentStatus = derived([], late, RUNNING_PHASE)
    assert [str(one.reason) for one in transition_events("val_accuracy", late, resumed)] == ["Resumed"]
    assert not is_true(resumed.conditions, "Suspended")


def test_a_suspension_has_one_event() -> None:
    later = SUSPENDED.model_copy(update={"observed_generation": (SUSPENDED.observed_generation or 0) + 1})
    events = {one for after in (SUSPENDED, later) for one in transition_events("val_accuracy", RUNNING, after)}
    assert [str(one.reason) for one in events] == ["Suspended"]
    stopping = Phase("Running", StatusCause(Reason.SUSPENDING, "The trials are stopping."))
    late: ExperimentStatus = derived([], SUSPENDED, stopping, changes={"suspend": True})
    assert transition_events("val_accuracy", late, later, suspend=True) == [], "a late pod has ended"


def test_a_suspension_does_not_begin_before_the_trials_have_stopped() -> None:
    stopping = Phase("Running", StatusCause(Reason.SUSPENDING, "The trials are stopping."))
    late: ExperimentStatus = derived([], RUNNING, stopping, changes={"suspend": True})
    assert not is_true(late.conditions, "Suspended")


def test_new_best_names_the_parameters() -> None:
    best = trial(12, 0.9921, parameters={"rate": "0.0021", "filters": "32"})
    (event,) = transition_events("val_accuracy", RUNNING, at_phase(Reason.RUNNING, "Running", best))
    assert event.note == "The best trial is trial 12, search-12-r0: val_accuracy 0.9921 with rate 0.0021, filters 32."
    assert event.type == "Normal"
    (event,) = transition_events("val_accuracy", RUNNING, at_phase(Reason.RUNNING, "Running", trial(0, 0.5)))
    assert "trial 0 (the unchanged template)" in event.note
    many = trial(12, 0.9, parameters={f"p{number}": "1" for number in range(20)})
    (event,) = transition_events("val_accuracy", RUNNING, at_phase(Reason.RUNNING, "Running", many))
    assert event.note.endswith("p7 1, ….")


def test_the_end_names_the_best_trial() -> None:
    before = at_phase(Reason.RUNNING, "Running", trial(1, 0.5))
    (event,) = transition_events(
        "loss", before, at_phase(Reason.COMPLETED, "Complete", trial(1, 0.5), message="All are done.")
    )
    assert event.note == "All are done. The best trial is trial 1, search-1-r0: loss 0.5."


def test_events_of_a_trial_and_the_report() -> None:
    refused = trial_rejected("search-1-r0", "spec.network: must not")
    assert (refused.type, refused.reason, refused.key) == ("Warning", "TrialRejected", "search-1-r0")
    assert "spec.network: must not" in refused.note
    assert report_failed("search-report", "No bucket.", "uid").note.endswith("No bucket.")


@pytest.mark.parametrize(("value", "maximize", "expected"), [
    (0.6, True, ["NewBest"]), (0.4, True, []), (0.6, False, []), (0.4, False, ["NewBest"]), (0.5, True, []),
])  # fmt: skip
def test_a_worse_best_value_is_no_new_best(value: float, expected: list[str], *, maximize: bool) -> None:
    before = at_phase(Reason.RUNNING, "Running", trial(1, 0.5))
    after = at_phase(Reason.RUNNING, "Running", trial(2, value))
    assert [str(one.reason) for one in transition_events("loss", before, after, maximize=maximize)] == expected


@pytest.mark.parametrize(
    ("metric", "every", "is_named"), [("val_loss", 3, True), ("val_loss", 1, False), ("loss", 3, False)]
)
def test_a_missing_metric_of_validation_names_its_interval(metric: str, every: int, *, is_named: bool) -> None:
    note = metric_unavailable(metric, "search-0-r0", "loss", every).note
    assert ("template.spec.training.validationEveryEpochs 1 instead of 3" in note) == is_named
    assert note.endswith("with one of these metrics.")
