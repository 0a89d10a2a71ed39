"""What can be done about an object of any kind: plans, and the steps that all of them may have."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from epochal_api.model import StatusModel

from epochal_operator.runtime.events import Event

AnyStatus = TypeVar("AnyStatus", bound=StatusModel)
AnyAction = TypeVar("AnyAction")


@dataclass(frozen=True)
class EmitEvent:
    """Tell what happened."""

    event: Event


@dataclass(frozen=True)
class ApplyStatus(Generic[AnyStatus]):
    """Apply the leader's part of the status."""

    status: AnyStatus


@dataclass(frozen=True)
class Plan(Generic[AnyAction]):
    """What to do, in this order.

    Args:
        actions: The steps. What follows depends on what comes of them.
        requeue_after: Seconds after which to look again, if nothing else gives reason to.
    """

    actions: tuple[AnyAction, ...] = ()
    requeue_after: float | None = None

    def look_again(self, failure: Exception | None) -> float | None:
        """Returns after how many seconds to look again, once nothing is left to do now.

        Args:
            failure: What has failed meanwhile, and is told by now; None if nothing has.

        Raises:
            Exception: What has failed: the queue tries it later and later.
        """
        if failure is not None:
            raise failure
        return self.requeue_after
