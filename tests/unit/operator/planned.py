"""What is planned for a TrainingJob, for tests to look at."""

from collections.abc import Sequence
from typing import Any

from epochal_api.trainingjob.status import ReportedStatus, Status
from epochal_operator.runtime.actions import ApplyStatus
from epochal_operator.trainingjob.job.observed import Observed
from epochal_operator.trainingjob.plan import Action, plan
from epochal_operator.trainingjob.resources import PROGRESS_MANAGER

from tests.unit.operator.objects import INSTALLATION


def applied_status(actions: Sequence[Action]) -> Status:
    """Returns the one status that is applied as the leader's."""
    (applied,) = (one.status for one in actions if isinstance(one, ApplyStatus) and isinstance(one.status, Status))
    return applied


def reported_part(actions: Sequence[Action]) -> ReportedStatus | None:
    """Returns the one status that is applied in place of a report, if any."""
    found = [one.status for one in actions if isinstance(one, ApplyStatus) and one.manager == PROGRESS_MANAGER]
    assert len(found) <= 1
    return found[0] if found else None


def steps(job: Any, observed: Observed) -> list[type[Action]]:
    """Returns the kinds of the steps that are planned for a TrainingJob."""
    return [type(action) for action in plan(job, observed, INSTALLATION).actions]


def applied(job: Any, observed: Observed, kind: type[Any]) -> Any:
    """Returns the one step of a kind that is planned for a TrainingJob."""
    (only,) = [action for action in plan(job, observed, INSTALLATION).actions if isinstance(action, kind)]
    return only
