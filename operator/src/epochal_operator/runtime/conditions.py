"""Conditions of objects of any kind: https://pkg.go.dev/k8s.io/apimachinery/pkg/api/meta has the same for Go."""

from collections.abc import Iterable, Mapping
from typing import Any

from epochal_api.condition import Condition

MAX_MESSAGE = 7168
"""Bytes of a condition's message."""
FINISHED = "Finished"
ENDS = ("Complete", "Failed")
"""The conditions of which one is True once an object of a kind that ends has ended."""


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


def with_finished(conditions: Iterable[Condition]) -> list[Condition]:
    """Returns conditions with one that says whether the object has ended, however: `kubectl wait` waits for one alone.

    Args:
        conditions: The conditions of an object of a kind that ends, which has those that ENDS names.
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
