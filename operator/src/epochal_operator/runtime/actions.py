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
    """Create a child. If its creation is blocked, the rest of the plan is skipped: it may depend on the child."""

    resource: Resource
    body: Object


@dataclass(frozen=True)
class PatchChild:
    """Change fields of a child, unless it has changed since it was observed. An undone change is repeated with backoff.

    Args:
        resource: The resource of the child.
        child: The observed child.
        spec: The spec fields, as a merge patch: None removes a field.
        annotations: The annotations to set.
        desired: The desired values of the fields in `spec` for which the API server may store another value, in the
            form in which the cache keeps them.
        required: Spec fields that must keep the sent value. If another value is stored, another writer has undone the
            change.
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

    @property
    def paths(self) -> tuple[str, ...]:
        """Paths of the changed spec fields and annotations."""
        annotations = (f"metadata.annotations[{name}]" for name in self.annotations)
        return (*(f"spec.{field}" for field in self.spec), *annotations)


@dataclass(frozen=True)
class ReplaceChild:
    """Replace a spec field of a child, even if the child has changed. An undone change is repeated with backoff.

    Args:
        resource: The resource of the child.
        child: The observed child.
        field: The name of the spec field.
        replacement: Returns the child to write, from the child as read from the API server.
        required: Spec fields that must keep the sent value, as for PatchChild.
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

    @property
    def paths(self) -> tuple[str, ...]:
        """Paths of the changed spec fields."""
        return (f"spec.{self.field}",)


@dataclass(frozen=True)
class DeleteChild:
    """Delete a child, unless it has changed since it was observed. A refused deletion is repeated with backoff.

    Args:
        resource: The resource of the child.
        child: The observed child. If it has changed since, for example a Job that has started, it is not deleted.
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
    """Apply all status fields of a field manager server-side: its fields that are missing in `status` are removed.

    Args:
        status: The status fields.
        manager: The field manager; None for LEADER_MANAGER.
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
        actions: The actions. The next plan depends on their results.
        requeue_after: Seconds until the next reconcile if no change triggers one earlier; None for no such reconcile.
            The value counts only in the last plan of a reconcile.
    """

    actions: tuple[AnyAction, ...] = ()
    requeue_after: float | None = None


def earliest(seconds: Iterable[float | None]) -> float | None:
    """Return the smallest of the delays in seconds that are not None, or None without such a delay."""
    return min((number for number in seconds if number is not None), default=None)


@dataclass
class ReconcileState:
    """The results of the earlier rounds of a reconcile.

    Args:
        blocked: The causes that block the creation of children, by resource.
        failure: The webhook error that `reconcile` raises after the status reports it: the work queue then retries with
            backoff.
        status_apply_had_no_effect: Whether the last apply did not change the status: another field manager owns a field
            that the apply omits, or the CRD is older and lacks a field that it sets. Another apply would not help.
        yields: Whether the reconcile ends now and continues after the other keys of the queue.
    """

    blocked: dict[Resource, StatusCause] = field(default_factory=dict)
    failure: AdmissionFailed | None = None
    status_apply_had_no_effect: bool = False
    yields: bool = False
