"""What is seen of a ModelServer at one moment: its model, what it owns, and its pods."""

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
from epochal_operator.runtime.corrections import Overruled
from epochal_operator.runtime.owners import controller, controller_uid
from epochal_operator.runtime.resource import Object


@dataclass(frozen=True)
class Seen:
    """What is seen of a child.

    Args:
        child: Which one it is.
        thing: The object, if there is one and it is the ModelServer's own.
        blocked: Why there is none, or one that is not as it should be, if something is in the way.
        held_until: Until when it is left as it is: it was put right a moment ago, and somebody undoes it.
        overruled: Values that the API server keeps after patches of its spec, by field.
    """

    child: Child
    thing: Object | None = None
    blocked: StatusCause | None = None
    held_until: datetime | None = None
    overruled: Mapping[str, Overruled] = field(default_factory=dict)

    def is_held(self, now: datetime) -> bool:
        """Returns whether it is left as it is for now."""
        return self.held_until is not None and now < self.held_until


@dataclass(frozen=True)
class Tensors:
    """What a model takes and gives.

    Args:
        sha256: The model.
        inputs: What it takes.
        outputs: What it gives.
        signatures: Digest of the signature that each pod has found, by the pod's name, as far as they were asked.
    """

    sha256: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    signatures: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Observed:
    """A ModelServer at one moment.

    Args:
        now: The moment, with a time zone.
        source: The model that its source names, or why there is none yet; None of one whose spec cannot be read.
        children: What it owns.
        pods: Pods of its Deployment that are to stay, the oldest first.
        told: What pods have told of the model that they are made for.
    """

    now: datetime
    source: Found | Gone | StatusCause | None = None
    children: tuple[Seen, ...] = ()
    pods: tuple[Object, ...] = ()
    told: Tensors | None = None

    @property
    def deployment(self) -> Object | None:
        """Its Deployment, if there is one."""
        return next((one.thing for one in self.children if one.child is DEPLOYMENT), None)

    @property
    def current(self) -> tuple[Object, ...]:
        """Its pods that are made of its Deployment's template as it is now."""
        deployment = self.deployment
        return tuple(one for one in self.pods if deployment is not None and is_current(one, deployment))

    @property
    def blocked(self) -> StatusCause | None:
        """What is in the way of what it owns, if anything is."""
        return next((one.blocked for one in self.children if one.blocked is not None), None)


def blocked_by(existing: Object, uid: str, kind: str) -> StatusCause | None:
    """Returns how an object stands in the way of a ModelServer's own, or None if it is that.

    Args:
        existing: The object of the ModelServer's name.
        uid: The ModelServer's uid.
        kind: The object's kind.
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
