"""Plans for objects of any kind, and the actions that all kinds share."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from epochal_api.model import StatusModel

from epochal_operator.runtime.events import Event

AnyStatus = TypeVar("AnyStatus", bound=StatusModel)
AnyAction = TypeVar("AnyAction")


@dataclass(frozen=True)
class EmitEvent:
    """Action that creates an Event."""

    event: Event


@dataclass(frozen=True)
class ApplyStatus(Generic[AnyStatus]):
    """Action that applies the status fields that the leader owns."""

    status: AnyStatus


@dataclass(frozen=True)
class Plan(Generic[AnyAction]):
    """Actions of one reconcile, in their order.

    Args:
        actions: The actions. The result of one action can change the next ones.
        requeue_after: Seconds until the next reconcile if no change triggers one earlier; None for no such reconcile.
    """

    actions: tuple[AnyAction, ...] = ()
    requeue_after: float | None = None

    def look_again(self, failure: Exception | None) -> float | None:
        """Return the seconds until the next reconcile, once the plan has no actions left.

        Args:
            failure: An error of an earlier action, which is already reported in the status; None if no action failed.

        Raises:
            Exception: The failure, so that the queue retries the object with backoff.
        """
        if failure is not None:
            raise failure
        return self.requeue_after
