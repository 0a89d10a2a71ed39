"""The actions of a plan for a ModelServer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from epochal_api.modelserver_status import ModelServerStatus

from epochal_operator.runtime.actions import ApplyStatus, EmitEvent
from epochal_operator.runtime.actions import Plan as AnyPlan
from epochal_operator.runtime.api.resource import Object, Resource


@dataclass(frozen=True)
class Create:
    """Create an owned object of a ModelServer."""

    resource: Resource
    body: Object


@dataclass(frozen=True)
class Patch:
    """Patch spec fields and annotations of an owned object.

    Args:
        resource: The resource of the object.
        thing: The observed object.
        spec: The spec fields, as a merge patch.
        annotations: The annotations to set.
        intent: The desired values of these fields.
    """

    resource: Resource
    thing: Object
    spec: Mapping[str, Any]
    annotations: Mapping[str, str]
    intent: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Renew:
    """Replace the pod template of the Deployment, which starts a rollout.

    Args:
        thing: The observed Deployment.
        body: The desired Deployment.
    """

    thing: Object
    body: Object


@dataclass(frozen=True)
class Delete:
    """Delete an owned object that the ModelServer no longer needs.

    Args:
        resource: The resource of the object.
        thing: The observed object.
    """

    resource: Resource
    thing: Object


ChildStep = Create | Patch | Renew | Delete
Action = ChildStep | EmitEvent | ApplyStatus[ModelServerStatus]
Plan = AnyPlan[Action]
