"""What may be done about a ModelServer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from epochal_api.modelserver_status import ModelServerStatus

from epochal_operator.runtime.actions import ApplyStatus, EmitEvent
from epochal_operator.runtime.actions import Plan as AnyPlan
from epochal_operator.runtime.resource import Object, Resource


@dataclass(frozen=True)
class Create:
    """Create a child."""

    resource: Resource
    body: Object


@dataclass(frozen=True)
class Patch:
    """Change fields of a child's spec, and annotations of it.

    Args:
        resource: Its resource.
        thing: The child as seen.
        spec: The fields, as a merge patch.
        annotations: The annotations.
        intent: The values that the fields get by this.
    """

    resource: Resource
    thing: Object
    spec: Mapping[str, Any]
    annotations: Mapping[str, str]
    intent: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Renew:
    """Give the Deployment another pod template: a rollout.

    Args:
        thing: The Deployment as seen.
        body: As it should be.
    """

    thing: Object
    body: Object


@dataclass(frozen=True)
class Delete:
    """Delete a child that is needed no more.

    Args:
        resource: Its resource.
        thing: The child as seen.
    """

    resource: Resource
    thing: Object


ChildStep = Create | Patch | Renew | Delete
Action = ChildStep | EmitEvent | ApplyStatus[ModelServerStatus]
Plan = AnyPlan[Action]
