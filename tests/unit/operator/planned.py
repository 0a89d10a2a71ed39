"""What is planned for a TrainingJob, for tests to look at."""

from collections.abc import Sequence
from typing import Any

from epochal_api.status import Status
from epochal_operator.runtime.actions import ApplyStatus
from epochal_operator.trainingjob.actions import Action
from epochal_operator.trainingjob.children import Observed
from epochal_operator.trainingjob.plan import plan

from tests.unit.operator.objects import INSTALLATION


def applied_status(actions: Sequence[Action]) -> Status:
    """Returns the one status that is applied."""
    (applied,) = (action.status for action in actions if isinstance(action, ApplyStatus))
    return applied


def steps(job: Any, observed: Observed) -> list[type[Action]]:
    """Returns the kinds of the steps that are planned for a TrainingJob."""
    return [type(action) for action in plan(job, observed, INSTALLATION).actions]


def applied(job: Any, observed: Observed, kind: type[Any]) -> Any:
    """Returns the one step of a kind that is planned for a TrainingJob."""
    (only,) = [action for action in plan(job, observed, INSTALLATION).actions if isinstance(action, kind)]
    return only
