"""Condition helpers for all kinds, like https://pkg.go.dev/k8s.io/apimachinery/pkg/api/meta for Go."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal

from epochal_api.condition import Condition, timestamp

from epochal_operator.runtime.reasons import StatusCause

ConditionStatus = Literal["True", "False", "Unknown"]

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


def make_conditions(
    values: Iterable[tuple[str, ConditionStatus, StatusCause]],
    before: Iterable[Condition] | None,
    *,
    generation: int,
    now: datetime,
    max_bytes: int = MAX_MESSAGE,
) -> list[Condition]:
    """Return conditions that keep the previous transition time where their status did not change.

    Args:
        values: The type, status and cause of each condition.
        before: The previous conditions.
        generation: The metadata.generation of the object.
        now: The time, with a time zone.
        max_bytes: Limit of each message in bytes.
    """
    known, time = list(before or ()), timestamp(now)

    def since(kind: str, status: str) -> str:
        was = get_condition(known, kind)
        return was.last_transition_time if was is not None and was.status == status else time

    return [
        Condition(
            type=kind,
            status=status,
            reason=cause.reason,
            message=cause.message.encode(errors="replace")[:max_bytes].decode(errors="ignore"),
            last_transition_time=since(kind, status),
            observed_generation=generation,
        )
        for kind, status, cause in values
    ]
