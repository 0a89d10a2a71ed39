"""Condition helpers for all kinds, like https://pkg.go.dev/k8s.io/apimachinery/pkg/api/meta for Go."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal

from epochal_api.condition import Condition, timestamp

from epochal_operator.runtime.reasons import StatusCause

ConditionStatus = Literal["True", "False", "Unknown"]

MAX_CONDITION_MESSAGE_BYTES = 7168
"""Maximum bytes of a condition's message. A longer message is cut."""
FINISHED = "Finished"
ENDS = ("Complete", "Failed")
"""Condition types of finished objects: of a finished object, exactly one of these conditions is True."""


def condition_of(obj: Mapping[str, Any], type_: str, status: str = "True") -> Mapping[str, Any] | None:
    """Return the condition of a type in an object's JSON if it has the given status, or None."""
    conditions = obj.get("status", {}).get("conditions") or []
    return next((found for found in conditions if found.get("type") == type_ and found.get("status") == status), None)


def is_finished(obj: Mapping[str, Any]) -> bool:
    """Return whether an object has ended, by its condition `Finished`. A TrainingJob with a refused spec has it too."""
    return condition_of(obj, FINISHED) is not None


def get_condition(conditions: Iterable[Condition] | None, type_: str) -> Condition | None:
    """Return the condition of a type with any status, or None."""
    return next((found for found in conditions or () if found.type == type_), None)


def is_true(conditions: Iterable[Condition] | None, type_: str) -> bool:
    """Return whether the condition of a type exists and is True."""
    found = get_condition(conditions, type_)
    return found is not None and found.status == "True"


def stays_suspended(before: Iterable[Condition] | None, *, suspend: bool) -> bool:
    """Return whether an unfinished object stays suspended: spec.suspend is true, and Suspended was True before.

    So a late pod, which is about to end, does not interrupt the suspension.

    Args:
        before: The previous conditions.
        suspend: The spec.suspend.
    """
    return suspend and is_true(before, "Suspended")


def began_suspension(before: Iterable[Condition] | None, after: Iterable[Condition] | None) -> str | None:
    """Return the key of the Event if a suspension begins, or None if none begins.

    The key is the observed generation of the previous condition Suspended, or an empty text without this condition; see
    `ended_suspension`.

    Args:
        before: The previous conditions.
        after: The new conditions.
    """
    active = get_condition(before, "Suspended")
    if not is_true(after, "Suspended") or (active is not None and active.status == "True"):
        return None
    return str(active.observed_generation) if active is not None else ""


def ended_suspension(
    before: Iterable[Condition] | None, after: Iterable[Condition] | None, *, suspend: bool
) -> str | None:
    """Return the key of the Event if a suspension ends, or None if none ends.

    The key is the observed generation of the previous condition Suspended. After a conflict, the Event is emitted again
    with the same key, even for a later generation. A transition time is no key: two suspensions may begin within one
    second, its unit.

    Args:
        before: The previous conditions.
        after: The new conditions.
        suspend: The spec.suspend.
    """
    suspended = get_condition(before, "Suspended")
    if suspended is None or suspended.status != "True" or is_true(after, "Suspended") or suspend:
        return None
    return str(suspended.observed_generation)


def with_finished(conditions: Iterable[Condition]) -> list[Condition]:
    """Return conditions with a `Finished` condition if there is `Complete` or `Failed`; it is True if either is True.

    With this condition, one `kubectl wait` can wait for both success and failure.
    """
    others = [condition for condition in conditions if condition.type != FINISHED]
    ends = [condition for condition in others if condition.type in ENDS]
    if not ends:
        return others
    latest = max(ends, key=lambda condition: (condition.status == "True", condition.last_transition_time))
    changes = {"type": FINISHED, "message": ""}
    if latest.status == "True":
        changes |= {"reason": latest.type, "message": f"The object has ended: {latest.reason}."}
    place = 1 + max(map(others.index, ends))
    return [*others[:place], latest.model_copy(update=changes), *others[place:]]


def make_conditions(
    values: Iterable[tuple[str, ConditionStatus, StatusCause]],
    before: Iterable[Condition] | None,
    *,
    generation: int,
    now: datetime,
    max_bytes: int = MAX_CONDITION_MESSAGE_BYTES,
) -> list[Condition]:
    """Return conditions with these values. A condition whose status is unchanged keeps its previous transition time.

    Args:
        values: Type, status and cause of each condition.
        before: The previous conditions.
        generation: The observed generation.
        now: The transition time of the other conditions.
        max_bytes: Maximum bytes of a message. Longer messages are cut.
    """
    previous, time = list(before or ()), timestamp(now)

    def transition_time(type_: str, status: str) -> str:
        condition = get_condition(previous, type_)
        return condition.last_transition_time if condition is not None and condition.status == status else time

    return [
        Condition(
            type=type_,
            status=status,
            reason=cause.reason,
            message=cause.message.encode(errors="replace")[:max_bytes].decode(errors="ignore"),
            last_transition_time=transition_time(type_, status),
            observed_generation=generation,
        )
        for type_, status, cause in values
    ]
