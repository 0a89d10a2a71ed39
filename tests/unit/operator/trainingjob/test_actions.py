"""The steps that a plan is made of."""

import pytest
from epochal_api.status import ReportedStatus, Status
from epochal_operator.runtime.actions import ApplyStatus, EmitEvent
from epochal_operator.runtime.api.resource import JOBS, PODS
from epochal_operator.runtime.events import Event
from epochal_operator.trainingjob.actions import (
    Action,
    ApplyReportedStatus,
    Create,
    Delete,
    DeleteTrainingJob,
    Patch,
    changes_child,
    delete,
)
from epochal_operator.trainingjob.reasons import Reason

from tests.unit.operator.objects import child


@pytest.mark.parametrize(
    ("action", "changes"),
    [
        (Create(JOBS, {}), True),
        (Patch(JOBS, "job-uid", "1", {}), True),
        (Delete(JOBS, "job-uid", "42", "x"), True),
        (ApplyReportedStatus(ReportedStatus()), False),
        (ApplyStatus(Status()), False),
        (EmitEvent(Event("Normal", Reason.STARTED, "", "")), False),
        (DeleteTrainingJob(), False),
    ],
)
def test_what_changes_a_child(action: Action, changes: bool) -> None:  # noqa: FBT001
    assert changes_child(action) is changes


def test_a_child_is_deleted_as_seen() -> None:
    assert delete(child(), "x") == Delete(JOBS, "job-uid", "42", "x")
    assert delete(child(), "x", PODS).resource == PODS
