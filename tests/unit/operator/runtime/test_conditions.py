"""Conditions: found by type, bounded, and with their transition time."""

from datetime import datetime

import pytest
from epochal_api.condition import Condition
from epochal_operator.runtime.conditions import (
    MAX_CONDITION_MESSAGE_BYTES,
    condition_of,
    get_condition,
    is_true,
    make_conditions,
    with_finished,
)
from epochal_operator.runtime.reasons import ExternalReason, StatusCause

EARLIER, NOW = "2026-11-25T11:00:00Z", "2026-11-25T12:00:00Z"


def ready(status: str, *, reason: str = "Running", since: str = NOW) -> Condition:
    return Condition.model_validate({"type": "Ready", "status": status, "reason": reason, "lastTransitionTime": since})


@pytest.mark.parametrize("status", ["True", "False", "Unknown"])
def test_is_true_needs_the_status_true(status: str) -> None:
    assert is_true([ready(status)], "Ready") is (status == "True")
    assert get_condition([ready(status)], "Ready") == ready(status)


@pytest.mark.parametrize("conditions", [None, [], [ready("True")]])
def test_a_missing_condition_is_not_true(conditions: list[Condition] | None) -> None:
    assert not is_true(conditions, "Failed")
    assert get_condition(conditions, "Failed") is None


def test_condition_of_an_object_needs_the_status() -> None:
    failed = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}
    job = {"status": {"conditions": [failed]}}
    assert condition_of(job, "Failed") == failed
    assert condition_of(job, "Failed", "False") is None
    assert condition_of({}, "Failed") is None
    assert condition_of({"status": {"conditions": None}}, "Failed") is None


def made(before: list[Condition] | None, message: str = "") -> Condition:
    cause = StatusCause(ExternalReason("Running"), message)
    (condition,) = make_conditions([("Ready", "True", cause)], before, generation=2, now=datetime.fromisoformat(NOW))
    return condition


@pytest.mark.parametrize(("before", "since"), [("True", EARLIER), ("False", NOW), ("Unknown", NOW)])
def test_a_condition_with_the_same_status_keeps_its_transition_time(before: str, since: str) -> None:
    kept = made([ready(before, reason="Starting", since=EARLIER)])
    assert kept == ready("True", since=since).model_copy(update={"observed_generation": 2})


def test_new_conditions_have_the_current_time_and_omitted_ones_are_removed() -> None:
    stalled = ready("True", since=EARLIER).model_copy(update={"type": "Stalled"})
    assert made([stalled]).last_transition_time == NOW
    assert made(None).last_transition_time == NOW


def test_a_message_is_cut_at_a_character() -> None:
    limit = MAX_CONDITION_MESSAGE_BYTES
    assert made(None, "x" + "ä" * limit).message == "x" + "ä" * (limit // 2 - 1)
    assert made(None, "lone \ud800").message == "lone ?"


def ends(**statuses: str) -> list[Condition]:
    return [ready(status).model_copy(update={"type": kind}) for kind, status in statuses.items()]


@pytest.mark.parametrize(
    ("statuses", "status", "reason", "message"),
    [
        ({"Complete": "False", "Failed": "False"}, "False", "Running", ""),
        ({"Complete": "True", "Failed": "False"}, "True", "Complete", "The object has ended: Running."),
        ({"Complete": "False", "Failed": "True"}, "True", "Failed", "The object has ended: Running."),
        ({"Failed": "True"}, "True", "Failed", "The object has ended: Running."),
    ],
)
def test_a_complete_or_failed_object_is_finished(
    statuses: dict[str, str], status: str, reason: str, message: str
) -> None:
    found = with_finished([ready("True"), *ends(**statuses), *ends(Other="True")])
    assert [condition.type for condition in found] == ["Ready", *statuses, "Finished", "Other"]
    finished = get_condition(found, "Finished")
    assert finished is not None
    assert (finished.status, finished.reason, finished.message) == (status, reason, message)
    assert with_finished(found) == found


def test_finished_has_the_latest_transition_time() -> None:
    complete, failed = ends(Complete="False", Failed="False")
    earlier = complete.model_copy(update={"last_transition_time": EARLIER})
    for both in ([earlier, failed], [earlier, failed.model_copy(update={"status": "True"})]):
        assert with_finished(both)[-1].last_transition_time == NOW


def test_a_kind_without_an_end_has_no_condition_finished() -> None:
    assert with_finished([ready("True")]) == [ready("True")]
