"""What can be done about a TrainingJob: the steps that a plan is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from epochal_api.status import ReportedStatus, Status

from epochal_operator.runtime.actions import ApplyStatus, EmitEvent
from epochal_operator.runtime.actions import Plan as AnyPlan
from epochal_operator.runtime.events import Event
from epochal_operator.runtime.resource import JOBS, Resource


@dataclass(frozen=True)
class Create:
    """Create a child, which has the TrainingJob's name."""

    resource: Resource
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Patch:
    """Change fields of a child's spec as seen; None removes one."""

    resource: Resource
    uid: str
    resource_version: str
    spec: Mapping[str, Any]


@dataclass(frozen=True)
class Delete:
    """Delete a child as seen.

    Args:
        resource: Its resource.
        uid: Its uid.
        resource_version: Its version: one that has begun meanwhile stays.
        why: Why it goes, for the log.
        told: What to tell once it is deleted, if anything.
    """

    resource: Resource
    uid: str
    resource_version: str
    why: str
    told: Event | None = None


@dataclass(frozen=True)
class ApplyReportedStatus:
    """Apply the part of the status that comes from reports."""

    status: ReportedStatus


@dataclass(frozen=True)
class DeleteTrainingJob:
    """Delete the TrainingJob: its time to live is over."""


Action = Create | Patch | Delete | ApplyReportedStatus | EmitEvent | ApplyStatus[Status] | DeleteTrainingJob


Plan = AnyPlan[Action]
"""A step that changes a child is the last: what follows depends on what comes of it."""


def changes_child(action: Action) -> bool:
    """Returns whether an action changes a child."""
    return isinstance(action, Create | Patch | Delete)


def patch(child: Mapping[str, Any], spec: Mapping[str, Any], resource: Resource = JOBS) -> Patch:
    """Return the step that changes fields of a child's spec.

    Args:
        child: The child.
        spec: The fields; None removes one.
        resource: Its resource.
    """
    return Patch(resource, child["metadata"]["uid"], child["metadata"]["resourceVersion"], spec)


def delete(child: Mapping[str, Any], why: str, resource: Resource = JOBS) -> Delete:
    """Returns how to delete a child as seen.

    Args:
        child: The child.
        why: Why it goes, for the log.
        resource: Its resource.
    """
    return Delete(resource, child["metadata"]["uid"], child["metadata"]["resourceVersion"], why)
