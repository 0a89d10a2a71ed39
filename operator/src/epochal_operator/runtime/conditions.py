"""Condition helpers for all kinds, like https://pkg.go.dev/k8s.io/apimachinery/pkg/api/meta for Go."""

from collections.abc import Iterable, Mapping
from typing import Any

from epochal_api.condition import Condition

MAX_MESSAGE = 7168
"""Limit of a condition's message in bytes."""
FINISHED = "Finished"
ENDS = ("Complete", "Failed")
"""Condition types that mark the end of an object: exactly one is True once the object has ended."""


def condition_of(thing: Mapping[str, Any], kind: str, status: str = "True") -> Mapping[str, Any] | None:
    """Return the condition of a type in an object's JSON if it has the given status, or None."""
    found = thing.get("status", {}).get("conditions") or []
    return next((one for one in found if one["type"] == kind and one["status"] == status), None)


def get_condition(conditions: Iterable[Condition] | None, kind: str) -> Condition | None:
    """Return the condition of a type with any status, or None."""
    return next((one for one in conditions or () if one.type == kind), None)


def is_true(conditions: Iterable[Condition] | None, kind: str) -> bool:
    """Return whether the condition of a type exists and is True."""
    found = get_condition(conditions, kind)
    return found is not None and found.status == "True"


def with_finished(conditions: Iterable[Condition]) -> list[Condition]:
    """Return conditions with a `Finished` condition, so that `kubectl wait` can wait for success or failure at once.

    Args:
        conditions: The conditions of an object, including those of the types in ENDS.
    """
    others = [one for one in conditions if one.type != FINISHED]
    known = [one for kind in ENDS if (one := get_condition(others, kind))]
    if not known:
        return others
    latest = max(known, key=lambda one: (one.status == "True", one.last_transition_time))
    changes = {"type": FINISHED, "message": ""}
    if latest.status == "True":
        changes |= {"reason": latest.type, "message": f"It has ended: {latest.reason}."}
    at = 1 + max(map(others.index, known))
    return [*others[:at], latest.model_copy(update=changes), *others[at:]]


def bounded(message: str) -> str:
    """Return a message cut to the size limit of a condition."""
    return message.encode(errors="replace")[:MAX_MESSAGE].decode(errors="ignore")


def keep_times(before: Iterable[Condition] | None, now: Iterable[Condition]) -> list[Condition]:
    """Return conditions that keep the previous transition time where their status did not change.

    Args:
        before: The previous conditions.
        now: The new conditions, each with the current time as its transition time.
    """
    known = list(before or ())

    def kept(one: Condition) -> Condition:
        was = get_condition(known, one.type)
        same = was is not None and was.status == one.status
        return one.model_copy(update={"last_transition_time": was.last_transition_time}) if was and same else one

    return list(map(kept, now))
