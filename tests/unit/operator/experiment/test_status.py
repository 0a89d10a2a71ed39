"""The status of an Experiment and its size limit."""

import json
from dataclasses import replace
from typing import Any

import pytest
from epochal_api.experiment.status import MAX_STATUS_BYTES, MAX_TOP, ExperimentStatus
from epochal_api.kind import Metadata
from epochal_api.read_status import read_status
from epochal_operator.experiment.actions import ImportanceState
from epochal_operator.experiment.observed import Importance, Observed
from epochal_operator.experiment.phase import derive_phase
from epochal_operator.experiment.plan_blocked import invalid_spec_status
from epochal_operator.experiment.reasons import Reason, StatusCause
from epochal_operator.experiment.state import Phase, was_finished
from epochal_operator.experiment.status import derive_status, results_uri
from epochal_operator.experiment.trial import Rung, Trial
from epochal_operator.pods.mutable_fields import MutableFields

from tests.unit.operator.experiment.ledger.test_observe import job
from tests.unit.operator.experiment.searches import spec, trial
from tests.unit.operator.objects import NOW, at

METADATA = Metadata(name="search", namespace="vision", uid="e", generation=3)
RUNNING = Phase("Running", StatusCause(Reason.RUNNING, "Its trials are trained."))
COMPLETE = Phase("Complete", StatusCause(Reason.COMPLETED, "All 2 trials are done."))


def derived(trials: list[Trial], before: ExperimentStatus | None = None, now: Phase = RUNNING, **rest: Any) -> Any:
    changes = rest.pop("changes", {})
    observed, before = Observed(NOW, trials=tuple(trials), **rest), before or ExperimentStatus()
    now = replace(now, start=derive_phase(METADATA, spec(**changes), before, observed).start)
    return derive_status(METADATA, spec(**changes), before, now, observed)


def test_counts_of_trials() -> None:
    trials = [
        trial(0, 0.1, 0.2, 0.3), trial(1, 0.5), trial(2), trial(3), trial(4, state="Failed"), trial(5, state="Diverged")
    ]  # fmt: skip
    found = derived(trials, jobs={(2, 0): job(2, state="Running"), (3, 0): job(3, state="Starting")})
    assert found.trials.dump() == {
        "created": 6, "queued": 1, "running": 1, "paused": 1, "complete": 1, "failed": 1, "diverged": 1
    }  # fmt: skip
    assert found.display.trials == "6/6"
    assert derived([trial(0)], changes={"maxTrials": 60}).display.trials == "1/60"


def test_best_trials_have_their_results() -> None:
    found = derived([trial(0, 0.1), trial(12, 0.5, 0.99213, parameters={"rate": "0.0021"}, value_epoch=2)])
    assert found.best.dump() == {
        "trial": 12,
        "jobName": "search-12-r1",
        "value": "0.99213",
        "epoch": 2,
        "parameters": {"rate": "0.0021"},
        "uri": "s3://results/vision/search-12-r1/uid-12-1/",
    }
    assert [one.trial for one in found.top] == [12, 0]
    assert found.display.best == "val_accuracy 0.9921"
    assert found.results.uri == "s3://results/vision/search/e/"


def test_counts_of_epochs() -> None:
    trials = [
        trial(0, 0.1, 0.2, 0.3), trial(1, 0.5), trial(2, 0.5, state="Complete"), trial(3),
        trial(4, 0.5, lost_rungs=(0, 1)),
    ]  # fmt: skip
    assert derived(trials).epochs.dump() == {"trained": 12, "saved": 24, "repeated": 3}


@pytest.mark.parametrize("count", [0, 1, 5, 1000])
def test_the_size_is_bounded(count: int) -> None:
    long = {f"parameter{number}": "x" * 256 for number in range(32)}
    trials = [trial(number, number / 3000, parameters=long) for number in range(count)]
    shares = Importance(ImportanceState(0, "", is_final=False), dict.fromkeys(long, 1 / 32))
    told = Phase("Failed", StatusCause(Reason.TOO_MANY_FAILED_TRIALS, "ü" * 10_000))
    found = derived(trials, now=told, importance=shares)
    assert len(json.dumps(found.dump(), ensure_ascii=False).encode()) <= MAX_STATUS_BYTES
    assert (found.best is not None) is bool(count)
    assert len(found.top or []) <= MAX_TOP
    assert read_status(ExperimentStatus, found.dump()) == found


def test_a_small_status_has_all_top_trials() -> None:
    assert len(derived([trial(number, number / 30) for number in range(20)]).top) == MAX_TOP


def test_times_are_kept_until_the_search_continues() -> None:
    started = derived([trial(0)])
    assert started.start_time == at(0)
    assert derived([]).start_time is None
    before = started.model_copy(update={"start_time": at(-60)})
    ended = derived([trial(0, 0.1, 0.2, 0.3)], before, COMPLETE)
    assert (ended.start_time, ended.completion_time) == (at(-60), at(0))
    earlier = ended.model_copy(update={"completion_time": at(-30)})
    assert derived([trial(0, 0.1, 0.2, 0.3)], earlier, COMPLETE).completion_time == at(-30)
    assert was_finished(ended)
    again = derived([trial(0, 0.1, 0.2, 0.3), trial(1)], earlier)
    assert (again.completion_time, was_finished(again)) == (None, False)


def test_a_condition_keeps_its_transition_time() -> None:
    before = derived([trial(0)])
    conditions = [one.model_copy(update={"last_transition_time": at(-60)}) for one in before.conditions]
    after = derived([trial(0)], before.model_copy(update={"conditions": conditions}), COMPLETE)
    times = {one.type: (one.status, one.last_transition_time) for one in after.conditions}
    assert times["Ready"] == ("True", at(-60))
    assert times["Complete"] == ("True", at(0))
    assert times["Finished"] == ("True", at(0))
    assert times["Stalled"] == ("False", at(-60))


@pytest.mark.parametrize(
    ("reason", "ready", "stalled"),
    [
        (Reason.RUNNING, "True", "False"),
        (Reason.NAME_CONFLICT, "False", "False"),
        (Reason.INVALID_SPEC, "False", "True"),
    ],
)
def test_conditions(reason: Reason, ready: str, stalled: str) -> None:
    found = derived([], now=Phase("Running", StatusCause(reason, "why")))
    by_type = {one.type: one for one in found.conditions}
    assert (by_type["Ready"].status, by_type["Ready"].reason, by_type["Ready"].message) == (ready, reason, "why")
    assert by_type["Stalled"].status == stalled
    assert by_type["Ready"].observed_generation == 3


def test_importances_are_kept_until_new_ones_exist() -> None:
    asked = Importance(ImportanceState(0, "0.1", is_final=False), {"rate": 0.714, "filters": 0.286})
    found = derived([trial(0, 0.1)], importance=asked)
    assert found.importance == {"rate": "0.71", "filters": "0.29"}
    assert derived([trial(0, 0.1)], found).importance == found.importance
    unknown = Importance(ImportanceState(0, "0.1", is_final=False), {})
    assert derived([trial(0, 0.1)], found, importance=unknown).importance == found.importance


def test_results_uri() -> None:
    assert results_uri(METADATA, spec(), trial(3)) is None
    assert results_uri(METADATA, spec(), trial(3, 0.5)) == "s3://results/vision/search-3-r0/uid-3-0/"


def test_status_of_an_invalid_spec() -> None:
    fresh = invalid_spec_status(METADATA, ExperimentStatus(), "parameter rate: no", Observed(NOW), MutableFields())
    assert (fresh.state, fresh.completion_time) == ("Failed", at(0))
    begun = invalid_spec_status(METADATA, derived([trial(0)]), "parameter rate: no", Observed(NOW), MutableFields())
    assert (begun.state, begun.completion_time, begun.trials.created) == ("Running", None, 1)  # type: ignore[union-attr]
    for one in (fresh, begun):
        by_type = {each.type: each for each in one.conditions or ()}
        assert (by_type["Ready"].reason, by_type["Stalled"].status) == ("InvalidSpec", "True")


def test_odd_trials_give_a_valid_status() -> None:
    odd = trial(10**8, 0.5, parameters={"x" * 999: "y" * 999, **{str(number): "" for number in range(99)}})
    rungs = tuple(Rung(one.epoch, one.value, "u" * 9999, one.seconds) for one in odd.rungs * 30)
    found = derived([odd, trial(1, 0.9, rungs=rungs)])
    assert [one.uri for one in found.top] == [None, "s3://results/vision/search-100000000-r0/uid-100000000-0/"]
    assert read_status(ExperimentStatus, found.dump()) == found
