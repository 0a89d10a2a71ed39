"""The observed state of a ModelServer: its model, its owned objects and its pods."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from epochal_api.kind import GROUP
from epochal_api.modelserver import KIND
from epochal_api.modelserver_status import Tensor

from epochal_operator.modelserver.owned import DEPLOYMENT, Child
from epochal_operator.modelserver.pods import is_current
from epochal_operator.modelserver.reasons import Reason, StatusCause
from epochal_operator.modelserver.source import Found, Gone
from epochal_operator.runtime.api.resource import Object
from epochal_operator.runtime.corrections import Overruled
from epochal_operator.runtime.owners import controller, controller_uid


@dataclass(frozen=True)
class Seen:
    """The observed state of an owned object.

    Args:
        child: The kind of owned object.
        thing: The object; None if it does not exist, or has another owner.
        blocked: The cause that blocks its creation or correction, or None.
        held_until: The time until which it is not corrected again, because another writer undoes corrections; or None.
        overruled: The values that the API server keeps after patches of its spec, by field.
    """

    child: Child
    thing: Object | None = None
    blocked: StatusCause | None = None
    held_until: datetime | None = None
    overruled: Mapping[str, Overruled] = field(default_factory=dict)

    def is_held(self, now: datetime) -> bool:
        """Return whether corrections of the object are delayed."""
        return self.held_until is not None and now < self.held_until


@dataclass(frozen=True)
class Tensors:
    """The inputs and outputs of a model.

    Args:
        sha256: The SHA-256 digest of the model.
        inputs: The input tensors.
        outputs: The output tensors.
        signatures: The digest of the signature that each asked pod computed, by the name of the pod.
    """

    sha256: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    signatures: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Observed:
    """The observed state of a ModelServer.

    Args:
        now: The time of the observation, with a time zone.
        source: The model in its spec.source, or the cause why it is missing; None if the spec is invalid.
        children: The owned objects.
        pods: Live pods of its Deployment, the oldest first.
        told: The inputs and outputs that pods report for their model.
    """

    now: datetime
    source: Found | Gone | StatusCause | None = None
    children: tuple[Seen, ...] = ()
    pods: tuple[Object, ...] = ()
    told: Tensors | None = None

    @property
    def deployment(self) -> Object | None:
        """The Deployment, or None."""
        return next((one.thing for one in self.children if one.child is DEPLOYMENT), None)

    @property
    def current(self) -> tuple[Object, ...]:
        """The pods of the current pod template of the Deployment."""
        deployment = self.deployment
        return tuple(one for one in self.pods if deployment is not None and is_current(one, deployment))

    @property
    def blocked(self) -> StatusCause | None:
        """The first cause that blocks an owned object, or None."""
        return next((one.blocked for one in self.children if one.blocked is not None), None)


def blocked_by(existing: Object, uid: str, kind: str) -> StatusCause | None:
    """Return the cause if another owner's object has the name of an owned object, or None.

    Args:
        existing: The object with the name of the ModelServer.
        uid: The uid of the ModelServer.
        kind: The kind of the object.
    """
    if controller_uid(existing) == uid:
        return None
    name = existing["metadata"]["name"]
    owner = controller(existing, group=GROUP, kind=KIND)
    if owner is not None and owner.name == name:
        message = f"The {kind} {name} of an earlier ModelServer of this name is being deleted."
        return StatusCause(Reason.CLEANUP, message)
    message = f"A {kind} {name} exists that is not this ModelServer's: delete that, or create this under another name."
    return StatusCause(Reason.NAME_CONFLICT, message)
