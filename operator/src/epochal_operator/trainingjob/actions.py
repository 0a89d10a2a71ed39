"""Actions on a TrainingJob, from which its plans are made."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from epochal_api.status import ReportedStatus, Status

from epochal_operator.runtime.actions import ApplyStatus, EmitEvent
from epochal_operator.runtime.actions import Plan as AnyPlan
from epochal_operator.runtime.api.resource import JOBS, Resource
from epochal_operator.runtime.events import Event


@dataclass(frozen=True)
class Create:
    """Action that creates a child with the TrainingJob's name."""

    resource: Resource
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Patch:
    """Action that changes fields of a child's spec if the child is unchanged; None removes a field."""

    resource: Resource
    uid: str
    resource_version: str
    spec: Mapping[str, Any]


@dataclass(frozen=True)
class Delete:
    """Action that deletes a child if it is unchanged.

    Args:
        resource: The resource of the child.
        uid: UID of the child.
        resource_version: resourceVersion of the child: a Job that has started since then stays.
        why: The reason for the deletion, for the log.
        told: Event to emit after the deletion, if any.
    """

    resource: Resource
    uid: str
    resource_version: str
    why: str
    told: Event | None = None


@dataclass(frozen=True)
class ApplyReportedStatus:
    """Action that applies the status fields from progress reports."""

    status: ReportedStatus


@dataclass(frozen=True)
class DeleteTrainingJob:
    """Action that deletes the TrainingJob, because its ttlSecondsAfterFinished has passed."""


Action = Create | Patch | Delete | ApplyReportedStatus | EmitEvent | ApplyStatus[Status] | DeleteTrainingJob


Plan = AnyPlan[Action]
"""The plan of a TrainingJob. An action that changes a child is the last one: its result decides the next plan."""


def changes_child(action: Action) -> bool:
    """Return whether an action changes a child."""
    return isinstance(action, Create | Patch | Delete)


def patch(child: Mapping[str, Any], spec: Mapping[str, Any], resource: Resource = JOBS) -> Patch:
    """Return the action that changes fields of a child's spec.

    Args:
        child: The child.
        spec: The fields; None removes a field.
        resource: The resource of the child.
    """
    return Patch(resource, child["metadata"]["uid"], child["metadata"]["resourceVersion"], spec)


def delete(child: Mapping[str, Any], why: str, resource: Resource = JOBS) -> Delete:
    """Return the action that deletes a child if it is unchanged.

    Args:
        child: The child.
        why: The reason for the deletion, for the log.
        resource: The resource of the child.
    """
    return Delete(resource, child["metadata"]["uid"], child["metadata"]["resourceVersion"], why)
