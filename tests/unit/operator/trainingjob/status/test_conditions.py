"""The conditions StorageAvailable, Finished and Exported, and transition times."""

from typing import Any

import pytest
from epochal_api.trainingjob.spec import TrainingJob
from epochal_api.trainingjob.status import ReportedStatus, Status
from epochal_operator.runtime.conditions import get_condition
from epochal_operator.trainingjob.job.observed import Observed
from epochal_operator.trainingjob.progress.reported_status import reported_status
from epochal_operator.trainingjob.status.status import derive_status, with_exported_condition

from tests.unit.operator.objects import (
    COMPLETE,
    FAILED,
    NOW,
    at,
    child,
    condition,
    deleting,
    failed,
    having_reported,
    pod,
    report,
    required,
    running,
    seen,
    succeeded,
    termination,
    training_job,
)

WAITING = {"reason": "EndpointUnreachable", "message": "no\x1banswer", "since": at(-60)}
WAITS = having_reported(waiting=WAITING)
GAVE_UP = failed(code=64, message=termination("EndpointUnreachable", "tried for 30s"))
AVAILABLE = "The storage answers the trainer."
NOT_ASKED = "The trainer that waited for the storage no longer runs."


@pytest.mark.parametrize(
    ("job", "observed", "expected"),
    [
        (training_job(), seen(child(), running()), None),
        (having_reported(), seen(child(), running()), None),
        (WAITS, seen(child(), running()), ("False", "EndpointUnreachable", "no answer")),
        (WAITS, seen(child(), deleting(running(), 60)), ("False", "EndpointUnreachable", "no answer")),
        (WAITS, seen(child(), failed()), ("Unknown", "NotAsked", NOT_ASKED)),
        (WAITS, seen(child(), pod()), ("Unknown", "NotAsked", NOT_ASKED)),
        (WAITS, seen(child(), pod(phase="Running", running={"startedAt": at(60)})), ("Unknown", "NotAsked", NOT_ASKED)),
        (WAITS, seen(child()), ("Unknown", "NotAsked", NOT_ASKED)),
        (WAITS, seen(COMPLETE, succeeded()), ("True", "Available", AVAILABLE)),
        (WAITS, seen(FAILED, failed()), ("Unknown", "NotAsked", NOT_ASKED)),
        (WAITS, seen(child(), GAVE_UP), ("False", "EndpointUnreachable", "tried for 30s")),
        (WAITS, seen(FAILED, GAVE_UP), ("False", "EndpointUnreachable", "tried for 30s")),
        (training_job(), seen(FAILED, GAVE_UP), None),
    ],
)
def test_storage_available(job: TrainingJob, observed: Observed, expected: Any) -> None:
    found = get_condition(derive_status(job, observed).conditions, "StorageAvailable")
    assert (found and (found.status, found.reason, found.message)) == expected


def test_storage_is_available_once_the_trainer_continues() -> None:
    waited = derive_status(WAITS, seen(child(), running()))
    for reported in (reported_status(report(sequence=6), NOW), ReportedStatus()):
        whole = Status(**dict(waited) | dict(reported))
        found = condition(derive_status(training_job(whole), seen(child(), running())), "StorageAvailable")
        assert (found.status, found.reason) == ("True", "Available")


def after(reported: ReportedStatus, was: Status, *pods: Any, of: Any = None) -> tuple[str, str]:
    """Returns the status and reason of StorageAvailable after a report."""
    job = training_job(Status(**dict(was) | dict(reported)))
    found = condition(derive_status(job, seen(of or child(), *pods)), "StorageAvailable")
    return found.status, found.reason


CONTINUES = reported_status(report(sequence=6), NOW)
"""A report without a waiting cause."""


def test_end_of_a_waiting_trainer_does_not_mean_available_storage() -> None:
    waited = derive_status(WAITS, seen(child(), running()))
    assert after(CONTINUES, waited, failed()) == ("Unknown", "NotAsked")
    assert after(CONTINUES, waited, GAVE_UP) == ("False", "EndpointUnreachable")
    assert after(CONTINUES, waited, GAVE_UP, of=FAILED) == ("False", "EndpointUnreachable")


def test_storage_stays_available_after_the_end_of_the_trainer() -> None:
    waited = derive_status(WAITS, seen(child(), running()))
    answered = derive_status(training_job(Status(**dict(waited) | dict(CONTINUES))), seen(child(), running()))
    assert after(CONTINUES, answered, failed()) == ("True", "Available")


def test_transition_time_is_kept() -> None:
    first = derive_status(training_job(), seen(child(), pod()))
    later = Observed(NOW.replace(hour=13), child(), (running(),))
    second = derive_status(training_job(first), later)
    assert {one.last_transition_time for one in required(second.conditions)} == {at(0)}
    third = derive_status(training_job(second), Observed(NOW.replace(hour=14), FAILED, (failed(),)))
    changed = {one.type for one in third.conditions or [] if one.last_transition_time != at(0)}
    assert changed == {"Ready", "Stalled", "Failed", "Finished"}


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        (seen(child(), running()), ("False", "Unfinished", "")),
        (seen(COMPLETE, succeeded()), ("True", "Complete", "The object has ended: Completed.")),
        (seen(FAILED, failed()), ("True", "Failed", "The object has ended: Crashed.")),
    ],
)
def test_finished_condition(observed: Observed, expected: tuple[str, str, str]) -> None:
    found = condition(derive_status(training_job(), observed), "Finished")
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
def test_exported_condition(export: Any, expected: Any) -> None:
    figures = reported_status(report(artifacts=ARTIFACTS, export=export), NOW)
    before = derive_status(training_job(), seen(COMPLETE, succeeded()))
    after = with_exported_condition(1, Status(), before, NOW, figures)
    found = get_condition(after.conditions, "Exported")
    assert (found and (found.status, found.reason, found.message)) == expected
    assert [one for one in after.conditions or [] if one.type != "Exported"] == before.conditions
