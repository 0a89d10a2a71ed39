"""The plan for a TrainingJob, for tests."""

from collections.abc import Sequence
from typing import Any

from epochal_api.trainingjob.status import ReportedStatus, Status
from epochal_operator.runtime.actions import ApplyStatus
from epochal_operator.trainingjob.job.observed import Observed
from epochal_operator.trainingjob.plan import Action, make_plan
from epochal_operator.trainingjob.resources import PROGRESS_MANAGER

from tests.unit.operator.objects import INSTALLATION


def applied_status(actions: Sequence[Action]) -> Status:
    """Return the only status that the leader applies."""
    (applied,) = (one.status for one in actions if isinstance(one, ApplyStatus) and isinstance(one.status, Status))
    return applied


def reported_part(actions: Sequence[Action]) -> ReportedStatus | None:
    """Return the only status that is applied for a report, or None."""
    found = [one.status for one in actions if isinstance(one, ApplyStatus) and one.manager == PROGRESS_MANAGER]
    assert len(found) <= 1
    return found[0] if found else None


def steps(job: Any, observed: Observed) -> list[type[Action]]:
    """Return the types of the planned actions."""
    return [type(action) for action in make_plan(job, observed, INSTALLATION).actions]


def applied(job: Any, observed: Observed, kind: type[Any]) -> Any:
    """Return the only planned action of a type."""
    (only,) = [action for action in make_plan(job, observed, INSTALLATION).actions if isinstance(action, kind)]
    return only
