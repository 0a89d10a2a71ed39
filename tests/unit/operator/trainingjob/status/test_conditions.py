"""The conditions that tell more than the state: whether the storage is waited for, and since when each holds."""

from typing import Any

import pytest
from epochal_api.trainingjob.spec import TrainingJob
from epochal_api.trainingjob.status import ReportedStatus, Status
from epochal_operator.runtime.conditions import get_condition
from epochal_operator.trainingjob.job.observed import Observed
from epochal_operator.trainingjob.progress.reported_status import reported_status
from epochal_operator.trainingjob.status.status import status, with_exported

from tests.unit.operator.objects import (
    COMPLETE,
    FAILED,
    NOW,
    at,
    child,
    failed,
    going,
    having_reported,
    last_words,
    pod,
    report,
    running,
    seen,
    succeeded,
    training_job,
)

WAITING = {"reason": "EndpointUnreachable", "message": "no\x1banswer", "since": at(-60)}
WAITS = having_reported(waiting=WAITING)
GAVE_UP = failed(code=64, message=last_words("EndpointUnreachable", "tried for 30s"))
AVAILABLE = "The storage does what the trainer asks of it."
NOT_ASKED = "The trainer that waited for the storage does not run any more."


@pytest.mark.parametrize(
    ("job", "observed", "expected"),
    [
        (training_job(), seen(child(), running()), None),
        (having_reported(), seen(child(), running()), None),
        (WAITS, seen(child(), running()), ("False", "EndpointUnreachable", "no answer")),
        (WAITS, seen(child(), going(running(), 60)), ("False", "EndpointUnreachable", "no answer")),
        (WAITS, seen(child(), failed()), ("Unknown", "NotAsked", NOT_ASKED)),
        (WAITS, seen(child(), pod()), ("Unknown", "NotAsked", NOT_ASKED)),
        (
            WAITS,
            seen(child(), pod(phase="Running", running={"startedAt": at(60)})),
            ("Unknown", "NotAsked", NOT_ASKED),
        ),
        (WAITS, seen(child()), ("Unknown", "NotAsked", NOT_ASKED)),
        (WAITS, seen(COMPLETE, succeeded()), ("True", "Available", AVAILABLE)),
        (WAITS, seen(FAILED, failed()), ("Unknown", "NotAsked", NOT_ASKED)),
        (WAITS, seen(child(), GAVE_UP), ("False", "EndpointUnreachable", "tried for 30s")),
        (WAITS, seen(FAILED, GAVE_UP), ("False", "EndpointUnreachable", "tried for 30s")),
        (training_job(), seen(FAILED, GAVE_UP), None),
    ],
)
def test_whether_the_storage_is_waited_for(job: TrainingJob, observed: Observed, expected: Any) -> None:
    found = get_condition(status(job, observed).conditions, "StorageAvailable")
    assert (found and (found.status, found.reason, found.message)) == expected


def test_the_storage_is_available_once_the_trainer_goes_on() -> None:
    waited = status(WAITS, seen(child(), running()))
    for told in (reported_status(report(sequence=6), NOW), ReportedStatus()):
        whole = Status(**dict(waited) | dict(told))
        found = get_condition(status(training_job(whole), seen(child(), running())).conditions, "StorageAvailable")
        assert found is not None
        assert (found.status, found.reason) == ("True", "Available")


def after(told: ReportedStatus, was: Status, *pods: Any, of: Any = None) -> tuple[str, str]:
    """Returns the condition of the storage after something was reported, and its reason."""
    job = training_job(Status(**dict(was) | dict(told)))
    found = get_condition(status(job, seen(of or child(), *pods)).conditions, "StorageAvailable")
    assert found is not None
    return found.status, found.reason


NO_WORD = reported_status(report(sequence=6), NOW)
"""A report of a trainer that says no more that it waits."""


def test_the_end_of_a_trainer_that_waited_is_no_answer_of_the_storage() -> None:
    waited = status(WAITS, seen(child(), running()))
    assert after(NO_WORD, waited, failed()) == ("Unknown", "NotAsked")
    assert after(NO_WORD, waited, GAVE_UP) == ("False", "EndpointUnreachable")
    assert after(NO_WORD, waited, GAVE_UP, of=FAILED) == ("False", "EndpointUnreachable")


def test_a_storage_that_has_answered_stays_available_once_its_trainer_has_ended() -> None:
    waited = status(WAITS, seen(child(), running()))
    answered = status(training_job(Status(**dict(waited) | dict(NO_WORD))), seen(child(), running()))
    assert after(NO_WORD, answered, failed()) == ("True", "Available")


def test_a_condition_keeps_the_time_of_its_change() -> None:
    first = status(training_job(), seen(child(), pod()))
    later = Observed(NOW.replace(hour=13), child(), (running(),))
    second = status(training_job(first), later)
    assert second.conditions
    assert {one.last_transition_time for one in second.conditions} == {at(0)}
    third = status(training_job(second), Observed(NOW.replace(hour=14), FAILED, (failed(),)))
    changed = {one.type for one in third.conditions or [] if one.last_transition_time != at(0)}
    assert changed == {"Ready", "Stalled", "Failed", "Finished"}


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        (seen(child(), running()), ("False", "Unfinished", "")),
        (seen(COMPLETE, succeeded()), ("True", "Complete", "It has ended: Completed.")),
        (seen(FAILED, failed()), ("True", "Failed", "It has ended: Crashed.")),
    ],
)
def test_whether_it_has_finished(observed: Observed, expected: tuple[str, str, str]) -> None:
    found = get_condition(status(training_job(), observed).conditions, "Finished")
    assert found is not None
    assert (found.status, found.reason, found.message) == expected


ARTIFACTS = {"uri": "s3://results/x/"}


@pytest.mark.parametrize(
    ("export", "expected"),
    [
        (None, None),
        ({"reason": "Exported", "message": "as Keras does"}, ("True", "Exported", "as Keras does")),
        ({"reason": "NotExportable", "message": "the\x1blayer"}, ("False", "NotExportable", "the layer")),
        ({"reason": "Impossible"}, ("False", "Impossible", "")),
    ],
)
def test_whether_models_were_exported_is_a_condition_of_its_own(export: Any, expected: Any) -> None:
    figures = reported_status(report(artifacts=ARTIFACTS, export=export), NOW)
    before = status(training_job(), seen(COMPLETE, succeeded()))
    after = with_exported(1, Status(), before, NOW, figures)
    found = get_condition(after.conditions, "Exported")
    assert (found and (found.status, found.reason, found.message)) == expected
    assert [one for one in after.conditions or [] if one.type != "Exported"] == before.conditions
