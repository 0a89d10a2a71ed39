"""Plans for objects of any kind, and the actions that all kinds share."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from epochal_api.model import StatusModel

from epochal_operator.runtime.api.errors import AdmissionFailed
from epochal_operator.runtime.api.resource import Object, Resource
from epochal_operator.runtime.events import Event
from epochal_operator.runtime.reasons import StatusCause

AnyStatus = TypeVar("AnyStatus", bound=StatusModel)
AnyAction = TypeVar("AnyAction")


@dataclass(frozen=True)
class CreateChild:
    """Create a child. A blocked creation ends the plan, because later actions may depend on the child."""

    resource: Resource
    body: Object


@dataclass(frozen=True)
class PatchChild:
    """Change fields of a child if it is unchanged; repeated changes of the same fields are delayed.

    Args:
        resource: The resource of the child.
        child: The observed child.
        spec: The spec fields, as a merge patch: None removes a field.
        annotations: The annotations to set.
        desired: The desired values of fields that the API server may change, as the cache would keep them.
        required: Spec fields that must keep the sent value. Another stored value counts as undone by another writer.
    """

    resource: Resource
    child: Object
    spec: Mapping[str, Any]
    annotations: Mapping[str, str] = field(default_factory=dict)
    desired: Mapping[str, Any] = field(default_factory=dict)
    required: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the changed spec fields."""
        return tuple(self.spec)


@dataclass(frozen=True)
class ReplaceChild:
    """Replace a spec field of a child, even if another writer has changed it; repeated changes are delayed.

    Args:
        resource: The resource of the child.
        child: The observed child.
        field: The name of the spec field.
        replacement: Returns the child to write, from the child as read from the API server.
        required: As for PatchChild.
    """

    resource: Resource
    child: Object
    field: str
    replacement: Callable[[Object], Object]
    required: Mapping[str, Any]

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the changed spec fields."""
        return (self.field,)


@dataclass(frozen=True)
class DeleteChild:
    """Delete a child if it is unchanged; a refused deletion is repeated with backoff.

    Args:
        resource: The resource of the child.
        child: The observed child. A child that has changed since, such as a Job that has started, stays.
        cause: The end of the log line "deleted its KIND, which …".
        event: Event to emit after the deletion, if any.
        foreground: Whether the child stays until its dependents, such as pods, are deleted.
    """

    resource: Resource
    child: Object
    cause: str
    event: Event | None = None
    foreground: bool = False


@dataclass(frozen=True)
class EmitEvent:
    """Create an Event."""

    event: Event


@dataclass(frozen=True)
class ApplyStatus(Generic[AnyStatus]):
    """Apply all status fields of a field manager.

    Args:
        status: The status fields.
        manager: The field manager; None for the leader.
    """

    status: AnyStatus
    manager: str | None = None


@dataclass(frozen=True)
class DeleteSelf:
    """Delete the object of the plan, because its `ttlSecondsAfterFinished` has passed."""


ChildAction = CreateChild | PatchChild | ReplaceChild | DeleteChild


@dataclass(frozen=True)
class Plan(Generic[AnyAction]):
    """Actions of one round of a reconcile, in their order. The reconcile ends with a plan that has no actions.

    Args:
        actions: The actions. The result of one action can change the next ones.
        requeue_after: Seconds until the next reconcile if no change triggers one earlier; None for no such reconcile.
            The value counts only in the last plan of a reconcile.
    """

    actions: tuple[AnyAction, ...] = ()
    requeue_after: float | None = None


def earliest(seconds: Iterable[float | None]) -> float | None:
    """Return the fewest seconds until something is due, or None if nothing is due."""
    return min((number for number in seconds if number is not None), default=None)


@dataclass
class ReconcileState:
    """The results of the earlier rounds of a reconcile.

    Args:
        blocked: The causes that block the creation of children, by resource.
        failure: The webhook error that is raised once the status reports it: the work queue retries with backoff.
        contested: Whether an apply did not change the status: another field manager owns a field that it omits.
        yields: Whether the reconcile ends now and continues after the other keys of the queue.
    """

    blocked: dict[Resource, StatusCause] = field(default_factory=dict)
    failure: AdmissionFailed | None = None
    contested: bool = False
    yields: bool = False
