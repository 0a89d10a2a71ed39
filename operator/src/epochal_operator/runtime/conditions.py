"""Conditions of objects of any kind: https://pkg.go.dev/k8s.io/apimachinery/pkg/api/meta has the same for Go."""

from collections.abc import Iterable, Mapping
from typing import Any

from epochal_api.condition import Condition

MAX_MESSAGE = 8192
"""Bytes of a condition's message."""


def condition_of(thing: Mapping[str, Any], kind: str, status: str = "True") -> Mapping[str, Any] | None:
    """Returns a condition of an object as the API server has it, if the condition has this status."""
    found = thing.get("status", {}).get("conditions") or []
    return next((one for one in found if one["type"] == kind and one["status"] == status), None)


def get_condition(conditions: Iterable[Condition] | None, kind: str) -> Condition | None:
    """Returns the condition of a type, whatever it says."""
    return next((one for one in conditions or () if one.type == kind), None)


def is_true(conditions: Iterable[Condition] | None, kind: str) -> bool:
    """Returns whether the condition of a type is there, and True."""
    found = get_condition(conditions, kind)
    return found is not None and found.status == "True"


def bounded(message: str) -> str:
    """Returns as much of a message as a condition holds."""
    return message.encode(errors="replace")[:MAX_MESSAGE].decode(errors="ignore")


def keep_times(before: Iterable[Condition] | None, now: Iterable[Condition]) -> list[Condition]:
    """Returns conditions, each with the time since when it has its status.

    Args:
        before: The conditions so far.
        now: The conditions from now on, each as if it had changed now.
    """
    known = list(before or ())

    def kept(one: Condition) -> Condition:
        was = get_condition(known, one.type)
        same = was is not None and was.status == one.status
        return one.model_copy(update={"last_transition_time": was.last_transition_time}) if was and same else one

    return list(map(kept, now))
