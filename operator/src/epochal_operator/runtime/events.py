"""Events of any kind, and their JSON for the API server.

An Event's name is a digest of its content, so the same Event is created only once. A process that was interrupted
before it wrote the status may create the Event again.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from epochal_api.text import printable

from epochal_operator.runtime.api.resource import EVENTS, Object, Resource
from epochal_operator.runtime.reasons import EpochalReason, EventType, ExternalReason, effect_of

REPORTER = "epochal"
MAX_NOTE = 1024
"""Maximum bytes of an Event's note that the API server accepts. Longer notes are cut."""


@dataclass(frozen=True)
class Event:
    """The content of a Kubernetes Event about an object.

    Args:
        type: Normal or Warning.
        reason: The machine-readable reason.
        note: The message for users.
        key: Distinguishes Events of the same object and reason. An Event with the same key is created only once.
    """

    type: EventType
    reason: StrEnum | ExternalReason
    note: str
    key: str


def make_event(reason: EpochalReason | ExternalReason, note: str, key: str) -> Event:
    """Return an Event with the type of its reason, Warning for a reason without a type."""
    return Event(effect_of(reason).event or "Warning", reason, note, key)


def event_object(event: Event, resource: Resource, about: Object, *, instance: str, now: datetime) -> dict[str, Any]:
    """Return the JSON of an events.k8s.io/v1 Event about an object."""
    identity = f"{about['uid']}/{event.reason}/{event.key}"
    digest = hashlib.sha256(identity.encode()).hexdigest()[:16]
    return EVENTS.header | {
        "metadata": {"name": f"{about['name']}.{digest}", "namespace": about["namespace"]},
        "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "type": event.type,
        "reason": event.reason,
        "note": printable(event.note, instead=" ").encode()[:MAX_NOTE].decode(errors="ignore"),
        "action": "Reconcile",
        "regarding": resource.header | {name: about[name] for name in ("namespace", "name", "uid")},
        "reportingController": REPORTER,
        "reportingInstance": instance,
    }
