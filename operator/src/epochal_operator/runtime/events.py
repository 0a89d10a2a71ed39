"""Events of any kind: what happened to an object, and what it looks like to the API server.

An Event's name is a digest of what it tells, so that telling it twice makes no second Event: whoever was interrupted
before the status was written may tell it again.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from epochal_api.text import printable

from epochal_operator.runtime.reasons import EventType, Foreign
from epochal_operator.runtime.resource import Object, Resource

REPORTER = "epochal"
MAX_NOTE = 1024
"""Bytes of an Event's note that the API server takes."""


@dataclass(frozen=True)
class Event:
    """Something that a person would care about.

    Args:
        type: Normal or Warning.
        reason: One word for machines.
        note: What happened, for people.
        key: What tells it from others of the same object and reason.
    """

    type: EventType
    reason: StrEnum | Foreign
    note: str
    key: str


def event_object(event: Event, resource: Resource, about: Object, *, instance: str, now: datetime) -> dict[str, Any]:
    """Returns the events.k8s.io/v1 Event of something that happened to an object.

    Args:
        event: What happened.
        resource: The object's resource.
        about: The object's metadata.
        instance: The process that tells it: its pod's name.
        now: The time, with a time zone.
    """
    told = f"{about['uid']}/{event.reason}/{event.key}"
    digest = hashlib.sha256(told.encode()).hexdigest()[:16]
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": f"{about['name']}.{digest}", "namespace": about["namespace"]},
        "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "type": event.type,
        "reason": event.reason,
        "note": printable(event.note, instead=" ").encode()[:MAX_NOTE].decode(errors="ignore"),
        "action": "Reconcile",
        "regarding": {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "namespace": about["namespace"],
            "name": about["name"],
            "uid": about["uid"],
        },
        "reportingController": REPORTER,
        "reportingInstance": instance,
    }
